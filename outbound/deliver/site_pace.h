// How fast a site takes mail, learnt while mails wait for it, and what follows: how many may wait in hand for
// the site. What a site takes while nothing waits says nothing
// about what it could take, so it is not counted.
//
// Pure: the time is handed in. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "common/base/clock.h"

namespace goniec::outbound {

class SitePace {
 public:
  // Whether mails wait at the site; called whenever that changes.
  void Waiting(bool waiting, BootTime now);
  // What was seen so far does not count: only now has the site a connection.
  void Restart(BootTime now);
  // The site is through with one mail, whatever came of it.
  void Finished(BootTime now);

  // Mails a second. Nothing for as long as mails have not waited long enough to tell.
  [[nodiscard]] std::optional<double> PerSecond(BootTime now) const;

 private:
  bool waiting_ = false;
  BootTime since_;
  int finished_ = 0;
  // Finished mails, each the less the longer ago: right at `weighed_at_`.
  double weight_ = 0;
  BootTime weighed_at_;
};

// What a site may have waiting in hand.
struct WaitingLimits {
  std::size_t slots = 0;           // what may wait in hand in all
  std::size_t mails_per_site = 0;  // what may wait for one site at most that is not known to take it soon
  std::chrono::milliseconds max_wait{0};
};
// `waiting_elsewhere`: mails that wait for other sites. A site whose pace is not known yet may have all, one
// that works off in half of max_wait what waits for it too; any other site only a quarter of what the others
// leave.
std::size_t MostWaiting(const WaitingLimits& limits, std::optional<double> per_second,
                        std::size_t waiting_elsewhere);

}  // namespace goniec::outbound
