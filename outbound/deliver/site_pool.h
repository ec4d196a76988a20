// Delivery by SMTP: all sites with their jobs and connections. It decides which job goes on which connection
// and when one is opened, gives jobs back, and sends away those that wait too long or are too many. The
// connections do the talking. Nothing here walks all sites: those that something is to be done for stand in
// lines.
//
// A destination that is down costs one socket and one mail an attempt: the first connection to a site is
// opened alone; when it fails, the job that it was opened for has failed. If the site is closed by that in
// the whole cluster (site/cluster_view.h), all others are given back untried; if it is not, they fail with
// it, and for a while new ones at once. One that answers that it takes no connection now (4xx) is left alone
// for a while, and is down only if it says so again and again. A destination that takes mail more slowly than
// it comes keeps a few jobs in hand; the others are given back untried.
//
// Confined to its executor, whose context must have one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/task_group.h"
#include "outbound/deliver/client_session.h"
#include "outbound/deliver/connection_budget.h"
#include "outbound/deliver/deliver_config.h"
#include "outbound/deliver/delivery_metrics.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/deliver/job.h"
#include "outbound/deliver/site.h"
#include "outbound/deliver/site_line.h"
#include "outbound/deliver/slow_work.h"
#include "outbound/site/cluster_view.h"
#include "outbound/site/site_report.h"

namespace goniec::net {
class TlsClientContext;
}
namespace goniec::observe {
class Metrics;
}

namespace goniec::outbound {

class SitePool final : public Dispatcher {
 public:
  // `tls` may be null: then connections stay in plain text. `view` and `metrics` must outlive the pool.
  // Drain() must have returned before it is destroyed, or Deliver() never been called.
  SitePool(asio::any_io_executor executor, DeliverConfig config, std::shared_ptr<net::TlsClientContext> tls,
           ClusterView& view, observe::Metrics& metrics);
  ~SitePool() override;
  SitePool(const SitePool&) = delete;
  SitePool& operator=(const SitePool&) = delete;

  [[nodiscard]] bool HasShare(const Route& route) override;
  void Deliver(Job job) override;
  void Hold(bool held) override;
  [[nodiscard]] asio::awaitable<void> Drain(std::chrono::milliseconds limit) override;
  // Jobs taken over whose `done` was not called yet.
  [[nodiscard]] std::size_t jobs() const { return jobs_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  // The sites with something in hand, and those that failed, at most `most`. Walks all sites: every few
  // seconds.
  [[nodiscard]] SiteSnapshots Snapshot(std::size_t most) const;

  // --- For connections ---
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] const DeliverConfig& config() const { return config_; }
  [[nodiscard]] const SessionConfig& session_config(bool tls) const { return tls ? with_tls_ : without_tls_; }
  [[nodiscard]] const std::shared_ptr<net::TlsClientContext>& tls() const { return tls_; }
  [[nodiscard]] const DeliveryMetrics& metrics() const { return metrics_; }
  [[nodiscard]] bool draining() const { return draining_; }

  // The next job that may begin at the site; null if there is none. Not for a connection that MustLeave().
  std::unique_ptr<Job> NextToBegin(Site& site) {
    return held_ || !RateAllows(site) ? nullptr : TakeToBegin(site);
  }
  // How many recipients a transaction may have that begins now; 0 if none may.
  [[nodiscard]] std::size_t MayBegin(Site& site);
  void TransactionDone(Site& site, std::unique_ptr<Job> job, Transaction& transaction);
  // An error has lost the job's transaction, and what became of it.
  void GivenUp(Site& site, std::unique_ptr<Job> job);
  // The job did not start after all: it is the next one again.
  void PutBack(Site& site, std::unique_ptr<Job> job);
  void Opened(Site& site);
  // No address became ready; `job` is the one that the connection was opened for.
  void OpeningFailed(Site& site, std::unique_ptr<Job> job, Result failure);
  // A ready connection that has nothing under way is one too many.
  [[nodiscard]] static bool MustLeave(const Site& site) { return site.HasTooMany(); }
  void Park(Site& site, const std::shared_ptr<Connection>& connection);
  void Unpark(Site& site, const Connection* connection);
  // The last call of a connection. `ready`: after Opened().
  void Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready);

 private:
  Site& SiteOf(const std::string& key);
  // Asks what word and share are now, and acts upon it.
  void Follow(Site& site);
  Site::Shares SharesOf(const std::string& key, const SiteLimits& limits) const;
  // False if the site is at its rate; then it is pumped when the next may go.
  bool RateAllows(Site& site);
  void ArmRates();
  void Changed(const std::string& key);
  void Queue(Site& site, std::unique_ptr<Job> job, bool first);
  std::unique_ptr<Job> TakeToBegin(Site& site);
  // They have left the site's queue.
  void Left(Site& site, std::size_t jobs);
  void Pump(Site& site);
  void EndIdle(Site& site);
  void Open(Site& site);
  void EvictIdle();
  // Give the job back, its open recipients as kNotTried: we stop; or the site is busy and it is to be moved.
  void HandBack(Site& site, std::unique_ptr<Job> job);
  void MoveOn(Site& site, std::unique_ptr<Job> job, const OutcomeRow& why);
  // All of them, which have left the queue.
  void MoveAllOn(Site& site, std::vector<std::unique_ptr<Job>> jobs, const OutcomeRow& why);
  void MoveUnadmitted(Site& site);
  void MoveTooMany(Site& site);
  void GiveBack(Site& site, std::unique_ptr<Job> job);

  // A connection was refused for now: nothing goes there for a while.
  void Refused(Site& site, std::unique_ptr<Job> job);
  // What a transaction of the job says of the site.
  void Judge(Site& site, const Job& job, Transaction& transaction);
  void TellWorked(Site& site, std::uint64_t epoch);
  // The site is down as far as this worker can tell: an attempt that began in `epoch` let nobody in.
  void TellFailed(Site& site, std::uint64_t epoch, const queue::v1::Outcome& outcome);
  void FlushDone();
  void ArmSweep();
  void Sweep();
  void SweepWaiting(Site& site, BootTime now);
  void TellMoved(BootTime now);
  void NoteQuiet(Site& site);
  void Forget(BootTime now);
  void CutAll();

  asio::any_io_executor executor_;
  const DeliverConfig config_;
  SessionConfig with_tls_;
  SessionConfig without_tls_;
  std::shared_ptr<net::TlsClientContext> tls_;
  ClusterView& view_;
  const DeliveryMetrics metrics_;

  TaskGroup tasks_;
  absl::flat_hash_map<std::string, std::unique_ptr<Site>> sites_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::size_t jobs_ = 0;
  std::size_t jobs_waiting_ = 0;
  ConnectionBudget budget_;
  SiteLine waiting_;  // with jobs that wait
  SiteLine idle_;     // with idle connections
  SiteLine moved_;    // whose moved mails the log does not know of yet
  SiteLine quiet_;    // without business, to be forgotten in time
  SlowWork work_;
  std::uint64_t failures_told_ = 0;
  bool draining_ = false;
  bool held_ = false;

  std::vector<std::unique_ptr<Job>> done_;  // their functions are still to be called
  bool flush_posted_ = false;
  asio::steady_timer sweep_timer_;
  std::optional<BootTime> sweep_at_;
  bool eviction_posted_ = false;
  // Sites at their rate, by when the next mail may go.
  std::set<std::pair<BootTime, Site*>> at_rate_;
  asio::steady_timer rate_timer_;
  // Since when the members of the cluster are those that they are now, at the latest.
  BootTime shares_since_;
};

}  // namespace goniec::outbound
