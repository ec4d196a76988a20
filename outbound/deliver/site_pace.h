// How fast a site takes mail, learnt while mails wait for it, and what follows: how many may wait in hand for
// the site, and when those beyond that may come back. What a site takes while nothing waits says nothing
// about what it could take, so it is not counted.
//
// Pure: the time is handed in. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "common/base/clock.h"

namespace goniec::outbound {

// Guesses, in mails a second: of a site that nothing is known of; one that has not answered yet, though
// others would have; one that has not answered for long.
inline constexpr double kGuess = 100;
inline constexpr double kGuessLate = 20;
inline constexpr double kGuessSilent = 2;

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
  // The same with `guess` where nothing is known yet, and rather too fast while the site has but begun: who
  // returns too early is moved once more, who returns too late stays away from a site that is idle.
  [[nodiscard]] double Assumed(double guess, BootTime now) const;

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

// When mails that were moved for one site come back: one behind the other, a little faster than the site
// takes them, so that it never stands idle while mails are away.
class ReturnTimes {
 public:
  // How long the next mail that is moved stays away. `per_second` is above 0; `in_hand` are the site's mails
  // that stay. At most `longest`: what would stay longer comes at some time in the second half of that.
  // `random` is uniform in [0, 1).
  std::chrono::milliseconds Next(double per_second, std::size_t in_hand, std::chrono::milliseconds longest,
                                 double random, BootTime now);

 private:
  BootTime last_return_;
};

}  // namespace goniec::outbound
