#include "common/base/task_group.h"

namespace goniec {

bool TaskGroup::Enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void TaskGroup::Leave() {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (--inside_ > 0) return;
    callbacks.swap(on_empty_);
    empty_.notify_all();  // under the lock: a waiter may destroy this group as soon as it returns
  }
  for (const auto& done : callbacks) done();
}

void TaskGroup::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool TaskGroup::WaitFor(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, limit, [this] { return inside_ == 0; });
}

void TaskGroup::OnEmpty(std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    if (inside_ > 0) {
      on_empty_.push_back(std::move(done));
      return;
    }
  }
  done();
}

size_t TaskGroup::size() const {
  const std::lock_guard lock(mutex_);
  return inside_;
}

}  // namespace goniec
