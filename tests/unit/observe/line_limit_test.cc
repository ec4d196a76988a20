#include "common/observe/line_limit.h"

#include <gtest/gtest.h>

namespace goniec::observe {
namespace {

using std::chrono::milliseconds;

TEST(LineLimit, AdmitsABurstThenSoManyASecondAndCountsTheRest) {
  const struct {
    const char* name;
    milliseconds at;
    int lines;
    int admitted;
  } kSteps[] = {
      {"the burst", milliseconds(0), 100, 10},
      {"at once again", milliseconds(0), 100, 0},
      {"a quarter of a second later", milliseconds(250), 100, 0},
      {"half a second later", milliseconds(500), 100, 1},
      {"a second after that", milliseconds(1'500), 100, 2},
      {"no more than the burst gathers", milliseconds(1'000'000), 100, 10},
      {"a clock that stands still", milliseconds(1'000'000), 1, 0},
  };
  LineLimit limit(2, 10);
  const LineLimit::Time start = std::chrono::steady_clock::now();
  for (const auto& step : kSteps) {
    int admitted = 0;
    for (int i = 0; i < step.lines; ++i) admitted += limit.Admit(start + step.at) ? 1 : 0;
    EXPECT_EQ(admitted, step.admitted) << step.name;
    EXPECT_EQ(limit.left_out(), static_cast<uint64_t>(step.lines - step.admitted)) << step.name;
    EXPECT_EQ(limit.TakeLeftOut(), static_cast<uint64_t>(step.lines - step.admitted)) << step.name;
    EXPECT_EQ(limit.left_out(), 0U) << step.name;
  }
}

}  // namespace
}  // namespace goniec::observe
