#include "outbound/consume/leases.h"

#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct StandstillCase {
  const char* name;
  BootClock::duration since_last_tick;
  milliseconds ack_wait;
  bool stood_still;
};

class StoodStillTest : public ::testing::TestWithParam<StandstillCase> {};

TEST_P(StoodStillTest, IsLongerThanALeaseBearsAndThanTicksAreApart) {
  EXPECT_EQ(StoodStill(GetParam().since_last_tick, GetParam().ack_wait), GetParam().stood_still);
}

INSTANTIATE_TEST_SUITE_P(
    All, StoodStillTest,
    ::testing::Values(StandstillCase{"Ticking", kLeaseTick, seconds(60), false},
                      StandstillCase{"ABusyMoment", seconds(19), seconds(60), false},
                      StandstillCase{"AThirdOfAckWait", seconds(20), seconds(60), false},
                      StandstillCase{"MoreThanAThird", seconds(20) + milliseconds(1), seconds(60), true},
                      StandstillCase{"AShortAckWaitAllowsTwoTicks", 2 * kLeaseTick, seconds(1), false},
                      StandstillCase{"AndNotMore", 2 * kLeaseTick + milliseconds(1), seconds(1), true}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace goniec::outbound
