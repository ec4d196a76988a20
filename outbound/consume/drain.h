// How a worker stops: what is on the wire is finished, what is in hand is settled, and only when the time is
// over it is given up. Called by Worker::Drain from a thread that is not the executor's; what to finish, give
// up and end is the worker's.
//
// Thread-safe: it keeps nothing.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>

namespace goniec {
class TaskGroup;
}

namespace goniec::outbound {

struct DrainSteps {
  asio::any_io_executor executor;
  // All that the worker has under way, with `finish` among it.
  TaskGroup& tasks;
  // Pulls nothing more, finishes what is on the wire within `limit`, hands back the rest. On the executor.
  std::function<asio::awaitable<void>(std::chrono::milliseconds limit)> finish;
  // Waiting for the broker makes no sense any more. On the caller's thread.
  std::function<void()> give_up;
  // What is confined to the executor ends, on it; nothing is started there afterwards.
  std::function<void()> end;
};

// Of the time to drain, what the wire may take: settling needs a little of it after the last reply.
[[nodiscard]] std::chrono::milliseconds WireLimit(std::chrono::milliseconds limit);

// Takes the steps in their order and returns after the last; blocks for `limit`, and for `give_up_limit`
// beyond it where something had to be given up. True if nothing had.
[[nodiscard]] bool DrainBy(const DrainSteps& steps, std::chrono::milliseconds limit,
                           std::chrono::milliseconds give_up_limit = std::chrono::seconds(3));

}  // namespace goniec::outbound
