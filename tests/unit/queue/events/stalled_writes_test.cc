#include "common/queue/events/stalled_writes.h"

#include <gtest/gtest.h>

#include <optional>

namespace goniec::queue {
namespace {

TEST(StalledWrites, TellsOfTheFirstAndOfTheLast) {
  int changes = 0;
  StalledWrites writes([&] { ++changes; });
  {
    StalledWrites::Mark first(writes);
    EXPECT_FALSE(writes.any()) << "nothing has failed yet";
    EXPECT_TRUE(first.Stall());
    EXPECT_FALSE(first.Stall());
    EXPECT_EQ(changes, 1);
    StalledWrites::Mark second(writes);
    EXPECT_TRUE(second.Stall());
    EXPECT_EQ(changes, 1);
    EXPECT_TRUE(writes.any());
  }
  EXPECT_FALSE(writes.any());
  EXPECT_EQ(changes, 2);
}

TEST(StalledWrites, AWriterMayEndAfterIt) {
  int changes = 0;
  std::optional<StalledWrites> writes(std::in_place, [&] { ++changes; });
  {
    StalledWrites::Mark mark(*writes);
    mark.Stall();
    writes.reset();
  }
  EXPECT_EQ(changes, 1) << "nobody is told any more";
}

}  // namespace
}  // namespace goniec::queue
