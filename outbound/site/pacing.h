// How much of a site's shelf is released: what the site takes within kAhead, beside what it has under way.
// That is learnt from how fast what was released is acknowledged. And whose turn it is when several sites,
// tenants and classes want what may be released in all. Asked by the keeper (keeper.h) at each of its ticks.
//
// A pace begins with one record. It doubles whenever all that it allowed is drained at a look; else it is
// what was drained within kAhead and the time that one record takes: a site that takes long for each mail,
// but many at once, is not held back.
//
// Pure: the time is handed in. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/hold/shelf.h"

namespace goniec::outbound {

// What is released lasts a site for as long.
inline constexpr std::chrono::seconds kAhead{3};

// A site that drains nothing for so long takes none of the room of those that do.
inline constexpr std::chrono::seconds kStuckAfter{5};

// One site's, from its first release on; anew after it was closed. Counts records.
class ReleasePace {
 public:
  // What is released and not acknowledged yet, as it was found at `now`. Called once a tick, before Room().
  void Found(std::size_t outstanding, BootTime now);
  // What may be released now.
  [[nodiscard]] std::size_t Room() const { return target_ > outstanding_ ? target_ - outstanding_ : 0; }
  // Called when it has been; `found` includes it from then on.
  void Released(std::size_t records, BootTime now);
  [[nodiscard]] std::size_t target() const { return target_; }
  // Something was drained since the pace began.
  [[nodiscard]] bool proven() const { return proven_; }
  // Something is released, nothing was ever drained, and it is not stuck yet.
  [[nodiscard]] bool OnTrial(BootTime now) const { return outstanding_ > 0 && !proven_ && !IsStuck(now); }
  // Something is released, and nothing has been drained for kStuckAfter.
  [[nodiscard]] bool IsStuck(BootTime now) const {
    return outstanding_ > 0 && now - last_drained_ > kStuckAfter;
  }

 private:
  struct Drained {
    BootTime at;
    std::size_t records = 0;
  };
  [[nodiscard]] BootClock::duration Window() const;
  [[nodiscard]] double DrainedInWindow(BootTime now) const;

  std::size_t target_ = 1;
  std::size_t outstanding_ = 0;
  bool filled_ = false;  // the target was reached since it was last found drained
  bool proven_ = false;
  BootTime last_drained_;  // or begun anew
  std::optional<BootTime> since_;
  // When the first was released while nothing was outstanding, until something is drained.
  std::optional<BootTime> begun_;
  BootClock::duration one_takes_{0};  // the shortest time that one was seen to take
  std::deque<Drained> drained_;       // within the window
};

// What one keeper may have released in all. What sites drain soon lies with the broker for a few seconds, so
// it may be many times what a worker has slots for. What is stuck may lie in the slots for minutes: beyond
// half of them few sites are begun with that are not known to take anything.
struct ReleaseRoom {
  std::size_t records = 0;
  // Sites that may be on trial: something is released, nothing was drained yet, and they are not stuck. Never
  // none: whatever is stuck, a site that takes mail again is found before long.
  std::size_t trials = 0;
};
inline constexpr std::size_t kTrialsBesideStuck = 16;
// What all keepers together may have released, in records: well below what keeps others from releasing what
// is overdue (common/queue/tend/overdue_shelves.h).
inline constexpr std::size_t kMostReleased = 10'000;
// `slots`: a worker's (worker.slots); `members`: workers, each of which is a keeper. Outstanding records at
// our sites: of those that drain, and at those that are stuck or closed.
ReleaseRoom RoomOf(std::size_t slots, std::size_t members, double mails_a_record, std::size_t draining,
                   std::size_t stuck);

// A site that may be given to.
struct SiteTurn {
  std::string site;      // token
  std::size_t room = 0;  // records
  // Shelves that may have something on them, in any order.
  std::vector<queue::ShelfPlace> shelves;
  bool proven = true;  // ReleasePace::proven()
};
// A shelf that was found empty the last time, and when it may be looked at again.
struct ShelfLook {
  BootTime due;
  queue::ShelfPlace place;
};
// Adds to the turns of their sites the `most` that have been due for longest; those of other sites count for
// nothing. So a site with many shelves, or many sites, keep none from being looked at.
void AddLooks(std::vector<SiteTurn>& turns, std::vector<ShelfLook> looks, std::size_t most);

struct ToRelease {
  queue::ShelfPlace place;
  std::size_t records = 0;
};

// Who is served next, fairly over all ticks: sites in turn, and of each site tenants in turn.
class ReleaseTurns {
 public:
  // Of the sites that are not proven, and have something to release, leaves `most`: others each time.
  void LimitTrials(std::vector<SiteTurn>& sites, std::size_t most);
  // Shares out `records` among the sites, one each in turn, none more than its room. The site at which it
  // ends is the first next time.
  std::vector<std::size_t> ShareOut(const std::vector<SiteTurn>& sites, std::size_t records);
  // The shelves of a site in the order in which they are to be emptied: transactional before bulk, and within
  // a class the tenant after the one that was first last time.
  std::vector<queue::ShelfPlace> InOrder(std::vector<queue::ShelfPlace> shelves);
  // Nothing need be remembered of it.
  void Forget(const std::string& site) { first_tenant_.erase(site); }

 private:
  std::string next_site_;
  std::string last_trial_;
  std::map<std::string, std::string> first_tenant_;  // by site
};

// Of `records`, what each of `shelves` shelves in order gets: all that the first class has goes before the
// second; its tenants share evenly, the first ones get what is left over. Nothing is known of how much lies
// on a shelf: who has less than its part leaves it to a next round.
std::vector<ToRelease> SplitAmong(const std::vector<queue::ShelfPlace>& shelves_in_order,
                                  std::size_t records);

}  // namespace goniec::outbound
