#include "common/net/connection_quota.h"

#include <gtest/gtest.h>

#include <vector>

namespace goniec::net {
namespace {

IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

TEST(ConnectionQuota, LimitsTheTotal) {
  ConnectionQuota quota(2, 10);
  auto first = quota.Enter(Ip("192.0.2.1"));
  const auto second = quota.Enter(Ip("192.0.2.2"));
  ConnectionQuota::Refusal why{};
  EXPECT_TRUE(first.has_value());
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(quota.Enter(Ip("192.0.2.3"), &why).has_value());
  EXPECT_EQ(why, ConnectionQuota::Refusal::kTotal);
  first.reset();
  EXPECT_EQ(quota.size(), 1U);
  EXPECT_TRUE(quota.Enter(Ip("192.0.2.3")).has_value());
}

TEST(ConnectionQuota, LimitsEachAddressAlone) {
  ConnectionQuota quota(10, 1);
  const auto first = quota.Enter(Ip("192.0.2.1"));
  ConnectionQuota::Refusal why{};
  EXPECT_FALSE(quota.Enter(Ip("::ffff:192.0.2.1"), &why).has_value()) << "the mapped form is the same client";
  EXPECT_EQ(why, ConnectionQuota::Refusal::kPerAddress);
  EXPECT_TRUE(quota.Enter(Ip("192.0.2.2")).has_value());
}

TEST(ConnectionQuota, CountsAnIpv6ClientByItsNetwork) {
  ConnectionQuota quota(10, 1);
  const auto first = quota.Enter(Ip("2001:db8:0:1::1"));
  EXPECT_FALSE(quota.Enter(Ip("2001:db8:0:1:ffff::2")).has_value());
  EXPECT_TRUE(quota.Enter(Ip("2001:db8:0:2::1")).has_value());
}

TEST(ConnectionQuota, AMovedSlotIsGivenBackOnce) {
  ConnectionQuota quota(10, 10);
  {
    auto slot = quota.Enter(Ip("192.0.2.1"));
    const ConnectionQuota::Slot moved = *std::move(slot);
    EXPECT_EQ(quota.size(), 1U);
  }
  EXPECT_EQ(quota.size(), 0U);
}

}  // namespace
}  // namespace goniec::net
