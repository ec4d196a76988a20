#include "outbound/site/pacing.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

namespace goniec::outbound {
namespace {

// What sites drain soon, in slots of a worker.
constexpr double kSlotsAhead = 16;
constexpr std::size_t kMostAhead = std::size_t{1} << 20;
// Of a record that takes very long, no more than this is known.
constexpr std::chrono::minutes kLongestKnown{1};
// A rate is not reckoned from less.
constexpr std::chrono::seconds kLeastSeen{1};

}  // namespace

BootClock::duration ReleasePace::Window() const {
  return std::min<BootClock::duration>(one_takes_, kLongestKnown) + kAhead;
}

double ReleasePace::DrainedInWindow(BootTime now) const {
  double records = 0;
  for (const Drained& drained : drained_) records += static_cast<double>(drained.records);
  const auto window = std::chrono::duration<double>(Window());
  const auto seen = std::chrono::duration<double>(
      std::max<BootClock::duration>(std::min(now - *since_, Window()),
                                    std::min<BootClock::duration>(one_takes_, kLongestKnown) + kLeastSeen));
  return records * (window / seen);
}

void ReleasePace::Found(std::size_t outstanding, BootTime now) {
  if (!since_) since_ = now;
  const std::size_t drained = outstanding_ > outstanding ? outstanding_ - outstanding : 0;
  if (drained > 0) {
    proven_ = true;
    last_drained_ = now;
    if (begun_) {
      const BootClock::duration took = now - *std::exchange(begun_, std::nullopt);
      one_takes_ = one_takes_.count() == 0 ? took : std::min(one_takes_, took);
    }
    drained_.push_back({now, drained});
  }
  while (!drained_.empty() && drained_.front().at < now - Window()) drained_.pop_front();
  outstanding_ = outstanding;
  const std::size_t most = std::min(target_ * 2, kMostAhead);
  if (outstanding > 0) {
    target_ = std::clamp<std::size_t>(static_cast<std::size_t>(DrainedInWindow(now)), 1, most);
  } else if (std::exchange(filled_, false)) {
    target_ = most;
  }
}

void ReleasePace::Released(std::size_t records, BootTime now) {
  if (records == 0) return;
  if (outstanding_ == 0) {
    begun_ = now;
    last_drained_ = now;
  }
  outstanding_ += records;
  filled_ = filled_ || outstanding_ >= target_;
}

ReleaseRoom RoomOf(std::size_t slots, std::size_t members, double mails_a_record, std::size_t draining,
                   std::size_t stuck) {
  const auto records = [&](double mails) {
    return std::max<std::size_t>(static_cast<std::size_t>(mails / std::max(mails_a_record, 1.0)), 1);
  };
  const std::size_t part = std::max<std::size_t>(kMostReleased / std::max<std::size_t>(members, 1), 1);
  const std::size_t most = std::min(records(static_cast<double>(slots) * kSlotsAhead), part);
  const auto of_slots = static_cast<double>(slots);
  std::size_t trials = std::numeric_limits<std::size_t>::max();
  if (stuck >= records(of_slots / 2)) trials = kTrialsBesideStuck;
  if (stuck >= records(of_slots * 3 / 4)) trials = 1;
  return {most > draining ? most - draining : 0, trials};
}

void AddLooks(std::vector<SiteTurn>& turns, std::vector<ShelfLook> looks, std::size_t most) {
  std::map<std::string_view, SiteTurn*> by_site;
  for (SiteTurn& turn : turns) by_site.emplace(turn.site, &turn);
  std::erase_if(looks, [&](const ShelfLook& look) { return !by_site.contains(look.place.site); });
  std::ranges::sort(looks, {}, &ShelfLook::due);
  if (looks.size() > most) looks.resize(most);
  for (ShelfLook& look : looks) by_site.at(look.place.site)->shelves.push_back(std::move(look.place));
}

void ReleaseTurns::LimitTrials(std::vector<SiteTurn>& sites, std::size_t most) {
  std::vector<std::string> trials;
  for (const SiteTurn& turn : sites) {
    if (!turn.proven && turn.room > 0 && !turn.shelves.empty()) trials.push_back(turn.site);
  }
  if (trials.size() <= most) return;
  std::ranges::sort(trials);
  std::ranges::rotate(trials, std::ranges::upper_bound(trials, last_trial_));
  trials.resize(most);
  if (!trials.empty()) last_trial_ = trials.back();
  std::erase_if(sites, [&trials](const SiteTurn& turn) {
    return !turn.proven && std::ranges::find(trials, turn.site) == trials.end();
  });
}

std::vector<std::size_t> ReleaseTurns::ShareOut(const std::vector<SiteTurn>& sites, std::size_t records) {
  std::vector<std::size_t> shares(sites.size(), 0);
  // Positions that still have room, from the site whose turn it is on.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].room > 0 && !sites[i].shelves.empty()) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(sites[a].site < next_site_, sites[a].site) <
           std::tuple(sites[b].site < next_site_, sites[b].site);
  });
  while (records > 0 && !order.empty()) {
    std::vector<std::size_t> again;
    for (const std::size_t i : order) {
      if (records == 0) {
        next_site_ = sites[i].site;
        return shares;
      }
      --records;
      if (++shares[i] < sites[i].room) again.push_back(i);
    }
    order = std::move(again);
  }
  return shares;
}

std::vector<queue::ShelfPlace> ReleaseTurns::InOrder(std::vector<queue::ShelfPlace> shelves) {
  if (shelves.empty()) return shelves;
  std::string& last = first_tenant_[shelves.front().site];
  const auto key = [&last](const queue::ShelfPlace& place) {
    return std::tuple(place.mail_class, place.tenant <= last, place.tenant, place.lane);
  };
  std::sort(shelves.begin(), shelves.end(), [&key](const auto& a, const auto& b) { return key(a) < key(b); });
  last = shelves.front().tenant;
  return shelves;
}

std::vector<ToRelease> SplitAmong(const std::vector<queue::ShelfPlace>& shelves_in_order,
                                  std::size_t records) {
  std::vector<ToRelease> split;
  for (const queue::ShelfPlace& place : shelves_in_order) {
    if (place.mail_class != shelves_in_order.front().mail_class) break;
    split.push_back({place, 0});
  }
  if (split.empty()) return split;
  for (std::size_t i = 0; i < split.size(); ++i) {
    split[i].records = records / split.size() + (i < records % split.size() ? 1 : 0);
  }
  std::erase_if(split, [](const ToRelease& part) { return part.records == 0; });
  return split;
}

}  // namespace goniec::outbound
