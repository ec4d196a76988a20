#include "outbound/deliver/site_pool.h"

#include <unistd.h>

#include <algorithm>
#include <array>
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

// A transaction whose connection ends before its turn is run again so often; then that is its outcome.
constexpr int kMaxReruns = 3;
constexpr milliseconds kSweepMin(5);
constexpr milliseconds kSweepMax(100);
constexpr milliseconds kSweepQuiet(1'000);  // while nothing waits
// Sites that a sweep looks at whether they can be forgotten.
constexpr std::size_t kLookedAt = 256;
// Sites remembered for their failures alone; beyond it they are forgotten at once.
constexpr std::size_t kMaxSites = 50'000;

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

SessionConfig SessionConfigOf(const DeliverConfig& config, bool tls) {
  SessionConfig session;
  session.helo = config.helo;
  session.tls = tls ? SessionConfig::Tls::kIfOffered : SessionConfig::Tls::kNever;
  session.chunking_from = config.chunking_from.bytes;
  session.follow_limit = config.follow_limit;
  session.time_limit_percent = config.time_limit_percent;
  return session;
}

DeliverConfig WithHelo(DeliverConfig config) {
  if (config.helo.empty()) config.helo = HostName();
  return config;
}

void LogResult(const JobInHand& job, const Result& result) {
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  const queue::v1::Outcome& outcome = result.outcome;
  // No attempt; all of a site's together are one line now and then.
  if (outcome.reason() == queue::v1::REASON_SITE_BUSY) return;
  const queue::v1::Mail& mail = *job.job.mail;
  const auto& first = mail.recipients(static_cast<int>(result.recipients.front()));
  observe::Info("delivery attempt", {{"message", mail.message_id()},
                                     {"result", VerdictName(result.verdict)},
                                     {"to", observe::LogAddress(first.address())},
                                     {"recipients", result.recipients.size()},
                                     {"host", outcome.remote_host()},
                                     {"ip", outcome.remote_ip()},
                                     {"tls", outcome.tls_version()},
                                     {"phase", queue::v1::Phase_Name(outcome.phase())},
                                     {"reason", queue::v1::Reason_Name(outcome.reason())},
                                     {"code", outcome.reply_code()},
                                     {"enhanced", outcome.enhanced_code()},
                                     {"text", outcome.text()},
                                     {"ambiguous", outcome.ambiguous()},
                                     {"latency_ms", std::chrono::microseconds(outcome.latency_us())}});
}

}  // namespace

SitePool::SitePool(asio::any_io_executor executor, DeliverConfig config,
                   std::shared_ptr<net::TlsClientContext> tls, observe::Metrics& metrics)
    : executor_(std::move(executor)),
      config_(WithHelo(std::move(config))),
      with_tls_(SessionConfigOf(config_, true)),
      without_tls_(SessionConfigOf(config_, false)),
      tls_(config_.tls == TlsMode::kOff ? nullptr : std::move(tls)),
      metrics_(metrics),
      reserve_(config_.connections * config_.reserved_percent / 100),
      most_trials_(reserve_ / 4),
      sweep_timer_(executor_) {}

Site& SitePool::SiteOf(const std::string& key) {
  std::unique_ptr<Site>& site = sites_[key];
  if (site == nullptr) site = std::make_unique<Site>(key);
  return *site;
}

void SitePool::Deliver(Job job) {
  Site& site = SiteOf(job.route->site);
  auto in_hand = std::make_unique<JobInHand>();
  in_hand->open = job.recipients;
  in_hand->job = std::move(job);
  const BootTime now = BootClock::now();
  in_hand->waiting_since = now;
  site.TakeOver();
  ++jobs_;
  metrics_.jobs.Set(static_cast<double>(jobs_));
  if (draining_) return HandBack(site, std::move(in_hand));
  if (site.IsDown(now)) {
    in_hand->DecideRest(Verdict::kTemporary, *site.failure());
    return GiveBack(site, std::move(in_hand));
  }
  if (!held_ && site.IsStuck(config_, now)) {
    return MoveOn(site, std::move(in_hand), outcomes::kSiteSilent);
  }
  if (!held_ && site.waiting() >= site.MostWaitingHere(config_, jobs_waiting_, now)) {
    return MoveOn(site, std::move(in_hand), outcomes::kSiteFull);
  }
  Queue(site, std::move(in_hand), false);
  Pump(site);
}

void SitePool::Queue(Site& site, std::unique_ptr<JobInHand> job, bool first) {
  const BootTime now = BootClock::now();
  if (first) {
    site.EnqueueFirst(std::move(job), now);
  } else {
    site.Enqueue(std::move(job), now);
  }
  ++jobs_waiting_;
  waiting_.Add(site);
  ArmSweep();
}

