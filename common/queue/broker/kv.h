// Keys of a KV bucket (a stream "KV_<bucket>", one message a key): put and taken away by compare-and-set, and
// followed. A watch is a push consumer of the broker's, so it gets only what was stored; a core subscription
// would also hear puts that are refused.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;

struct KvEntry {
  // Without "$KV.<bucket>.".
  std::string key;
  std::string value;
  // Its sequence in the bucket's stream: what a compare-and-set expects.
  std::uint64_t revision = 0;
  bool deleted = false;
  WallTime stored_at;  // by the server's clock
};

// Stores the value and returns its revision. With `expected` only if that is the key's revision now, be it a
// value or the trace of a deletion (0: the key was never there, or its last trace is gone); else kAborted.
// kUnavailable, kDeadlineExceeded: it may be stored or not.
asio::awaitable<absl::StatusOr<std::uint64_t>> KvPut(
    Broker& broker, std::string bucket, std::string key, std::string value,
    std::optional<std::uint64_t> expected = std::nullopt,
    std::chrono::milliseconds limit = std::chrono::seconds(5));

// Takes the key away if `expected` is its revision; else kAborted. The trace that is left of it, an entry
// with `deleted`, goes after a minute.
asio::awaitable<absl::Status> KvDelete(Broker& broker, std::string bucket, std::string key,
                                       std::uint64_t expected,
                                       std::chrono::milliseconds limit = std::chrono::seconds(5));

// The key as the stream's leader has it. `deleted` if it was taken away a moment ago: its revision is what a
// put must expect then. kNotFound if there is no trace of it.
asio::awaitable<absl::StatusOr<KvEntry>> KvGet(Broker& broker, std::string bucket, std::string key);

// Whether the value of the header KV-Operation says that the key is gone.
bool IsKvDeletion(std::string_view operation);

// Follows keys: first each as it is, then every change, in order; again from the beginning after a loss of
// the connection or of messages, so an entry may be told twice. Nothing is told twice with another revision.
//
// Confined to its executor, whose context has one thread; the functions are called there.
class KvWatch {
 public:
  struct Events {
    std::function<void(const KvEntry&)> on_entry;
    // All that was there when the watch (re)began has been told. After a restart, keys that on_entry did not
    // tell since `on_restart` are gone.
    std::function<void()> on_current;
    // What is known may be old from now on, until on_current.
    std::function<void()> on_restart;
  };
  // `keys` with wildcards ("site.>"). Broker and tasks must outlive it.
  KvWatch(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string bucket,
          std::string keys, Events events);
  ~KvWatch();
  KvWatch(const KvWatch&) = delete;
  KvWatch& operator=(const KvWatch&) = delete;

  void Start();
  // No function is called afterwards.
  void Stop();
  // True between on_current and on_restart.
  [[nodiscard]] bool current() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
