// The records in a worker's hands and their leases: a sign of work for each of them as often as it needs one,
// the confirmed writes that they stand on in a cluster, and what a standstill of this process makes of them.
// The worker holds a record here from its delivery to its settlement. How long one lease lasts is decided in
// common/queue/hold/delivery.h; nothing is given back or settled here.
//
// Confined to the worker's executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string_view>

#include "common/base/clock.h"
#include "common/queue/hold/delivery.h"

namespace goniec::outbound {

// How often leases are looked after.
inline constexpr std::chrono::milliseconds kLeaseTick{250};

// True if a process that last looked so long ago must have stood still: its leases are not as fresh as they
// look.
[[nodiscard]] bool StoodStill(BootClock::duration since_last_tick, std::chrono::milliseconds ack_wait);

class Leases : public std::enable_shared_from_this<Leases> {
 public:
  // `on_thaw` is called once for each standstill, when it is found out. `broker` must outlive the leases.
  Leases(asio::any_io_executor executor, queue::Broker& broker, std::chrono::milliseconds ack_wait,
         std::function<void()> on_thaw);

  // Looks after the leases from now on, until Stop(). Called once.
  void Start();
  void Stop();

  void Hold(std::shared_ptr<queue::Delivery> delivery);
  void LetGo(const std::shared_ptr<queue::Delivery>& delivery);

  // The leases of all records, or of one consumer's, run out: none is renewed any more.
  void StopRenewing();
  void StopRenewing(std::string_view stream, std::string_view consumer);

  // True from a standstill until it is found out.
  [[nodiscard]] bool Thawed() const;
  // Finds out whether there was a standstill. Deliveries and ticks ask: one of them runs first after it.
  bool FindThaw();

 private:
  void Tick();

  asio::any_io_executor executor_;
  const std::chrono::milliseconds ack_wait_;
  std::function<void()> on_thaw_;
  queue::LeaseProof proof_;
  std::set<std::shared_ptr<queue::Delivery>> held_;
  asio::steady_timer ticker_;
  BootTime last_tick_ = BootClock::now();
  bool stopped_ = false;
};

}  // namespace goniec::outbound
