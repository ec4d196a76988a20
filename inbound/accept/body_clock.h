// Tells when the time of a message is over, taken or refused (a refused one is read to its end). The first of
// three limits counts: a pause, the whole, and an average rate, so that nobody holds memory or a connection
// by sending an octet now and then. Asked by a connection before each read. Pure: the time is given. Confined
// to its owner.
#pragma once

#include <chrono>
#include <cstdint>

namespace goniec::inbound {

class BodyClock {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    // Between two pieces; the rate counts from this long after the beginning.
    std::chrono::milliseconds pause;
    std::chrono::milliseconds whole;
    // Octets a second; 0: any.
    uint64_t min_rate;
  };
  enum class Limit : std::uint8_t { kPause, kWhole, kRate };
  struct End {
    Clock::time_point at;
    Limit limit;
  };

  BodyClock(const Limits& limits, Clock::time_point begun) : limits_(limits), begun_(begun), last_(begun) {}

  void Received(uint64_t octets, Clock::time_point now) {
    received_ += octets;
    last_ = now;
  }
  // The client had to wait for us so long, until `now`.
  void Excuse(Clock::duration wait, Clock::time_point now) {
    excused_ += wait;
    last_ = now;
  }
  // If nothing more comes.
  [[nodiscard]] End end() const;

 private:
  const Limits limits_;
  const Clock::time_point begun_;
  Clock::time_point last_;
  Clock::duration excused_{};
  uint64_t received_ = 0;
};

}  // namespace goniec::inbound
