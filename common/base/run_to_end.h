// Runs a coroutine to its end on the calling thread: for command lines and tests.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace goniec {

// Returns what the coroutine returns; throws what it throws. Not to be called from a coroutine that it runs.
// Each thread has one context for all its calls: it must outlive the other thread (a broker's) that posts the
// end of the coroutine and may still be on its way out of that post.
template <typename T>
T RunToEnd(asio::awaitable<T> task) {
  static thread_local asio::io_context io;
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& thrown, T value) {
    failure = thrown;
    if (!thrown) result.emplace(std::move(value));
  });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
  return *std::move(result);
}

}  // namespace goniec
