#include "common/config/units.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace goniec::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Units, DurationsCarryTheirUnit) {
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("30s"), seconds(30));
  EXPECT_EQ(*ParseDuration("5m"), minutes(5));
  EXPECT_EQ(*ParseDuration("4h"), hours(4));
  EXPECT_EQ(*ParseDuration("5d"), hours(120));
  EXPECT_EQ(*ParseDuration("0"), milliseconds(0));
}

TEST(Units, SizesArePowersOfTwo) {
  EXPECT_EQ(*ParseByteCount("100B"), ByteCount{100});
  EXPECT_EQ(*ParseByteCount("512KiB"), KiB(512));
  EXPECT_EQ(*ParseByteCount("25MiB"), MiB(25));
  EXPECT_EQ(*ParseByteCount("2GiB"), GiB(2));
}

TEST(Units, RefusesWhatIsNotOne) {
  for (const char* text : {"", "s", "30", "-5s", "+5s", "1.5h", " 5s", "5s ", "5 s", "5S", "5w", "1h30m",
                           "99999999999d", "18446744073709551616s", "37000d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  for (const char* text :
       {"", "MiB", "25", "25MB", "25M", "25mib", "-1B", "0.5MiB", "18446744073709551615GiB"}) {
    EXPECT_FALSE(ParseByteCount(text).ok()) << text;
  }
}

TEST(Units, ErrorsShowTheValueAndAnExample) {
  EXPECT_EQ(Message(ParseByteCount("25 parsecs").status()),
            "\"25 parsecs\" is not a size; use for example 25MiB");
  EXPECT_EQ(Message(ParseDuration("30").status()),
            "\"30\" has no unit, so it is not a time span; use for example 250ms, 30s, 5m, 4h or 5d");
}

TEST(Units, FormatIsReadBackAsTheSame) {
  for (const auto value : {milliseconds(0), milliseconds(1), milliseconds(1500), milliseconds(60'000),
                           milliseconds(86'400'000)}) {
    EXPECT_EQ(*ParseDuration(FormatDuration(value)), value) << FormatDuration(value);
  }
  for (const auto value : {ByteCount{0}, ByteCount{1}, ByteCount{1536}, KiB(64), MiB(25), GiB(10)}) {
    EXPECT_EQ(*ParseByteCount(FormatByteCount(value)), value) << FormatByteCount(value);
  }
  EXPECT_EQ(FormatDuration(minutes(90)), "90m");
  EXPECT_EQ(FormatByteCount(MiB(25)), "25MiB");
}

}  // namespace
}  // namespace goniec::config
