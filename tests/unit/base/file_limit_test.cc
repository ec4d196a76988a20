#include "common/base/file_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace goniec {
namespace {

TEST(FileLimit, IsRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{std::min<rlim_t>(before.rlim_max, 512), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  EXPECT_EQ(RaiseFileLimit(), before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(FileLimit, DemandsAreLoweredByTheSameShareAndOnlyWhereTheyDoNotFit) {
  const struct {
    const char* name;
    std::size_t a, b;  // of one file, and of three
    std::size_t files;
    std::size_t a_given, b_given;
    std::size_t lowered;
  } kRows[] = {
      {"plenty", 1000, 256, 1 << 20, 1000, 256, 0},
      {"just enough", 1000, 256, 1768 + 256, 1000, 256, 0},
      {"one too few", 1000, 256, 1768 + 255, 999, 255, 2},
      {"the usual limit", 1000, 256, 1024, 434, 111, 2},
      {"hardly any", 1000, 256, 16, 4, 1, 2},
      {"next to none", 1000, 256, 2, 1, 1, 2},
      {"none", 1000, 256, 0, 1, 1, 2},
  };
  for (const auto& row : kRows) {
    std::size_t a = row.a;
    std::size_t b = row.b;
    const auto lowered = FitIntoFiles({{"a", &a, 1}, {"b", &b, 3}}, row.files);
    EXPECT_EQ(a, row.a_given) << row.name;
    EXPECT_EQ(b, row.b_given) << row.name;
    ASSERT_EQ(lowered.size(), row.lowered) << row.name;
    if (lowered.empty()) continue;
    EXPECT_EQ(lowered[0].setting, "a") << row.name;
    EXPECT_EQ(lowered[0].wanted, row.a) << row.name;
    EXPECT_EQ(lowered[0].given, row.a_given) << row.name;
  }
}

}  // namespace
}  // namespace goniec
