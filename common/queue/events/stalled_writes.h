// Outcomes that the broker does not take at the moment: refused, or not answered, and being repeated. While
// there is one, its worker starts nothing new: it must not do what it could not record. Confined to the
// worker's executor.
#pragma once

#include <functional>
#include <memory>
#include <utility>

namespace goniec::queue {

class StalledWrites {
 public:
  // `on_change` is called when the first write stalls and when the last one is through; never once this is
  // gone.
  explicit StalledWrites(std::function<void()> on_change)
      : state_(std::make_shared<State>(State{std::move(on_change)})) {}
  ~StalledWrites() { state_->on_change = nullptr; }
  StalledWrites(const StalledWrites&) = delete;
  StalledWrites& operator=(const StalledWrites&) = delete;

  [[nodiscard]] bool any() const { return state_->count > 0; }

 private:
  struct State {
    std::function<void()> on_change;
    int count = 0;

    void Change(int by) {
      const bool before = count > 0;
      count += by;
      if ((count > 0) != before && on_change) on_change();
    }
  };
  std::shared_ptr<State> state_;

 public:
  // One write, from its first failure to its end. A shutdown may cut the writer off and destroy it late: it
  // may outlive its StalledWrites.
  class Mark {
   public:
    explicit Mark(const StalledWrites& writes) : state_(writes.state_) {}
    ~Mark() {
      if (stalled_) state_->Change(-1);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

    // True the first time.
    bool Stall() {
      if (stalled_) return false;
      stalled_ = true;
      state_->Change(1);
      return true;
    }

   private:
    std::shared_ptr<State> state_;
    bool stalled_ = false;
  };
};

}  // namespace goniec::queue
