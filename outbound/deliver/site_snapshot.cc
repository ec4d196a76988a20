// What the pool shows of its sites to those who tell people (site/site_reporter.h).
#include <algorithm>
#include <utility>

#include "common/queue/model/timestamps.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/site/site_report.h"

namespace goniec::outbound {
namespace {

SiteSnapshot SnapshotOf(const Site& site) {
  SiteSnapshot snapshot;
  snapshot.site = site.key();
  snapshot.in_hand = site.jobs();
  snapshot.in_flight = site.jobs() - std::min(site.jobs(), site.waiting());
  snapshot.connections = site.opening() + site.ready();
  snapshot.window = site.MostConnections();
  snapshot.share = site.share();
  snapshot.oldest = site.OldestWaiting();
  snapshot.domains = site.domains().All();
  snapshot.last_failure = site.failure();
  return snapshot;
}

}  // namespace

SiteSnapshots SitePool::Snapshot(std::size_t most) const {
  std::vector<const Site*> shown;
  for (const auto& [key, site] : sites_) {
    const bool closed = site->word().state != SiteState::kOpen;
    if (closed || !site->IsIdle() || site->failure().has_value()) shown.push_back(site.get());
  }
  const auto end = shown.begin() + static_cast<std::ptrdiff_t>(std::min(most, shown.size()));
  std::partial_sort(shown.begin(), end, shown.end(), [](const Site* a, const Site* b) {
    return std::make_pair(b->jobs(), std::string_view(a->key())) <
           std::make_pair(a->jobs(), std::string_view(b->key()));
  });
  SiteSnapshots snapshots;
  snapshots.left_out = static_cast<std::size_t>(shown.end() - end);
  snapshots.sites.reserve(static_cast<std::size_t>(end - shown.begin()));
  for (auto site = shown.begin(); site != end; ++site) snapshots.sites.push_back(SnapshotOf(**site));
  return snapshots;
}

}  // namespace goniec::outbound
