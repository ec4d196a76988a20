// Outcomes that the broker does not take at the moment: refused, or not answered, and being repeated. While
// there is one, its worker starts nothing new: what it could not record it must not do. Confined to the
// worker's executor.
#pragma once

#include <functional>
#include <utility>

namespace goniec::queue {

class StalledWrites {
 public:
  // `on_change` is called when the first write stalls and when the last one is through.
  explicit StalledWrites(std::function<void()> on_change) : on_change_(std::move(on_change)) {}
  StalledWrites(const StalledWrites&) = delete;
  StalledWrites& operator=(const StalledWrites&) = delete;

  [[nodiscard]] bool any() const { return count_ > 0; }
  [[nodiscard]] int count() const { return count_; }

  // One write, from its first failure to its end.
  class Mark {
   public:
    explicit Mark(StalledWrites& writes) : writes_(writes) {}
    ~Mark() {
      if (stalled_) writes_.Change(-1);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

    // True the first time.
    bool Stall() {
      if (stalled_) return false;
      stalled_ = true;
      writes_.Change(1);
      return true;
    }

   private:
    StalledWrites& writes_;
    bool stalled_ = false;
  };

 private:
  void Change(int by) {
    const bool before = any();
    count_ += by;
    if (any() != before) on_change_();
  }

  std::function<void()> on_change_;
  int count_ = 0;
};

}  // namespace goniec::queue
