// Two ends of a real TCP connection on one io_context, and a way to run a coroutine to its end with a
// deadline.
#pragma once

#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "common/net/stream.h"

namespace goniec::net {

struct Pair {
  Stream server;
  Stream client;
};

inline Pair Connected(asio::io_context& io) {
  using asio::ip::tcp;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  return {Stream(acceptor.accept()), Stream(std::move(client))};
}

// Runs `io` until all of `tasks` have ended; a test failure after `limit`.
template <typename... Tasks>
void RunAll(asio::io_context& io, Tasks... tasks) {
  size_t left = sizeof...(tasks);
  const auto finished = [&left](std::exception_ptr failure) {
    EXPECT_FALSE(failure);
    --left;
  };
  (asio::co_spawn(io, std::move(tasks), finished), ...);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (left > 0 && std::chrono::steady_clock::now() < end) io.run_one_for(std::chrono::milliseconds(200));
  ASSERT_EQ(left, 0U) << "a task did not end";
  io.restart();
}

// Stores what a coroutine gives.
template <typename T>
asio::awaitable<void> Into(std::optional<T>& out, asio::awaitable<T> task) {
  out.emplace(co_await std::move(task));
}

template <typename T>
T RunOne(asio::io_context& io, asio::awaitable<T> task) {
  std::optional<T> out;
  RunAll(io, Into(out, std::move(task)));
  return std::move(out).value();
}

}  // namespace goniec::net
