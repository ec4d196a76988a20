#include "outbound/deliver/site_pool.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "common/base/await.h"
#include "common/base/spawn.h"
#include "common/observe/log.h"
#include "outbound/deliver/connection.h"
#include "outbound/outcome/outcomes.h"
#include "outbound/route/route.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

// A transaction whose connection ends before its turn, or that an extension of the server's comes in the way
// of, is run again so often; then that is its outcome.
constexpr int kMaxReruns = 3;
constexpr milliseconds kSweepMin(5);
constexpr milliseconds kSweepMax(100);
constexpr milliseconds kSweepQuiet(1'000);  // while nothing waits
// Sites that a sweep looks at whether they can be forgotten.
constexpr std::size_t kLookedAt = 256;
// What was released from a shelf waits in hand for so long: it came at the pace of the site.
constexpr std::chrono::seconds kReleasedWait(60);
// Sites remembered for their failures alone; beyond it they are forgotten at once.
constexpr std::size_t kMaxSites = 50'000;

}  // namespace

SitePool::SitePool(asio::any_io_executor executor, DeliverConfig config,
                   std::shared_ptr<net::TlsClientContext> tls, ClusterView& view, observe::Metrics& metrics)
    : executor_(std::move(executor)),
      config_(WithHelo(std::move(config))),
      with_tls_(SessionConfigOf(config_, true)),
      without_tls_(SessionConfigOf(config_, false)),
      tls_(config_.tls == TlsMode::kOff ? nullptr : std::move(tls)),
      view_(view),
      metrics_(metrics),
      budget_(config_.connections, config_.reserved_percent),
      sweep_timer_(executor_),
      rate_timer_(executor_),
      shares_since_(BootClock::now()) {
  view_.OnChange([this](const std::string& key) { Changed(key); });
}

SitePool::~SitePool() {
  view_.OnChange({});
}

Site& SitePool::SiteOf(const std::string& key) {
  std::unique_ptr<Site>& site = sites_[key];
  if (site == nullptr) {
    site = std::make_unique<Site>(key, LimitsOf(config_, key));
    site->Follow(view_.WordOf(key), SharesOf(key, site->limits()), shares_since_);
  }
  return *site;
}

Site::Shares SitePool::SharesOf(const std::string& key, const SiteLimits& limits) const {
  return {view_.ShareOf(limits.connections, key),
          limits.messages ? view_.ShareOf(limits.messages->count, key) : 0,
          limits.recipients ? view_.ShareOf(limits.recipients->count, key) : 0};
}

void SitePool::Changed(const std::string& key) {
  if (key.empty()) {
    shares_since_ = BootClock::now();
    for (const auto& [name, site] : sites_) Follow(*site);
  } else if (const auto site = sites_.find(key); site != sites_.end()) {
    Follow(*site->second);
  }
}

void SitePool::Follow(Site& site) {
  SiteWord word = view_.WordOf(site.key());
  if (site.TakeContradiction(word, BootClock::now())) {
    view_.Contradict(site.key(), word.epoch);
    word = view_.WordOf(site.key());
  }
  if (!site.Follow(word, SharesOf(site.key(), site.limits()), BootClock::now())) return;
  MoveUnadmitted(site);
  EndIdle(site);
  Pump(site);
}

bool SitePool::HasShare(const Route& route) {
  const SiteLimits limits = LimitsOf(config_, route.site);
  const Site::Shares shares = SharesOf(route.site, limits);
  return shares.connections > 0 && (!limits.messages || shares.messages > 0) &&
         (!limits.recipients || shares.recipients > 0);
}

bool SitePool::RateAllows(Site& site) {
  if (site.RateAllows(BootClock::now())) return true;
  if (site.waiting() > 0) {
    at_rate_.emplace(site.RateNext(), &site);
    ArmRates();
  }
  return false;
}

std::size_t SitePool::MayBegin(Site& site) {
  return site.RateAllows(BootClock::now()) ? site.MostRecipients(config_.recipients_per_transaction) : 0;
}

void SitePool::ArmRates() {
  if (at_rate_.empty() || draining_) return;
  rate_timer_.expires_after(at_rate_.begin()->first - BootClock::now());
  rate_timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    while (!at_rate_.empty() && at_rate_.begin()->first <= BootClock::now()) {
      Site& site = *at_rate_.begin()->second;
      at_rate_.erase(at_rate_.begin());
      Pump(site);
    }
    ArmRates();
  });
}

