// A gate for background work: SpawnLogged enters it, Close() lets nothing new in, Wait() returns when all
// that entered has left. Thread-safe. Must outlive the tasks in it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace goniec {

class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // False once closed; then the caller must not start the task.
  [[nodiscard]] bool Enter();
  void Leave();
  void Close();

  // Blocks the calling thread (never one that runs the tasks) until all have left; false after `limit`.
  [[nodiscard]] bool WaitFor(std::chrono::milliseconds limit);
  // Calls `done` once when all have left (at once if none is in), on the thread of the last to leave.
  void OnEmpty(std::function<void()> done);
  [[nodiscard]] size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  bool closed_ = false;
  std::vector<std::function<void()>> on_empty_;
};

}  // namespace goniec
