// When a source rests for the reset of its consumer, and which of its records are looked at afterwards.
#include "outbound/consume/source_rest.h"

#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kAckWait{60'000};
const WallTime kNow = WallTime(std::chrono::hours(400'000));

queue::ResetNotice Notice(WallTime until, std::uint64_t last_sequence = 10) {
  return {"READY_0", "transactional", last_sequence, until};
}

TEST(SourceRest, RestsUntilTheReset) {
  SourceRest rest;
  EXPECT_LT(rest.until(), kNow);
  EXPECT_TRUE(rest.Heed(Notice(kNow + seconds(40)), kNow, kAckWait));
  EXPECT_EQ(rest.until(), queue::RestEnd(Notice(kNow + seconds(40)), kNow, kAckWait));
}

struct NoticeCase {
  const char* name;
  seconds until;  // from now; another notice was until 40 s from now
  bool news;
};

class SourceRestNoticeTest : public ::testing::TestWithParam<NoticeCase> {};

TEST_P(SourceRestNoticeTest, OnlyALongerRestIsNews) {
  SourceRest rest;
  ASSERT_TRUE(rest.Heed(Notice(kNow + seconds(40)), kNow, kAckWait));
  EXPECT_EQ(rest.Heed(Notice(kNow + GetParam().until), kNow, kAckWait), GetParam().news);
  EXPECT_GE(rest.until(), kNow + seconds(40));
}

INSTANTIATE_TEST_SUITE_P(All, SourceRestNoticeTest,
                         ::testing::Values(NoticeCase{"TheSame", seconds(40), false},
                                           NoticeCase{"AnEarlierOne", seconds(20), false},
                                           NoticeCase{"OneOfThePast", seconds(-20), false},
                                           NoticeCase{"ALaterOne", seconds(50), true}),
                         [](const auto& param) { return param.param.name; });

TEST(SourceRest, ANoticeOfThePastStillSaysWhoMustLook) {
  SourceRest rest;
  EXPECT_FALSE(rest.MustLook(1));
  EXPECT_FALSE(rest.Heed(Notice(kNow - std::chrono::hours(1), 7), kNow, kAckWait));
  EXPECT_LT(rest.until(), kNow);
  EXPECT_TRUE(rest.MustLook(7));
  EXPECT_FALSE(rest.MustLook(8));
}

TEST(SourceRest, AnEarlierNoticeTakesNoRecordOutOfTheLook) {
  SourceRest rest;
  (void)rest.Heed(Notice(kNow + seconds(40), 20), kNow, kAckWait);
  (void)rest.Heed(Notice(kNow + seconds(50), 10), kNow, kAckWait);
  EXPECT_TRUE(rest.MustLook(20));
}

TEST(SourceRest, ABacklogIsNotFetchedToBePutBack) {
  SourceRest rest;
  for (int i = 1; i < SourceRest::kMostPutBack; ++i) ASSERT_FALSE(rest.PutBack()) << i;
  EXPECT_TRUE(rest.PutBack());
  rest.ForgetPutBack();
  EXPECT_FALSE(rest.PutBack());
}

}  // namespace
}  // namespace goniec::outbound