void SitePool::Deliver(Job job) {
  Site& site = SiteOf(job.route->site);
  if (view_.WordOf(site.key()) != site.word()) Follow(site);
  const BootTime now = BootClock::now();
  auto in_hand = std::make_unique<Job>(std::move(job));
  in_hand->TakeOver(now);
  site.TakeOver();
  site.NoteDomain(in_hand->mail->recipients(static_cast<int>(in_hand->recipients.front())).address());
  ++jobs_;
  metrics_.jobs.Set(static_cast<double>(jobs_));
  if (draining_) return HandBack(site, std::move(in_hand));
  if (!Admits(site.word(), in_hand->probe_epoch)) {
    return MoveOn(site, std::move(in_hand), outcomes::kSiteClosed);
  }
  if (site.share() == 0) return MoveOn(site, std::move(in_hand), outcomes::kSiteElsewhere);
  if (site.IsDown(now)) {
    in_hand->DecideRest(Verdict::kTemporary, *site.failure());
    return GiveBack(site, std::move(in_hand));
  }
  if (!held_ && !in_hand->released && site.IsStuck(config_, now)) {
    return MoveOn(site, std::move(in_hand), outcomes::kSiteSilent);
  }
  if (!held_ && in_hand->yields && site.waiting() >= site.MostWaitingOfYielding()) {
    return MoveOn(site, std::move(in_hand), outcomes::kOthersFirst);
  }
  Queue(site, std::move(in_hand), false);
  Pump(site);
  MoveTooMany(site);
}

void SitePool::Queue(Site& site, std::unique_ptr<Job> job, bool first) {
  const BootTime now = BootClock::now();
  ++jobs_waiting_;
  waiting_.Add(site);
  ArmSweep();
  if (first) {
    site.EnqueueFirst(std::move(job), now);
  } else {
    site.Enqueue(std::move(job), now);
  }
}

void SitePool::Left(Site& site, std::size_t jobs) {
  jobs_waiting_ -= jobs;
  if (site.waiting() == 0) waiting_.Remove(site);
}

std::unique_ptr<Job> SitePool::TakeToBegin(Site& site) {
  std::unique_ptr<Job> job = site.TakeNext(BootClock::now());
  if (job == nullptr) return nullptr;
  Left(site, 1);
  job->SetEpoch(site.word().epoch);
  work_.Began(job.get(), site, BootClock::now());
  job->SetBegun(true);
  return job;
}

// Gives jobs that wait to connections that do not, and opens connections for the rest.
void SitePool::Pump(Site& site) {
  while (site.waiting() > 0 && !draining_ && !held_ && RateAllows(site)) {
    if (site.has_idle()) {
      const std::shared_ptr<Connection> connection = site.TakeFreshestIdle();
      if (!site.has_idle()) idle_.Remove(site);
      connection->Wake(TakeToBegin(site));
      if (site.has_rate()) return;  // one at a time: it takes what may go when it begins
    } else if (site.MayOpen(BootClock::now())) {
      if (!budget_.HasRoom(site, BootClock::now())) {
        // Some site's idle connection makes room; what waits for it is served when it has closed.
        if (budget_.Await(site, BootClock::now())) EvictIdle();
        return;
      }
      Open(site);
      if (site.has_rate()) return;
    } else {
      return;
    }
  }
}

void SitePool::Hold(bool held) {
  const bool ends = std::exchange(held_, held) && !held;
  for (Site* const site : waiting_.All()) {
    if (ends) {
      site->WaitAnew(BootClock::now());
      MoveUnadmitted(*site);
    }
    Pump(*site);
  }
}

void SitePool::Open(Site& site) {
  site.BeginOpening(BootClock::now());
  auto connection = std::make_shared<Connection>(*this, site, TakeToBegin(site));
  budget_.Opened(connection.get(), site, BootClock::now());
  connections_.insert(connection);
  metrics_.connections.Set(static_cast<double>(connections_.size()));
  SpawnLogged(executor_, tasks_, "delivery connection", Connection::Run(std::move(connection)));
}

void SitePool::EvictIdle() {
  Site* const site = idle_.First();
  if (site == nullptr) return;
  const std::shared_ptr<Connection> connection = site->TakeStalestIdle();
  if (!site->has_idle()) idle_.Remove(*site);
  connection->Wake(nullptr);
}

// What is open beyond what may be; those with work leave when they are through with it.
void SitePool::EndIdle(Site& site) {
  while (site.HasTooMany() && site.has_idle()) {
    const std::shared_ptr<Connection> connection = site.TakeStalestIdle();
    if (!site.has_idle()) idle_.Remove(site);
    connection->Wake(nullptr);
  }
}

