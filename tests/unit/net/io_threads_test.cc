#include "common/net/io_threads.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <future>
#include <stdexcept>
#include <thread>

namespace goniec::net {
namespace {

std::thread::id ThreadOf(asio::io_context& context) {
  std::promise<std::thread::id> id;
  asio::post(context, [&] { id.set_value(std::this_thread::get_id()); });
  return id.get_future().get();
}

TEST(IoThreads, EachContextHasOneThread) {
  IoThreads threads(2);
  ASSERT_EQ(threads.size(), 2U);
  const auto first = ThreadOf(threads.context(0));
  EXPECT_EQ(ThreadOf(threads.context(0)), first);
  EXPECT_NE(ThreadOf(threads.context(1)), first);
  EXPECT_NE(&threads.next(), &threads.next());
}

TEST(IoThreads, ZeroMeansTheCoresThatThereAre) {
  EXPECT_GE(IoThreads(0).size(), 1U);
}

TEST(IoThreads, AHandlerThatThrowsDoesNotEndTheThread) {
  IoThreads threads(1);
  asio::post(threads.context(0), [] { throw std::runtime_error("deliberate"); });
  EXPECT_NE(ThreadOf(threads.context(0)), std::this_thread::get_id());
}

TEST(IoThreads, StopMayBeCalledTwice) {
  IoThreads threads(2);
  threads.Stop();
  threads.Stop();
}

}  // namespace
}  // namespace goniec::net
