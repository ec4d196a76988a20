#include "inbound/accept/session_penalty.h"

#include <gtest/gtest.h>

#include <string>

namespace goniec::inbound {
namespace {

using std::chrono::seconds;

net::IpAddress Ip(const std::string& text) {
  return net::IpAddress::Parse(text).value();
}

TEST(SessionPenalty, BarsAnAddressForTheRestOfItsPeriod) {
  SessionPenalty penalty(3);
  const SessionPenalty::Time start = std::chrono::steady_clock::now();
  const struct {
    const char* name;
    int at;
    const char* ip;
    bool bad;
    bool barred;
  } kSteps[] = {
      {"first", 0, "192.0.2.1", true, false},
      {"second", 10, "192.0.2.1", true, false},
      {"of another", 11, "192.0.2.2", true, false},
      {"third", 20, "192.0.2.1", true, true},
      {"the other is not meant", 20, "192.0.2.2", false, false},
      {"in the same spelling of IPv6", 20, "::ffff:192.0.2.1", false, true},
      {"until the period's end", 59, "192.0.2.1", true, true},
      {"the next period", 60, "192.0.2.1", false, false},
      {"begins anew", 61, "192.0.2.1", true, false},
  };
  for (const auto& step : kSteps) {
    const auto now = start + seconds(step.at);
    if (step.bad) penalty.NoteBad(Ip(step.ip), now);
    EXPECT_EQ(penalty.IsBarred(Ip(step.ip), now), step.barred) << step.name;
  }
}

TEST(SessionPenalty, AnIpv6CustomerIsOneClient) {
  SessionPenalty penalty(2);
  const SessionPenalty::Time now = std::chrono::steady_clock::now();
  penalty.NoteBad(Ip("2001:db8::1"), now);
  penalty.NoteBad(Ip("2001:db8::2"), now);
  EXPECT_TRUE(penalty.IsBarred(Ip("2001:db8::3"), now));
  EXPECT_FALSE(penalty.IsBarred(Ip("2001:db8:0:1::1"), now));
}

TEST(SessionPenalty, ZeroBarsNobody) {
  SessionPenalty penalty(0);
  const SessionPenalty::Time now = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) penalty.NoteBad(Ip("192.0.2.1"), now);
  EXPECT_FALSE(penalty.IsBarred(Ip("192.0.2.1"), now));
}

}  // namespace
}  // namespace goniec::inbound
