// Which mail may begin when. Closed loop: a mail whenever somebody is free to send one. Open loop: mail
// number n falls due n / rate seconds after the start, whether the server keeps up or not, and its latency
// counts from then, so that a server that stalls is charged for the mail that it kept from being sent. Pure:
// times are given, since the start of the run. Confined to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "tests/support/load/options.h"

namespace goniec::load {

class Schedule {
 public:
  using Time = std::chrono::nanoseconds;
  struct Mail {
    std::uint64_t number = 0;  // from 0
    Time due{0};
  };

  explicit Schedule(const Options& options);

  // The next mail, if one is due; each once, in order.
  std::optional<Mail> Take(Time now);
  // True: Take(now) would give one.
  [[nodiscard]] bool HasDue(Time now) const;
  // When the next one falls due, which may be past; nothing once all are taken, or the time for them is over.
  [[nodiscard]] std::optional<Time> NextDue(Time now) const;
  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  [[nodiscard]] Time DueOf(std::uint64_t number) const;

  const double rate_;
  const Time duration_;
  std::uint64_t mails_;
  std::uint64_t taken_ = 0;
};

}  // namespace goniec::load
