#include "common/queue/streams/event_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/queue/model/config.h"

namespace goniec::queue {
namespace {

using testing::HasSubstr;

TEST(PlanTrim, Table) {
  struct Row {
    const char* name;
    StreamState shard;
    std::uint64_t first_young;
    std::uint64_t keep;
  };
  constexpr std::uint64_t kShare = 10'000;
  const auto shard = [](std::uint64_t bytes, std::uint64_t first, std::uint64_t last) {
    StreamState state;
    state.messages = last + 1 - first;
    state.bytes = bytes;
    state.first_sequence = first;
    state.last_sequence = last;
    return state;
  };
  for (const Row& row : {
           Row{"empty", shard(0, 1, 0), 1, 0},
           Row{"below", shard(7'900, 1, 100), 101, 0},
           Row{"nearly used", shard(8'000, 1, 100), 101, 7},
           Row{"full", shard(10'000, 1, 100), 101, 26},
           Row{"twice", shard(20'000, 1, 100), 101, 63},
           Row{"not from the beginning", shard(10'000, 1'001, 1'100), 1'101, 1'026},
           Row{"some are too young", shard(20'000, 1, 100), 30, 30},
           Row{"all are too young", shard(20'000, 1, 100), 1, 0},
           Row{"one that is larger than the share", shard(20'000, 5, 5), 6, 0},
       }) {
    EXPECT_EQ(PlanTrim(row.shard, kShare, row.first_young), row.keep) << row.name;
  }
}

TEST(DescribeEventBudget, SaysHowMuchMailItIsFor) {
  QueueConfig config;
  config.capacity_bytes = 3ULL << 30;
  config.event_retention = std::chrono::hours(240);
  EXPECT_EQ(
      DescribeEventBudget(config),
      "Events have 1GiB of the capacity of 3GiB (queue.event_budget). At about 500 bytes a mail they are "
      "kept for "
      "10d of up to 171798 mails a day, and for 6d of up to 357913 a day; beyond that acceptance stops.\n");
}

}  // namespace
}  // namespace goniec::queue