void SitePool::PutBack(Site& site, std::unique_ptr<Job> job) {
  work_.Ended(job.get());
  if (draining_) return HandBack(site, std::move(job));
  if (!Admits(site.word(), job->probe_epoch)) return MoveOn(site, std::move(job), outcomes::kSiteClosed);
  if (site.share() == 0) return MoveOn(site, std::move(job), outcomes::kSiteElsewhere);
  Queue(site, std::move(job), true);
}

void SitePool::TransactionDone(Site& site, std::unique_ptr<Job> job, Transaction& transaction) {
  metrics_.transactions.Add();
  if (transaction.untouched()) metrics_.untouched.Add();
  Judge(site, *job, transaction);
  job->End(transaction);
  if (job->reruns() > kMaxReruns && transaction.goodbye()) {
    job->DecideRest(Verdict::kTemporary, *transaction.goodbye());
  } else if (job->reruns() > kMaxReruns) {
    job->DecideRest(transaction.extension_failed() ? outcomes::kExtensionsRefused
                                                   : outcomes::kLostBeforeItsTurn);
  }
  if (job->decided()) return GiveBack(site, std::move(job));
  job->WaitSince(BootClock::now());
  PutBack(site, std::move(job));
}

void SitePool::GivenUp(Site& site, std::unique_ptr<Job> job) {
  job->GiveUp();
  GiveBack(site, std::move(job));
}

void SitePool::GiveBack(Site& site, std::unique_ptr<Job> job) {
  const BootTime now = BootClock::now();
  bool tried = false;
  for (const Result& result : job->results()) {
    metrics_.Count(result);
    tried = tried || result.verdict != Verdict::kNotTried;
    if (result.verdict == Verdict::kDelivered) site.NoteDelivered(now);
  }
  work_.Ended(job.get());
  site.GaveBack(tried, now);
  NoteQuiet(site);
  done_.push_back(std::move(job));
  if (flush_posted_) return;
  flush_posted_ = true;
  asio::post(executor_, [this] { FlushDone(); });
}

void SitePool::HandBack(Site& site, std::unique_ptr<Job> job) {
  job->DecideRest(outcomes::kShuttingDown);
  GiveBack(site, std::move(job));
}

void SitePool::MoveOn(Site& site, std::unique_ptr<Job> job, const OutcomeRow& why) {
  job->DecideRest(why);
  metrics_.moved.Add();
  if (why.reason == queue::v1::REASON_SITE_BUSY) {
    site.NoteMoved();
    moved_.Add(site);
  }
  GiveBack(site, std::move(job));
  ArmSweep();
}

void SitePool::MoveAllOn(Site& site, std::vector<std::unique_ptr<Job>> jobs, const OutcomeRow& why) {
  Left(site, jobs.size());
  for (auto& job : jobs) MoveOn(site, std::move(job), why);
}

// Outcomes that the broker does not take are no reason to move what waits: a move would not be taken either.
void SitePool::MoveUnadmitted(Site& site) {
  if (held_ || site.waiting() == 0) return;
  const bool elsewhere = site.share() == 0 && site.word().state == SiteState::kOpen;
  MoveAllOn(site, site.TakeUnadmitted(BootClock::now()),
            elsewhere ? outcomes::kSiteElsewhere : outcomes::kSiteClosed);
}

void SitePool::MoveTooMany(Site& site) {
  if (held_) return;
  while (std::unique_ptr<Job> job = site.TakeTooMany(config_, jobs_waiting_, BootClock::now())) {
    Left(site, 1);
    MoveOn(site, std::move(job), outcomes::kSiteFull);
  }
}

void SitePool::FlushDone() {
  flush_posted_ = false;
  std::vector<std::unique_ptr<Job>> done;
  done.swap(done_);
  jobs_ -= done.size();
  metrics_.jobs.Set(static_cast<double>(jobs_));
  for (const auto& job : done) job->GiveBack();
}

void SitePool::Park(Site& site, const std::shared_ptr<Connection>& connection) {
  site.Park(connection);
  idle_.Add(site);
  if (eviction_posted_ || !budget_.SomeoneWaits()) return;
  // Others have none. Not at once: the connection is not waiting yet.
  eviction_posted_ = true;
  asio::post(executor_, [this] {
    eviction_posted_ = false;
    if (budget_.SomeoneWaits()) EvictIdle();
  });
}

