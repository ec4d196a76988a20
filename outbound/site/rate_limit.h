// So many in a time, kept exactly: within no span of that length more than so many go, whenever it begins.
// What goes is spaced evenly. In the whole cluster each worker has whole numbers of it (Share), which add up
// to the limit; who gets a share, or a larger one, begins as if it had just used it up, for another worker
// may have. Not so who has it back so soon that nobody else, who would have begun in the same way, can have
// used it, after it was its own for as long: a worker that is not sure of its part now and then still has it.
// In the span in which a part changes hands between workers that both have some, one more may go.
//
// Pure: the time is handed in. Confined to its owner.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::outbound {

// `count` in any span of `per`.
struct Rate {
  std::size_t count = 0;
  std::chrono::milliseconds per{0};

  bool operator==(const Rate&) const = default;
};

// "600/1m": a whole number from 1 to 1000000, and a time from 1s to 1d.
absl::StatusOr<Rate> ParseRate(std::string_view text);
std::string FormatRate(const Rate& rate);

class RateLimit {
 public:
  // Of rate.count `ours` may go. `since`: when that became so, at the latest. With `several` more than one
  // may go together.
  RateLimit(const Rate& rate, std::size_t ours, BootTime since, bool several = false);

  // Another share.
  void Share(std::size_t ours, BootTime now);
  [[nodiscard]] std::size_t ours() const { return ours_; }
  // The most that may go together; 0 if nothing is ours.
  [[nodiscard]] std::size_t most_at_once() const;

  // When the next may go; in the past if it may go now. Meaningless if nothing is ours.
  [[nodiscard]] BootTime next() const { return next_; }
  [[nodiscard]] bool MayGo(BootTime now) const { return ours_ > 0 && now >= next_; }
  // `amount` go now: at most most_at_once().
  void Went(std::size_t amount, BootTime now);

 private:
  [[nodiscard]] BootClock::duration Interval() const;
  // Within that time after it has got more, no worker uses any of it.
  [[nodiscard]] BootClock::duration Unused() const;

  // Since when less is ours than this.
  struct Fallen {
    std::size_t from = 0;
    BootTime at;
  };

  Rate rate_;
  bool several_ = false;
  std::size_t ours_ = 0;
  BootTime next_;
  std::optional<Fallen> fallen_;
  BootTime held_since_;  // what is ours, at the latest
};

}  // namespace goniec::outbound
