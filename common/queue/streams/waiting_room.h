// Whether WAIT has room for more: retries go to a shelf for their time (kLaterShelf) while what waits takes
// nearly all of queue.waiting_memory. Acceptance has its own marks for that room (admission.h), lower for
// bulk; mail that is in the queue already moves all the same, so this is the brake for it. Read every few
// seconds; what cannot be read is as it was, and after kWaitingKnown counts as not full.
//
// Confined to its executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/queue/model/admission.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;
struct QueueConfig;

// Of queue.waiting_memory: from here on, and until so many points below it.
inline constexpr int kWaitingMark = 90;
inline constexpr int kWaitingResumePoints = 5;
inline constexpr std::chrono::seconds kWaitingKnown{30};

// What follows from what was read, and when. Pure.
class WaitingMark {
 public:
  explicit WaitingMark(std::uint64_t capacity) : capacity_(capacity) {}
  // Whether it is full. Nothing: it could not be read.
  bool Update(std::optional<std::uint64_t> used, BootTime now);

 private:
  const std::uint64_t capacity_;
  AdmissionMark mark_{kWaitingMark, kWaitingResumePoints};
  BootTime read_at_;
};

class WaitingRoom {
 public:
  // Broker and tasks must outlive it.
  WaitingRoom(Broker& broker, const QueueConfig& config, asio::any_io_executor executor, TaskGroup& tasks);
  ~WaitingRoom();
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  void Start();
  // What was read last stands.
  void Stop();
  [[nodiscard]] bool full() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
