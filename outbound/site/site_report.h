// What a worker tells of its sites, for people to see (QueueService.ListSites): a snapshot of what the site
// pool has in hand, made into a report that is bounded however many sites there are. Nothing is decided by
// it. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "goniec/queue/v1/site_report.pb.h"

namespace goniec::outbound {

struct SiteSnapshot {
  std::string site;
  // Jobs taken over; of them, those that a connection has.
  std::size_t in_hand = 0;
  std::size_t in_flight = 0;
  // Open or being opened; how many it may be now; how many by our share of the limit.
  std::size_t connections = 0;
  std::size_t window = 0;
  std::size_t share = 0;
  // Acceptance of the mail that waits at the front.
  std::optional<WallTime> oldest;
  std::vector<std::string> domains;
  std::optional<queue::v1::Outcome> last_failure;
};

struct SiteSnapshots {
  // The most in hand first.
  std::vector<SiteSnapshot> sites;
  std::size_t left_out = 0;
};

inline constexpr std::size_t kMostReportedSites = 1'000;
inline constexpr std::size_t kLargestReport = std::size_t{256} << 10;

// The key of a worker's report in the bucket `presence`; the worker of a key, nothing of another key.
std::string ReportKey(std::string_view worker);
std::optional<std::string> WorkerOfReport(std::string_view key);

// Of the first kMostReportedSites, as many as kLargestReport has room for.
queue::v1::SiteReport MakeReport(std::string_view worker, const SiteSnapshots& snapshots);
// Nothing if it is no report that this version knows.
std::optional<queue::v1::SiteReport> ParseReport(std::string_view stored);

}  // namespace goniec::outbound
