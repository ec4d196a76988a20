// One connection to a site: finds an address that greets, runs the session over a socket, takes jobs of the
// site as long as there are some, waits a little for more, and says goodbye. Confined to the pool's executor.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/net/stream.h"
#include "outbound/deliver/client_session.h"
#include "outbound/deliver/job.h"
#include "outbound/deliver/site.h"

namespace goniec::outbound {

class SitePool;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `job` is the one that it is opened for. `pool` and `site` must outlive it until it has called
  // pool.Closed().
  Connection(SitePool& pool, Site& site, std::unique_ptr<Job> job);

  // The life of the connection. Holds a reference to itself.
  static asio::awaitable<void> Run(std::shared_ptr<Connection> self);

  // It is idle and was taken off the site's list: a job for it, or null: it is to end.
  void Wake(std::unique_ptr<Job> job);
  // Gives up opening, ends waiting; what is on the wire goes on.
  void Drain();
  // Ends now, whatever it is doing.
  void Cut();

 private:
  asio::awaitable<void> OpenAndServe();
  // Finds an address that greets. Sets failure_ if there is none.
  asio::awaitable<bool> Open();
  asio::awaitable<std::optional<Result>> OpenAddress(Candidate candidate);
  asio::awaitable<std::optional<Result>> TryAddress(Candidate candidate, PeerMemory memory);
  asio::awaitable<void> Serve();
  void TakeJobs();
  void CollectFinished();
  // What the session has found out about its address, for the connections to come.
  void RememberPeer();
  asio::awaitable<bool> WaitForWork();
  // It has served as much, or as long, as a connection to the site may.
  [[nodiscard]] bool IsUsedUp() const;
  // False if it is one too many: it leaves then.
  [[nodiscard]] bool MayTakeMore();
  // It takes no more jobs and ends as soon as it is through.
  void BeginLeaving();
  void Leave();

  asio::awaitable<void> Step();
  asio::awaitable<void> ReadLastWords();
  asio::awaitable<void> ReadBody();
  asio::awaitable<void> EndContent();
  asio::awaitable<void> StartTls();
  void Lost(const absl::Status& status);
  [[nodiscard]] std::chrono::milliseconds Limit() const;

  SitePool& pool_;
  Site& site_;
  const std::shared_ptr<const Route> route_;
  std::unique_ptr<Job> job_;  // carried while opening, or given while idle
  // The jobs of the transactions that the session has.
  absl::flat_hash_map<const Transaction*, std::unique_ptr<Job>> on_wire_;
  std::optional<net::Stream> stream_;
  std::optional<ClientSession> session_;
  std::string host_;
  net::Endpoint address_;
  BootTime opened_at_;             // ready
  BootTime give_up_at_;            // opening
  std::optional<Result> failure_;  // opening: of all addresses tried so far
  bool ready_ = false;
  bool cut_ = false;
  bool leaving_ = false;
  bool woken_ = false;
  asio::cancellation_signal connect_cancel_;
  asio::steady_timer idle_timer_;
  // The session's replies when the deadline was set; nothing before the first wait.
  std::optional<std::uint64_t> replies_seen_;
  std::array<char, 4096> input_;
};

}  // namespace goniec::outbound
