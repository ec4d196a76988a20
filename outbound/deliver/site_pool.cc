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
#include "outbound/route/route.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

// A transaction whose connection ends before its turn is run again so often; then that is its outcome.
constexpr int kMaxReruns = 3;
constexpr milliseconds kSweepMin(5);
constexpr milliseconds kSweepMax(1'000);
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

queue::v1::Outcome OwnOutcome(queue::v1::Reason reason, std::string_view text) {
  queue::v1::Outcome outcome;
  outcome.set_phase(queue::v1::PHASE_CONNECT);
  outcome.set_reason(reason);
  outcome.set_text(std::string(text));
  return outcome;
}

void LogResult(const JobInHand& job, const Result& result) {
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  const queue::v1::Outcome& outcome = result.outcome;
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
      sweep_timer_(executor_) {}

Site& SitePool::SiteOf(const std::string& key) {
  std::unique_ptr<Site>& site = sites_[key];
  if (site == nullptr) site = std::make_unique<Site>(key);
  return *site;
}

std::size_t SitePool::jobs(const std::string& site) const {
  const auto found = sites_.find(site);
  return found == sites_.end() ? 0 : found->second->jobs;
}

void SitePool::Deliver(Job job) {
  Site& site = SiteOf(job.route->site);
  auto in_hand = std::make_unique<JobInHand>();
  in_hand->open = job.recipients;
  in_hand->job = std::move(job);
  const BootTime now = BootClock::now();
  in_hand->waiting_since = now;
  ++site.jobs;
  ++jobs_;
  metrics_.jobs.Set(static_cast<double>(jobs_));
  ArmSweep();
  if (draining_) return HandBack(site, std::move(in_hand), "shutting down");
  if (site.IsDown(now)) {
    in_hand->DecideRest(Verdict::kTemporary, *site.failure);
    return GiveBack(site, std::move(in_hand));
  }
  if (site.IsStuck(config_, now)) return HandBack(site, std::move(in_hand), "the site takes long to answer");
  site.queue.push_back(std::move(in_hand));
  Pump(site);
}

// Gives jobs that wait to connections that do not, and opens connections for the rest.
void SitePool::Pump(Site& site) {
  while (!site.queue.empty() && !draining_ && !held_) {
    if (!site.idle.empty()) {
      const std::shared_ptr<Connection> connection = std::move(site.idle.back());
      site.idle.pop_back();
      connection->Wake(NextJob(site));
    } else if (site.MayOpen(config_, BootClock::now())) {
      if (connections_.size() >= config_.connections) return EvictIdle();
      Open(site);
    } else {
      return;
    }
  }
}

void SitePool::Hold(bool held) {
  held_ = held;
  PumpAll();
}

void SitePool::PumpAll() {
  for (const auto& [key, site] : sites_) Pump(*site);
}

void SitePool::Open(Site& site) {
  if (site.opening++ == 0) site.opening_since = BootClock::now();
  auto connection = std::make_shared<Connection>(*this, site, NextJob(site));
  connections_.insert(connection);
  metrics_.connections.Set(static_cast<double>(connections_.size()));
  SpawnLogged(executor_, tasks_, "delivery connection", Connection::Run(std::move(connection)));
}

// Some site's idle connection makes room; what waits for it is pumped when it has closed.
void SitePool::EvictIdle() {
  for (const auto& [key, site] : sites_) {
    if (site->idle.empty()) continue;
    const std::shared_ptr<Connection> connection = std::move(site->idle.front());
    site->idle.erase(site->idle.begin());
    connection->Wake(nullptr);
    return;
  }
}

std::unique_ptr<JobInHand> SitePool::NextJob(Site& site) {
  if (site.queue.empty()) return nullptr;
  std::unique_ptr<JobInHand> job = std::move(site.queue.front());
  site.queue.pop_front();
  return job;
}

void SitePool::PutBack(Site& site, std::unique_ptr<JobInHand> job) {
  if (draining_) return HandBack(site, std::move(job), "shutting down");
  site.queue.push_front(std::move(job));
}

void SitePool::TransactionDone(Site& site, std::unique_ptr<JobTransaction> transaction) {
  metrics_.transactions.Add();
  if (transaction->untouched()) metrics_.untouched.Add();
  std::unique_ptr<JobInHand> job = transaction->TakeJob();
  if (job->reruns > kMaxReruns) {
    job->DecideRest(Verdict::kTemporary,
                    OwnOutcome(queue::v1::REASON_CONNECTION_LOST,
                               "the connection ended before this message, several times"));
  }
  if (job->open.empty()) return GiveBack(site, std::move(job));
  job->waiting_since = BootClock::now();
  PutBack(site, std::move(job));
}

void SitePool::GiveBack(Site& site, std::unique_ptr<JobInHand> job) {
  for (const Result& result : job->results) {
    metrics_.Count(result);
    LogResult(*job, result);
  }
  --site.jobs;
  done_.push_back(std::move(job));
  if (flush_posted_) return;
  flush_posted_ = true;
  asio::post(executor_, [this] { FlushDone(); });
}

void SitePool::HandBack(Site& site, std::unique_ptr<JobInHand> job, std::string_view why) {
  job->DecideRest(Verdict::kNotTried, OwnOutcome(queue::v1::REASON_SHUTDOWN, why));
  GiveBack(site, std::move(job));
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
  --site.opening;
  ++site.ready;
  site.NoteReady();
  metrics_.opened.Add();
  Pump(site);
}

void SitePool::OpeningFailed(Site& site, std::unique_ptr<JobInHand> job, Result failure) {
  --site.opening;
  if (failure.verdict == Verdict::kNotTried) return HandBack(site, std::move(job), failure.outcome.text());
  metrics_.open_failures.Add();
  if (site.ready > 0) {
    // The site works, but wants no more connections of us: those that it took go on.
    site.no_opening_before = BootClock::now() + config_.failed_site_pause;
    return PutBack(site, std::move(job));
  }
  job->DecideRest(failure.verdict, failure.outcome);
  GiveBack(site, std::move(job));
  if (site.opening > 0) return;
  site.NoteFailure(config_, failure.outcome, BootClock::now());
  observe::InfoLimited("site down", {{"site", site.key},
                                     {"text", failure.outcome.text()},
                                     {"failures", site.failures_in_a_row},
                                     {"jobs", site.queue.size()}});
  // Whether the others would be refused for good is not known: a refusal of the connection names no mail.
  while (std::unique_ptr<JobInHand> waiting = NextJob(site)) {
    waiting->DecideRest(Verdict::kTemporary, failure.outcome);
    GiveBack(site, std::move(waiting));
  }
}

void SitePool::Park(Site& site, const std::shared_ptr<Connection>& connection) {
  site.idle.push_back(connection);
}

void SitePool::Unpark(Site& site, const Connection* connection) {
  std::erase_if(site.idle, [connection](const auto& idle) { return idle.get() == connection; });
}

void SitePool::Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready) {
  if (ready) --site.ready;
  const bool was_full = connections_.size() >= config_.connections;
  connections_.erase(connection);
  metrics_.connections.Set(static_cast<double>(connections_.size()));
  ArmSweep();
  if (was_full) return PumpAll();
  Pump(site);
}

void SitePool::ArmSweep() {
  if (sweep_armed_ || draining_) return;
  sweep_armed_ = true;
  sweep_timer_.expires_after(std::clamp(config_.max_wait / 4, kSweepMin, kSweepMax));
  sweep_timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    sweep_armed_ = false;
    Sweep();
  });
}

// Hands back what has waited too long, opens what was not allowed before, forgets sites without business.
void SitePool::Sweep() {
  const BootTime now = BootClock::now();
  for (const auto& [key, site] : sites_) {
    std::deque<std::unique_ptr<JobInHand>> keep;
    while (std::unique_ptr<JobInHand> job = NextJob(*site)) {
      if (now - job->waiting_since < config_.max_wait) {
        keep.push_back(std::move(job));
      } else {
        HandBack(*site, std::move(job), "waited too long for a connection");
      }
    }
    site->queue.swap(keep);
    Pump(*site);
  }
  absl::erase_if(sites_, [&](const auto& entry) {
    const Site& site = *entry.second;
    const bool idle = site.jobs == 0 && site.opening == 0 && site.ready == 0;
    return site.IsForgettable(now) || (idle && sites_.size() > kMaxSites);
  });
  if (!sites_.empty()) ArmSweep();
}

asio::awaitable<void> SitePool::Drain(milliseconds limit) {
  draining_ = true;
  sweep_timer_.cancel();
  for (const auto& [key, site] : sites_) {
    while (std::unique_ptr<JobInHand> job = NextJob(*site)) HandBack(*site, std::move(job), "shutting down");
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
