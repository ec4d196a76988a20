#include "common/queue/broker/election.h"

#include <gtest/gtest.h>

#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

class ElectionTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }
};

TEST_F(ElectionTest, OneOfTwoHoldsItUntilItResigns) {
  Election first(*broker_, "test", "first");
  Election second(*broker_, "test", "second");
  EXPECT_TRUE(RunToEnd(first.Hold()));
  EXPECT_FALSE(RunToEnd(second.Hold()));
  EXPECT_TRUE(RunToEnd(first.Hold()));
  EXPECT_FALSE(RunToEnd(second.Hold()));
  const bool resigned = RunToEnd([](Election& election) -> asio::awaitable<bool> {
    co_await election.Resign();
    co_return true;
  }(first));
  EXPECT_TRUE(resigned);
  EXPECT_TRUE(RunToEnd(second.Hold()));
  EXPECT_FALSE(RunToEnd(first.Hold()));
}

TEST_F(ElectionTest, RolesDoNotMix) {
  Election audit(*broker_, "one", "a");
  Election sweep(*broker_, "other", "b");
  EXPECT_TRUE(RunToEnd(audit.Hold()));
  EXPECT_TRUE(RunToEnd(sweep.Hold()));
}

// Its entry may have gone, and another have taken it: it finds out.
TEST_F(ElectionTest, WhoLostItsEntryDoesNotHoldIt) {
  Election first(*broker_, "test", "first");
  Election second(*broker_, "test", "second");
  ASSERT_TRUE(RunToEnd(first.Hold()));
  Api("STREAM.PURGE.KV_presence");
  ASSERT_TRUE(RunToEnd(second.Hold()));
  EXPECT_FALSE(RunToEnd(first.Hold()));
  EXPECT_TRUE(RunToEnd(second.Hold()));
}

}  // namespace
}  // namespace goniec::queue