std::unique_ptr<JobInHand> SitePool::TakeFirst(Site& site) {
  std::unique_ptr<JobInHand> job = site.TakeFirst(BootClock::now());
  if (job != nullptr) Left(site);
  return job;
}

std::unique_ptr<JobInHand> SitePool::TakeLast(Site& site) {
  std::unique_ptr<JobInHand> job = site.TakeLast(BootClock::now());
  if (job != nullptr) Left(site);
  return job;
}

void SitePool::Left(Site& site) {
  --jobs_waiting_;
  if (site.waiting() == 0) waiting_.Remove(site);
}

std::unique_ptr<JobInHand> SitePool::TakeToBegin(Site& site) {
  std::unique_ptr<JobInHand> job = TakeFirst(site);
  if (job == nullptr) return nullptr;
  work_.Began(job.get(), site, BootClock::now());
  job->SetBegun(true);
  return job;
}

// Gives jobs that wait to connections that do not, and opens connections for the rest.
void SitePool::Pump(Site& site) {
  while (site.waiting() > 0 && !draining_ && !held_) {
    if (site.has_idle()) {
      const std::shared_ptr<Connection> connection = site.TakeFreshestIdle();
      if (!site.has_idle()) idle_.Remove(site);
      connection->Wake(TakeToBegin(site));
    } else if (site.MayOpen(config_, BootClock::now())) {
      if (!HasRoom(site)) return Await(site);
      Open(site);
    } else {
      return;
    }
  }
}

bool SitePool::HasRoom(const Site& site) const {
  if (connections_.size() >= config_.connections) return false;
  return site.IsProven(BootClock::now()) || !InReserve() || trials_.size() < most_trials_;
}

// Some site's idle connection makes room; what waits for it is served when it has closed.
void SitePool::Await(Site& site) {
  SiteLine& line = site.IsProven(BootClock::now()) ? proven_in_line_ : unproven_in_line_;
  if (line.Add(site)) EvictIdle();
}

void SitePool::ServeLine(SiteLine& line, std::size_t limit) {
  for (std::size_t left = line.size(); left > 0 && connections_.size() < limit; --left) Pump(*line.Take());
}

void SitePool::ServeThoseWithoutConnection() {
  // First those whom the proven ones would leave nothing.
  for (std::size_t left = unproven_in_line_.size();
       left > 0 && trials_.size() < most_trials_ && connections_.size() < config_.connections; --left) {
    Pump(*unproven_in_line_.Take());
  }
  ServeLine(proven_in_line_, config_.connections);
  ServeLine(unproven_in_line_, config_.connections - reserve_);
}

void SitePool::Hold(bool held) {
  const bool ends = std::exchange(held_, held) && !held;
  for (Site* const site : waiting_.All()) {
    if (ends) site->WaitAnew(BootClock::now());
    Pump(*site);
  }
}

