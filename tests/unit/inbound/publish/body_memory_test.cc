#include "inbound/publish/body_memory.h"

#include <gtest/gtest.h>

namespace goniec::inbound {
namespace {

TEST(BodyMemory, TakesUpToItsLimitAndNoMore) {
  BodyMemory memory(100);
  EXPECT_TRUE(memory.Take(60));
  EXPECT_FALSE(memory.Take(41));
  EXPECT_EQ(memory.used(), 60U) << "a refusal takes nothing";
  EXPECT_TRUE(memory.Take(40));
  memory.Give(60);
  EXPECT_TRUE(memory.Take(60));
  EXPECT_EQ(memory.used(), 100U);
}

}  // namespace
}  // namespace goniec::inbound
