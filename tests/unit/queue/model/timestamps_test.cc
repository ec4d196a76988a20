#include "common/queue/model/timestamps.h"

#include <gtest/gtest.h>

#include <limits>

namespace goniec::queue {
namespace {

google::protobuf::Timestamp Stamp(std::int64_t seconds, std::int32_t nanos) {
  google::protobuf::Timestamp stamp;
  stamp.set_seconds(seconds);
  stamp.set_nanos(nanos);
  return stamp;
}

TEST(Timestamps, AreTheSameThereAndBack) {
  for (const std::int64_t nanos : {0L, 1L, 999'999'999L, 1'800'000'000'123'456'789L, -1L, -1'500'000'000L}) {
    const WallTime time{std::chrono::nanoseconds(nanos)};
    const google::protobuf::Timestamp stamp = ToProto(time);
    EXPECT_GE(stamp.nanos(), 0) << nanos;
    EXPECT_EQ(FromProto(stamp), time) << nanos;
  }
}

TEST(Timestamps, WhatNoClockShowsIsNoneOfACallersTimes) {
  EXPECT_EQ(ValidTime(Stamp(1'800'000'000, 5)), FromProto(Stamp(1'800'000'000, 5)));
  const google::protobuf::Timestamp kWrong[] = {Stamp(-1, 0), Stamp(0, -1), Stamp(0, 1'000'000'000),
                                                Stamp(kEndOfTime, 0),
                                                Stamp(std::numeric_limits<std::int64_t>::max(), 0)};
  for (const auto& stamp : kWrong) EXPECT_FALSE(ValidTime(stamp).has_value()) << stamp.ShortDebugString();
}

TEST(Timestamps, OfRecordsEndWhereTheClockEnds) {
  constexpr std::int64_t kFarthest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  EXPECT_GT(FromProto(Stamp(kFarthest, kMost)), FromProto(Stamp(9'000'000'000, 0)));
  EXPECT_LT(FromProto(Stamp(-kFarthest, -kMost)), FromProto(Stamp(-9'000'000'000, 0)));
}

}  // namespace
}  // namespace goniec::queue
