// Who is alive: each worker says so in the bucket `presence` every period, and follows what the others say.
// What limits are shared by (outbound/site/share.h) and who keeps a site goes by it.
//
// A newcomer counts one period after its first word has been stored, so that the others have heard of it and
// made room; at once where nobody else is there. A worker counts until three periods after its last word, or
// until it takes it back. Who has not had its own word confirmed for half a period more than a period no
// longer knows whether it counts: `confirmed` is false then, long before the others stop counting it. Times
// are taken by CLOCK_BOOTTIME when a word arrives: clocks of machines have no part in it.
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

class Broker;

// The workers that count, as one of them sees it. A value.
struct Members {
  // Sorted; with our own name if we count.
  std::vector<std::string> names;
  std::string self;
  // Our own word is fresh and what the others say is followed. If not, `names` is the last that was known
  // (perhaps empty), and shares are the lower ones.
  bool confirmed = false;

  [[nodiscard]] bool Counts() const;
};

inline constexpr std::chrono::milliseconds kPresencePeriod{3'000};

class Presence {
 public:
  // `name` is unique to this process's life: [a-z0-9-]{1,64}. Broker and tasks must outlive it. `period` is
  // the same in all workers.
  Presence(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string name,
           std::chrono::milliseconds period = kPresencePeriod);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // `on_change` is called whenever Now() may say something else.
  void Start(std::function<void()> on_change);
  [[nodiscard]] const Members& Now() const;
  // Takes our word back and says nothing more: the others have our part at once. Call it when nothing of that
  // part is in use any more.
  [[nodiscard]] asio::awaitable<void> Leave();
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
