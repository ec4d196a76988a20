// Reads what is known of sites from the broker (site_table.h), for all who ask at about the same time: the
// figures are used again for some seconds, longer where reading them takes long, so that asking costs the
// broker little however many operators look. Asked by list_sites.cc.
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "outbound/api/site_table.h"

namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

// More mail than that in WAIT is counted for one site at a time only.
inline constexpr std::uint64_t kMostWaitingCounted = 20'000;

class SiteBook {
 public:
  // `broker` must outlive it. `fresh`: how long figures are used again at least.
  SiteBook(queue::Broker& broker, int lanes,
           std::chrono::milliseconds fresh = std::chrono::milliseconds(2'000));
  SiteBook(const SiteBook&) = delete;
  SiteBook& operator=(const SiteBook&) = delete;

  // kUnavailable: the words of the sites could not be read; what else could not is named in the table. It
  // must not be destroyed before this has returned.
  asio::awaitable<absl::StatusOr<std::shared_ptr<const SiteTable>>> Read();

  // Sets `oldest_time` of those that have records on the shelf, by the record at its front. False if some
  // could not be read.
  asio::awaitable<bool> AddOldest(v1::ListSitesResponse& page) const;
  // Counts the mail that waits for the domains of the site. False if it could not be read.
  asio::awaitable<bool> CountWaiting(v1::Site& site) const;

 private:
  using Result = absl::StatusOr<std::shared_ptr<const SiteTable>>;
  class Reading;

  asio::awaitable<Result> ReadAnew() const;
  asio::awaitable<absl::StatusOr<WallTime>> OldestOnShelf(std::string site) const;

  queue::Broker& broker_;
  const int lanes_;
  const std::chrono::milliseconds fresh_;
  Result latest_;
  BootTime fresh_until_;
  bool reading_ = false;
  std::vector<std::function<void(Result)>> waiters_;
};

}  // namespace goniec::outbound
