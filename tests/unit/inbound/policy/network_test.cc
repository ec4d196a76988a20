#include "inbound/policy/network.h"

#include <gtest/gtest.h>

namespace goniec::inbound {
namespace {

IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

TEST(IpAddress, HasOneForm) {
  EXPECT_EQ(Ip("192.0.2.1").ToString(), "192.0.2.1");
  EXPECT_EQ(Ip("::ffff:192.0.2.1").ToString(), "192.0.2.1");
  EXPECT_EQ(Ip("2001:DB8:0::1").ToString(), "2001:db8::1");
  EXPECT_EQ(Ip("fe80::1%eth0").ToString(), "fe80::1");
  EXPECT_EQ(Ip("192.0.2.1").ToLiteral(), "[192.0.2.1]");
  EXPECT_EQ(Ip("2001:db8::1").ToLiteral(), "[IPv6:2001:db8::1]");
  for (const char* bad : {"", "x", "192.0.2", "192.0.2.256", "[::1]", "1"})
    EXPECT_FALSE(IpAddress::Parse(bad).ok()) << bad;
}

TEST(Network, Contains) {
  struct Row {
    const char* network;
    const char* address;
    bool inside;
  };
  for (const Row& row : {
           Row{"10.0.0.0/8", "10.255.1.2", true},
           Row{"10.0.0.0/8", "11.0.0.0", false},
           Row{"10.0.0.0/8", "::ffff:10.1.1.1", true},
           Row{"192.0.2.128/25", "192.0.2.127", false},
           Row{"192.0.2.128/25", "192.0.2.200", true},
           Row{"192.0.2.1", "192.0.2.1", true},
           Row{"192.0.2.1", "192.0.2.2", false},
           Row{"0.0.0.0/0", "8.8.8.8", true},
           Row{"0.0.0.0/0", "::1", false},
           Row{"::/0", "8.8.8.8", false},
           Row{"2001:db8::/33", "2001:db8:7fff::1", true},
           Row{"2001:db8::/33", "2001:db8:8000::1", false},
           Row{"::1", "::1", true},
           Row{"::1/128", "127.0.0.1", false},
           Row{"::ffff:10.0.0.0/104", "10.2.3.4", true},
           Row{"::ffff:10.0.0.0/104", "11.2.3.4", false},
       }) {
    EXPECT_EQ(Network::Parse(row.network)->Contains(Ip(row.address)), row.inside)
        << row.network << ' ' << row.address;
  }
}

TEST(Network, Bad) {
  for (const char* bad :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.1.0.0/8", "::1/64", "::/129",
        "::ffff:10.0.0.0/90", "fe80::%eth0/64", "10.0.0.0/8/8", "example.com", "10.0.0.0/ 8"}) {
    EXPECT_FALSE(Network::Parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace goniec::inbound