void SitePool::Open(Site& site) {
  site.BeginOpening(BootClock::now());
  auto connection = std::make_shared<Connection>(*this, site, TakeToBegin(site));
  if (InReserve() && !site.IsProven(BootClock::now())) trials_.insert(connection.get());
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

void SitePool::PutBack(Site& site, std::unique_ptr<JobInHand> job) {
  work_.Ended(job.get());
  if (draining_) return HandBack(site, std::move(job));
  Queue(site, std::move(job), true);
}

void SitePool::TransactionDone(Site& site, std::unique_ptr<JobTransaction> transaction) {
  metrics_.transactions.Add();
  if (transaction->untouched()) metrics_.untouched.Add();
  std::unique_ptr<JobInHand> job = transaction->TakeJob();
  if (job->reruns > kMaxReruns) {
    job->DecideRest(outcomes::kLostBeforeItsTurn);
  }
  if (job->open.empty()) return GiveBack(site, std::move(job));
  job->waiting_since = BootClock::now();
  PutBack(site, std::move(job));
}

void SitePool::GiveBack(Site& site, std::unique_ptr<JobInHand> job) {
  const BootTime now = BootClock::now();
  bool tried = false;
  for (const Result& result : job->results) {
    metrics_.Count(result);
    LogResult(*job, result);
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

void SitePool::HandBack(Site& site, std::unique_ptr<JobInHand> job) {
  job->DecideRest(outcomes::kShuttingDown);
  GiveBack(site, std::move(job));
}

void SitePool::MoveOn(Site& site, std::unique_ptr<JobInHand> job, const OutcomeRow& why) {
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  const milliseconds away = site.MovedAway(config_, random, BootClock::now());
  job->DecideRest(why);
  job->results.back().wait = away;
  metrics_.moved.Add();
  moved_.Add(site);
  GiveBack(site, std::move(job));
  ArmSweep();
}

void SitePool::FlushDone() {
  flush_posted_ = false;
  std::vector<std::unique_ptr<JobInHand>> done;
  done.swap(done_);
  jobs_ -= done.size();
  metrics_.jobs.Set(static_cast<double>(jobs_));
  for (const auto& job : done) job->job.done(std::move(job->results));
}

void SitePool::Opened(Site& site) {
  site.Opened(BootClock::now());
  metrics_.opened.Add();
  Pump(site);
}

void SitePool::OpeningFailed(Site& site, std::unique_ptr<JobInHand> job, Result failure) {
  site.OpeningEnded();
  if (IsOwnLimit(failure)) {
    // It comes back later, and nothing is held against the site.
    observe::Warn("connection not opened", {{"site", site.key}, {"reason", failure.outcome.text()}});
    site.NoteOwnLimit(BootClock::now());
    job->DecideRest(Verdict::kNotTried, failure.outcome);
    return GiveBack(site, std::move(job));
  }
  if (failure.verdict == Verdict::kNotTried) {
    if (draining_) return HandBack(site, std::move(job));
    return MoveOn(site, std::move(job), outcomes::kNoConnection);
  }
  metrics_.open_failures.Add();
  if (site.ready() > 0) {
    // The site works, but wants no more connections of us: those that it took go on.
    site.NoteEnough(config_, BootClock::now());
    return PutBack(site, std::move(job));
  }
  job->DecideRest(failure.verdict, failure.outcome);
  GiveBack(site, std::move(job));
  if (site.opening() > 0) return;
  site.NoteFailure(config_, failure.outcome, BootClock::now());
  observe::InfoLimited("site down", {{"site", site.key},
                                     {"text", failure.outcome.text()},
                                     {"failures", site.failures_in_a_row()},
                                     {"jobs", site.waiting()}});
  // Whether the others would be refused for good is not known: a refusal of the connection names no mail.
  while (std::unique_ptr<JobInHand> waiting = TakeFirst(site)) {
    waiting->DecideRest(Verdict::kTemporary, failure.outcome);
    GiveBack(site, std::move(waiting));
  }
}

void SitePool::Park(Site& site, const std::shared_ptr<Connection>& connection) {
  site.Park(connection);
  idle_.Add(site);
  if (eviction_posted_ || (proven_in_line_.empty() && unproven_in_line_.empty())) return;
  // Others have none. Not at once: the connection is not waiting yet.
  eviction_posted_ = true;
  asio::post(executor_, [this] {
    eviction_posted_ = false;
    if (!proven_in_line_.empty() || !unproven_in_line_.empty()) EvictIdle();
  });
}

void SitePool::Unpark(Site& site, const Connection* connection) {
  site.Unpark(connection);
  if (!site.has_idle()) idle_.Remove(site);
}

void SitePool::Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready) {
  if (ready) site.ReadyEnded();
  connections_.erase(connection);
  trials_.erase(connection.get());
  metrics_.connections.Set(static_cast<double>(connections_.size()));
  NoteQuiet(site);
  ServeThoseWithoutConnection();
  if (!proven_in_line_.empty() || !unproven_in_line_.empty()) EvictIdle();  // one was not enough
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

// Outcomes that the broker does not take are no reason to move what waits: a move would not be taken either.
void SitePool::SweepWaiting(Site& site, BootTime now) {
  if (held_) return;
  while (site.waiting() > 0 && now - site.waiting_since() >= config_.max_wait) {
    MoveOn(site, TakeFirst(site), outcomes::kWaitedTooLong);
  }
  // The last that came go first: the others are nearer to their turn.
  while (site.waiting() > site.MostWaitingHere(config_, jobs_waiting_, now)) {
    MoveOn(site, TakeLast(site), outcomes::kSiteFull);
  }
  Pump(site);
}

// One line for each busy site and period, however many mails were moved.
void SitePool::TellMoved(BootTime now) {
  for (Site* const site : moved_.All()) {
    const std::optional<Site::MovedSummary> moved = site->TakeMovedSummary(now);
    if (!moved) continue;
    moved_.Remove(*site);
    observe::Info("site busy, mails moved until their turn",
                  {{"site", site->key},
                   {"mails", moved->mails},
                   {"in_hand", site->jobs()},
                   {"mails_a_minute", static_cast<int>(moved->per_second * 60)},
                   {"longest_ms", moved->longest}});
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
    for (SiteLine* line : {&waiting_, &idle_, &proven_in_line_, &unproven_in_line_, &moved_})
      line->Remove(site);
    sites_.erase(std::string(site.key));
  }
}

asio::awaitable<void> SitePool::Drain(milliseconds limit) {
  draining_ = true;
  sweep_timer_.cancel();
  for (Site* const site : waiting_.All()) {
    while (std::unique_ptr<JobInHand> job = TakeFirst(*site)) HandBack(*site, std::move(job));
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
