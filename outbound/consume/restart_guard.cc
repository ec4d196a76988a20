#include "outbound/consume/restart_guard.h"

#include <algorithm>

namespace goniec::outbound {
namespace {

// Between the server's clock and ours: services whose clocks are further apart are unready.
constexpr std::chrono::seconds kClockSlack{10};
// Reading a large store takes a server minutes at most.
constexpr std::chrono::minutes kLongRecovery{10};

}  // namespace

void RestartGuard::Learn(const queue::Durability& durability, WallTime now) {
  if (durability.replicas > 1) {
    stored_before_ = WallTime::min();
    until_ = WallTime::min();
    return;
  }
  if (durability.latest_start) {
    stored_before_ = *durability.latest_start;
    // Ours is the clock that decides when the time is over.
    const auto ahead = durability.clock_offset.value_or(std::chrono::milliseconds(0));
    const WallTime start = *durability.latest_start - ahead;
    until_ = start + ack_wait_;
    // A server that took long to come back: whoever still has outcomes to tell gets a moment to do so.
    if (now - start < kLongRecovery) until_ = std::max(until_, now + ack_wait_ / 3);
    return;
  }
  stored_before_ = now + kClockSlack;
  until_ = now + ack_wait_;
}

std::optional<std::chrono::milliseconds> RestartGuard::PutBackFor(const queue::DeliveryInfo& info,
                                                                  WallTime now) const {
  if (!MustLook(info) || now >= until_) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - now);
  return std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(1), ack_wait_);
}

}  // namespace goniec::outbound
