// Whether WAIT has room for more: retries go to a shelf for their time (kLaterShelf) while what waits takes
// nearly all of queue.waiting_memory. Acceptance has its own marks for that room (admission.h), lower for
// bulk; mail that is in the queue already moves all the same, so this is the brake for it. Read every few
// seconds; what cannot be read counts as not full.
//
// Confined to its executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;
struct QueueConfig;

// Of queue.waiting_memory: from here on, and until so many points below it.
inline constexpr int kWaitingMark = 90;
inline constexpr int kWaitingResumePoints = 5;

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
