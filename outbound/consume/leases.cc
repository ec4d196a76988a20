#include "outbound/consume/leases.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "common/observe/log.h"

namespace goniec::outbound {

bool StoodStill(BootClock::duration since_last_tick, std::chrono::milliseconds ack_wait) {
  return since_last_tick > std::max<BootClock::duration>(ack_wait / 3, 2 * kLeaseTick);
}

Leases::Leases(asio::any_io_executor executor, queue::Broker& broker, std::chrono::milliseconds ack_wait,
               std::function<void()> on_thaw)
    : executor_(std::move(executor)),
      ack_wait_(ack_wait),
      on_thaw_(std::move(on_thaw)),
      proof_(broker, ack_wait),
      ticker_(executor_) {}

void Leases::Start() {
  Tick();
}

void Leases::Stop() {
  stopped_ = true;
  ticker_.cancel();
}

void Leases::Hold(std::shared_ptr<queue::Delivery> delivery) {
  held_.insert(std::move(delivery));
}

void Leases::LetGo(const std::shared_ptr<queue::Delivery>& delivery) {
  held_.erase(delivery);
}

void Leases::StopRenewing() {
  for (const auto& delivery : held_) delivery->StopRenewing();
}

void Leases::StopRenewing(std::string_view stream, std::string_view consumer) {
  for (const auto& delivery : held_) {
    if (delivery->info().stream == stream && delivery->info().consumer == consumer) delivery->StopRenewing();
  }
}

bool Leases::Thawed() const {
  return StoodStill(BootClock::now() - last_tick_, ack_wait_);
}

bool Leases::FindThaw() {
  const bool thawed = Thawed();
  if (thawed) {
    observe::Warn("this process did not run for a while; what it holds is given up",
                  {{"for_ms", BootClock::now() - last_tick_}});
    on_thaw_();
  }
  last_tick_ = BootClock::now();
  return thawed;
}

void Leases::Tick() {
  FindThaw();
  if (!held_.empty()) proof_.KeepIfDue();
  for (const auto& delivery : held_) delivery->KeepIfDue();
  ticker_.expires_after(kLeaseTick);
  ticker_.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->stopped_) self->Tick();
  });
}

}  // namespace goniec::outbound
