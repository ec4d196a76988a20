// Who is alive: each worker says so in the bucket `presence` every period, and follows what the others say.
// What limits are shared by (outbound/site/share.h) and who keeps a site goes by it.
//
// A newcomer counts a period and a half after its first word has been stored, so that the others have heard
// of it and made room; at once where nobody else is there. A worker counts until three periods after its last
// word, or until it takes it back. Who has not had its own word come back to it, by the way on which it hears
// the others, for a period and a half no longer knows whether it counts: `confirmed` is false then, long
// before the others stop counting it. Times are taken by CLOCK_BOOTTIME when a word is sent or arrives:
// clocks of machines have no part in it. Why that is enough is in membership.h.
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
  // Sorted; with our own name if we count, or did when it was last known.
  std::vector<std::string> names;
  std::string self;
  // We count, our own word is fresh and what the others say is followed. If not, `names` is the last that was
  // known (perhaps empty), and shares are the lower ones.
  bool confirmed = false;

  [[nodiscard]] bool Counts() const;
  bool operator==(const Members&) const = default;
};

inline constexpr std::chrono::milliseconds kPresencePeriod{3'000};
// In the bucket `presence`: worker.<name>.
inline constexpr char kWorkerPrefix[] = "worker.";

class Presence {
 public:
  // `name` is unique to this process's life: [a-z0-9-]{1,64}. Broker and tasks must outlive it. `period` is
  // the same in all workers.
  Presence(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string name,
           std::chrono::milliseconds period = kPresencePeriod);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // `on_change` is called, on the executor, whenever Now() says something else.
  void Start(std::function<void()> on_change);
  // As it is at this moment, also in a process that has stood still. Valid until the next call.
  [[nodiscard]] const Members& Now() const;
  // Takes our word back and says nothing more: the others have our part at once, and we do not count. Call it
  // when nothing of that part is in use any more.
  [[nodiscard]] asio::awaitable<void> Leave();
  // `on_change` is not called afterwards. Without Leave() the others count us for three periods more.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::queue
