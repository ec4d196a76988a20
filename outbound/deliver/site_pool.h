// All sites with their jobs and connections: what is behind Dispatcher. It decides which job goes on which
// connection and when one is opened, gives jobs back, and sends away those that wait too long or are too
// many. The connections do the talking. Nothing here walks all sites: those that something is to be done for
// stand in lines. Confined to its executor.
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
#include "outbound/deliver/deliver_config.h"
#include "outbound/deliver/delivery_metrics.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/deliver/job_in_hand.h"
#include "outbound/deliver/site.h"
#include "outbound/deliver/site_line.h"
#include "outbound/deliver/slow_work.h"

namespace goniec::outbound {

class SitePool {
 public:
  SitePool(asio::any_io_executor executor, DeliverConfig config, std::shared_ptr<net::TlsClientContext> tls,
           observe::Metrics& metrics);

  void Deliver(Job job);
  void Hold(bool held);
  asio::awaitable<void> Drain(std::chrono::milliseconds limit);
  [[nodiscard]] std::size_t jobs() const { return jobs_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

  // --- For connections ---
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] const DeliverConfig& config() const { return config_; }
  [[nodiscard]] const SessionConfig& session_config(bool tls) const { return tls ? with_tls_ : without_tls_; }
  [[nodiscard]] const std::shared_ptr<net::TlsClientContext>& tls() const { return tls_; }
  [[nodiscard]] const DeliveryMetrics& metrics() const { return metrics_; }
  [[nodiscard]] bool draining() const { return draining_; }

  // The next job that may begin at the site; null if there is none.
  std::unique_ptr<JobInHand> NextToBegin(Site& site) { return held_ ? nullptr : TakeToBegin(site); }
  void TransactionDone(Site& site, std::unique_ptr<JobTransaction> transaction);
  // The job did not start after all: it is the next one again.
  void PutBack(Site& site, std::unique_ptr<JobInHand> job);
  void Opened(Site& site);
  // No address became ready; `job` is the one that the connection was opened for.
  void OpeningFailed(Site& site, std::unique_ptr<JobInHand> job, Result failure);
  void Park(Site& site, const std::shared_ptr<Connection>& connection);
  void Unpark(Site& site, const Connection* connection);
  // The last call of a connection. `ready`: after Opened().
  void Closed(Site& site, const std::shared_ptr<Connection>& connection, bool ready);

 private:
  Site& SiteOf(const std::string& key);
  void Queue(Site& site, std::unique_ptr<JobInHand> job, bool first);
  std::unique_ptr<JobInHand> TakeToBegin(Site& site);
  std::unique_ptr<JobInHand> TakeFirst(Site& site);
  std::unique_ptr<JobInHand> TakeLast(Site& site);
  void Left(Site& site);
  [[nodiscard]] bool InReserve() const { return connections_.size() + reserve_ >= config_.connections; }
  [[nodiscard]] bool HasRoom(const Site& site) const;
  void Pump(Site& site);
  void Open(Site& site);
  void Await(Site& site);
  void ServeLine(SiteLine& line, std::size_t limit);
  void ServeThoseWithoutConnection();
  void EvictIdle();
  // Give the job back, its open recipients as kNotTried: we stop; or the site is busy and it is to be moved.
  void HandBack(Site& site, std::unique_ptr<JobInHand> job);
  void MoveOn(Site& site, std::unique_ptr<JobInHand> job, const OutcomeRow& why);
  void GiveBack(Site& site, std::unique_ptr<JobInHand> job);
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
  // Connections that only proven sites may open.
  const std::size_t reserve_;
  // Of these, how many may try other sites all the same: none waits for as long as the proven ones have mail.
  const std::size_t most_trials_;
  std::unordered_set<const Connection*> trials_;
  SiteLine waiting_;           // with jobs that wait
  SiteLine idle_;              // with idle connections
  SiteLine proven_in_line_;    // that may open a connection, but there is no room
  SiteLine unproven_in_line_;  // the same
  SiteLine moved_;             // whose moved mails the log does not know of yet
  SiteLine quiet_;             // without business, to be forgotten in time
  SlowWork work_;
  std::minstd_rand random_{std::random_device{}()};
  bool draining_ = false;
  bool held_ = false;

  std::vector<std::unique_ptr<JobInHand>> done_;  // their functions are still to be called
  bool flush_posted_ = false;
  asio::steady_timer sweep_timer_;
  std::optional<BootTime> sweep_at_;
  bool eviction_posted_ = false;
};

}  // namespace goniec::outbound
