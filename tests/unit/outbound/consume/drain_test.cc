#include "outbound/consume/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/net/io_threads.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class DrainTest : public ::testing::Test {
 protected:
  DrainSteps Steps() {
    return {executor_, tasks_,
            [this](milliseconds limit) {
              Did("finish within " + std::to_string(limit.count()) + " ms");
              return Nothing();
            },
            [this] { Did("give up"); }, [this] { Did("end"); }};
  }
  static asio::awaitable<void> Nothing() { co_return; }
  asio::awaitable<void> UntilGivenUp() {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (!GivenUp()) {
      pause.expires_after(milliseconds(1));
      co_await pause.async_wait(asio::use_awaitable);
    }
    Did("settled");
  }
  bool GivenUp() {
    const std::lock_guard lock(mutex_);
    return !did_.empty() && did_.back() == "give up";
  }
  void Did(const std::string& what) {
    const std::lock_guard lock(mutex_);
    did_.push_back(what);
  }

  std::mutex mutex_;
  std::vector<std::string> did_;
  TaskGroup tasks_;
  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
};

TEST(WireLimit, LeavesTimeToSettle) {
  EXPECT_EQ(WireLimit(milliseconds(1'000)), milliseconds(800));
  EXPECT_EQ(WireLimit(milliseconds(0)), milliseconds(0));
}

TEST_F(DrainTest, WithNothingInHandNothingIsGivenUp) {
  EXPECT_TRUE(DrainBy(Steps(), milliseconds(10'000)));
  EXPECT_THAT(did_, ElementsAre("finish within 8000 ms", "end"));
}

TEST_F(DrainTest, WhatIsStillThereIsGivenUpAndEndsBeforeTheEnd) {
  SpawnLogged(executor_, tasks_, "settlement", UntilGivenUp());
  EXPECT_FALSE(DrainBy(Steps(), milliseconds(10), milliseconds(10'000)));
  EXPECT_THAT(did_, ElementsAre("finish within 8 ms", "give up", "settled", "end"));
}

TEST_F(DrainTest, WhatDoesNotEndAtAllIsNotWaitedForTooLong) {
  ASSERT_TRUE(tasks_.Enter());
  EXPECT_FALSE(DrainBy(Steps(), milliseconds(10), milliseconds(10)));
  EXPECT_THAT(did_, ElementsAre("finish within 8 ms", "give up", "end"));
  tasks_.Leave();
}

}  // namespace
}  // namespace goniec::outbound
