// Delivery by SMTP: all sites with their jobs and connections. It decides which job goes on which connection
// and when one is opened, gives jobs back, and sends away those that wait too long or are too many. The
// connections do the talking. Nothing here walks all sites: those that something is to be done for stand in
// lines.
//
// A destination that is down costs one socket: the first connection to a site is opened alone; when it fails,
// all jobs in hand for the site fail with it, and for a while new ones fail at once. A destination that takes
// mail more slowly than it comes keeps a few jobs in hand; the others are moved.
//
// Confined to its executor, whose context must have one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
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
  // `tls` may be null: then connections stay in plain text. `metrics` must outlive the pool. Drain() must
  // have returned before it is destroyed, or Deliver() never been called.
  SitePool(asio::any_io_executor executor, DeliverConfig config, std::shared_ptr<net::TlsClientContext> tls,
           observe::Metrics& metrics);
  SitePool(const SitePool&) = delete;
  SitePool& operator=(const SitePool&) = delete;

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

  // The next job that may begin at the site; null if there is none.
  std::unique_ptr<Job> NextToBegin(Site& site) { return held_ ? nullptr : TakeToBegin(site); }
  void TransactionDone(Site& site, std::unique_ptr<Job> job, Transaction& transaction);
  // An error has lost the job's transaction, and what became of it.
  void GivenUp(Site& site, std::unique_ptr<Job> job);
  // The job did not start after all: it is the next one again.
  void PutBack(Site& site, std::unique_ptr<Job> job);
  void Opened(Site& site);
  // No address became ready; `job` is the one that the connection was opened for.
  void OpeningFailed(Site& site, std::unique_ptr<Job> job, Result failure);
  void Park(Site& site, const std::shared_ptr<Connection>& connection);
  void Unpark(Site& site, const Connection* connection);
  // The last call of a connection. `ready`: after Opened().
  void Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready);

 private:
  Site& SiteOf(const std::string& key);
  void Queue(Site& site, std::unique_ptr<Job> job, bool first);
  std::unique_ptr<Job> TakeToBegin(Site& site);
  std::unique_ptr<Job> TakeFirst(Site& site);
  std::unique_ptr<Job> TakeLast(Site& site);
  void Left(Site& site);
  void Pump(Site& site);
  void Open(Site& site);
  void EvictIdle();
  // Give the job back, its open recipients as kNotTried: we stop; or the site is busy and it is to be moved.
  void HandBack(Site& site, std::unique_ptr<Job> job);
  void MoveOn(Site& site, std::unique_ptr<Job> job, const OutcomeRow& why);
  void GiveBack(Site& site, std::unique_ptr<Job> job);
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
  std::minstd_rand random_{std::random_device{}()};
  bool draining_ = false;
  bool held_ = false;

  std::vector<std::unique_ptr<Job>> done_;  // their functions are still to be called
  bool flush_posted_ = false;
  asio::steady_timer sweep_timer_;
  std::optional<BootTime> sweep_at_;
  bool eviction_posted_ = false;
};

}  // namespace goniec::outbound
