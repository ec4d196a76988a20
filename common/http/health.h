// Whether the service may be sent traffic: a set of named conditions ("broker", "streams", "durability",
// "clock", "commits", "draining"), each owned by the module that knows about it. Ready means that all are
// met; /readyz shows those that are not, in plain words. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace goniec::http {

class Health;

// A module's handle on its condition. Copyable; valid as long as the Health.
class Condition {
 public:
  void Meet() const;
  // `why`: plain words that say what is wrong and, where known, what would mend it. May be called repeatedly;
  // a change of met/unmet is logged once.
  void Fail(std::string why) const;

 private:
  friend class Health;
  Condition(Health* health, size_t index) : health_(health), index_(index) {}
  Health* health_;
  size_t index_;
};

class Health {
 public:
  struct Unmet {
    std::string name;
    std::string why;
  };

  // Unmet from the start, with this reason, until Meet() is called. `name` is a short word, unique.
  [[nodiscard]] Condition Add(std::string name, std::string why);

  [[nodiscard]] bool ready() const;
  [[nodiscard]] std::vector<Unmet> unmet() const;
  // {"ready":false,"unmet":[{"condition":"broker","reason":"…"}]}
  [[nodiscard]] std::string Json() const;

  // Called after each change between ready and unready, outside the lock, on the thread that made it
  // (grpc.health.v1 follows it). Set before other threads use this object.
  void OnChange(std::function<void(bool ready)> listener) { listener_ = std::move(listener); }

 private:
  friend class Condition;
  struct Entry {
    std::string name;
    std::string why;
    bool met = false;
  };
  void Set(size_t index, bool met, std::string why);
  [[nodiscard]] bool ReadyLocked() const;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::function<void(bool)> listener_;
};

}  // namespace goniec::http
