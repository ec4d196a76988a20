#include "inbound/accept/body_clock.h"

#include <gtest/gtest.h>

#include <vector>

namespace goniec::inbound {
namespace {

using std::chrono::seconds;
using Limit = BodyClock::Limit;

TEST(BodyClock, TheFirstLimitThatIsReachedEndsIt) {
  struct Piece {
    int at;
    uint64_t octets;
  };
  const BodyClock::Limits kUsual{seconds(300), seconds(3600), 500};
  const struct {
    const char* name;
    BodyClock::Limits limits;
    std::vector<Piece> pieces;
    int end;
    Limit limit;
  } kCases[] = {
      {"nothing comes", kUsual, {}, 300, Limit::kPause},
      {"a pause behind a large piece", kUsual, {{10, 1'000'000}}, 310, Limit::kPause},
      {"an octet now and then", kUsual, {{100, 1}, {200, 1}, {299, 1}}, 300, Limit::kRate},
      {"slow, but not too slow",
       kUsual,
       {{100, 100'000}, {300, 100'000}, {500, 100'000}},
       800,
       Limit::kPause},
      {"fast at first, then an octet now and then",
       kUsual,
       {{1, 50'000}, {200, 1}, {399, 1}},
       400,
       Limit::kRate},
      {"fast and endless", kUsual, {{1'000, 10'000'000}, {3'500, 10'000'000}}, 3'600, Limit::kWhole},
      {"any rate is good enough", {seconds(300), seconds(3600), 0}, {{299, 1}, {500, 1}}, 800, Limit::kPause},
  };
  for (const auto& c : kCases) {
    const BodyClock::Clock::time_point start{};
    BodyClock clock(c.limits, start);
    for (const Piece& piece : c.pieces) clock.Received(piece.octets, start + seconds(piece.at));
    EXPECT_EQ(std::chrono::duration_cast<seconds>(clock.end().at - start).count(), c.end) << c.name;
    EXPECT_EQ(clock.end().limit, c.limit) << c.name;
  }
}

TEST(BodyClock, TimeThatTheClientWaitedForUsIsNotItsOwn) {
  const BodyClock::Clock::time_point start{};
  BodyClock clock({seconds(300), seconds(3600), 500}, start);
  clock.Received(1, start + seconds(100));
  clock.Excuse(seconds(1'000), start + seconds(1'100));
  clock.Received(1, start + seconds(1'250));
  EXPECT_EQ(std::chrono::duration_cast<seconds>(clock.end().at - start).count(), 1'300);
  EXPECT_EQ(clock.end().limit, Limit::kRate);
}

}  // namespace
}  // namespace goniec::inbound