void SitePool::Unpark(Site& site, const Connection* connection) {
  site.Unpark(connection);
  if (!site.has_idle()) idle_.Remove(site);
}

void SitePool::Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready) {
  if (ready) site.ReadyEnded();
  connections_.erase(connection);
  budget_.Closed(connection.get());
  metrics_.connections.Set(static_cast<double>(connections_.size()));
  NoteQuiet(site);
  budget_.Serve([this](Site& waiting) { Pump(waiting); });
  if (budget_.SomeoneWaits()) EvictIdle();  // one was not enough
  Pump(site);
}

void SitePool::ArmSweep() {
  if (draining_) return;
  const bool quiet = waiting_.empty() && moved_.empty();
  const BootTime at =
      BootClock::now() + (quiet ? kSweepQuiet : std::clamp(config_.max_wait / 4, kSweepMin, kSweepMax));
  if (sweep_at_ && *sweep_at_ <= at) return;
  sweep_at_ = at;
  sweep_timer_.expires_after(at - BootClock::now());
  sweep_timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    sweep_at_.reset();
    Sweep();
  });
}

// Moves what has waited too long or is too much, opens what was not allowed before, forgets sites without
// business.
void SitePool::Sweep() {
  const BootTime now = BootClock::now();
  work_.Judge(now - config_.max_wait);
  for (Site* const site : waiting_.All()) SweepWaiting(*site, now);
  TellMoved(now);
  Forget(now);
  if (!sites_.empty()) ArmSweep();
}

void SitePool::SweepWaiting(Site& site, BootTime now) {
  if (held_) return;
  MoveAllOn(site, site.TakeWaiting(now - config_.max_wait, now - kReleasedWait, now),
            outcomes::kWaitedTooLong);
  MoveTooMany(site);
  Pump(site);
}

// One line for each busy site and period, however many mails were moved.
void SitePool::TellMoved(BootTime now) {
  for (Site* const site : moved_.All()) {
    const std::optional<Site::MovedSummary> moved = site->TakeMovedSummary(now);
    if (!moved) continue;
    moved_.Remove(*site);
    observe::Info("site busy, mails wait on its shelf",
                  {{"site", site->key()},
                   {"mails", moved->mails},
                   {"in_hand", site->jobs()},
                   {"mails_a_minute", static_cast<int>(moved->per_second * 60)}});
  }
}

void SitePool::NoteQuiet(Site& site) {
  if (!site.IsIdle()) return;
  quiet_.Add(site);
  ArmSweep();
}

void SitePool::Forget(BootTime now) {
  const std::size_t too_many = sites_.size() - std::min(sites_.size(), kMaxSites);
  for (std::size_t left = std::min(quiet_.size(), kLookedAt + too_many); left > 0; --left) {
    Site& site = *quiet_.Take();
    if (!site.IsIdle()) continue;  // it comes again when it is
    if (!site.IsForgettable(now) && sites_.size() <= kMaxSites) {
      quiet_.Add(site);
      continue;
    }
    budget_.Forget(site);
    for (SiteLine* line : {&waiting_, &idle_, &moved_}) line->Remove(site);
    std::erase_if(at_rate_, [&site](const auto& entry) { return entry.second == &site; });
    sites_.erase(std::string(site.key()));
  }
}

asio::awaitable<void> SitePool::Drain(milliseconds limit) {
  draining_ = true;
  sweep_timer_.cancel();
  rate_timer_.cancel();
  for (Site* const site : waiting_.All()) {
    std::vector<std::unique_ptr<Job>> jobs = site->TakeAll(BootClock::now());
    Left(*site, jobs.size());
    for (auto& job : jobs) HandBack(*site, std::move(job));
  }
  // Copied: connections may leave while they are told.
  const std::vector<std::shared_ptr<Connection>> connections(connections_.begin(), connections_.end());
  for (const auto& connection : connections) connection->Drain();
  asio::steady_timer timer(executor_, limit);
  timer.async_wait([this](asio::error_code error) {
    if (!error) CutAll();
  });
  co_await AwaitCallback<bool>([this](auto done) { tasks_.OnEmpty([done] { done(true); }); });
  timer.cancel();
  // What was posted before has run when this resumes, so nothing refers to the pool any more afterwards.
  do {
    co_await asio::post(executor_, asio::use_awaitable);
  } while (flush_posted_);
}

void SitePool::CutAll() {
  const std::vector<std::shared_ptr<Connection>> connections(connections_.begin(), connections_.end());
  for (const auto& connection : connections) connection->Cut();
}

}  // namespace goniec::outbound
