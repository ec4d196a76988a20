#include "common/base/task_group.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <stdexcept>

#include "common/base/spawn.h"

namespace goniec {
namespace {

asio::awaitable<void> Throwing() {
  throw std::runtime_error("deliberate");
  co_return;
}

asio::awaitable<void> Counting(int& count) {
  ++count;
  co_return;
}

TEST(TaskGroup, LetsNothingInOnceClosed) {
  TaskGroup group;
  asio::io_context io;
  int count = 0;
  SpawnLogged(io.get_executor(), group, "first", Counting(count));
  group.Close();
  SpawnLogged(io.get_executor(), group, "second", Counting(count));
  EXPECT_EQ(group.size(), 1U);
  io.run();
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(group.WaitFor(std::chrono::milliseconds(0)));
}

TEST(TaskGroup, IsLeftByATaskThatThrows) {
  TaskGroup group;
  asio::io_context io;
  SpawnLogged(io.get_executor(), group, "throwing", Throwing());
  bool empty = false;
  group.OnEmpty([&] { empty = true; });
  EXPECT_FALSE(empty);
  EXPECT_NO_THROW(io.run());
  EXPECT_TRUE(empty);
}

TEST(TaskGroup, WaitGivesUpAtItsLimit) {
  TaskGroup group;
  ASSERT_TRUE(group.Enter());
  EXPECT_FALSE(group.WaitFor(std::chrono::milliseconds(1)));
  group.Leave();
  EXPECT_TRUE(group.WaitFor(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace goniec
