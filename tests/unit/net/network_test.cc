#include "common/net/network.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace goniec::net {
namespace {

IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

TEST(Network, ContainsItsAddressesOnly) {
  const struct {
    std::string network, inside, outside;
  } kCases[] = {
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},     {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
      {"192.0.2.128/25", "192.0.2.255", "192.0.2.127"}, {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
      {"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},          {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
      {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"},  {"::1", "::1", "::2"},
  };
  for (const auto& c : kCases) {
    const auto network = Network::Parse(c.network);
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_TRUE(network->Contains(Ip(c.inside))) << c.network << " " << c.inside;
    EXPECT_FALSE(network->Contains(Ip(c.outside))) << c.network << " " << c.outside;
  }
  EXPECT_FALSE(Network::Parse("::/0")->Contains(Ip("8.8.8.8")));
  EXPECT_FALSE(Network::Parse("::/8")->Contains(Ip("8.8.8.8")));
}

TEST(Network, RefusesMistakesAndSaysWhatWasMeant) {
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "::/129", "localhost", "10/8"}) {
    EXPECT_FALSE(Network::Parse(text).ok()) << text;
  }
  EXPECT_EQ(Message(Network::Parse("10.0.0.1/8").status()),
            "\"10.0.0.1/8\" has bits set after its prefix; did you mean 10.0.0.0/8?");
}

TEST(NetworkSet, MatchesAnyOfItsNetworks) {
  const auto set = NetworkSet::Parse({"127.0.0.1/32", "fd00::/8"});
  ASSERT_TRUE(set.ok());
  EXPECT_TRUE(set->Contains(Ip("127.0.0.1")));
  EXPECT_TRUE(set->Contains(Ip("fd12::1")));
  EXPECT_FALSE(set->Contains(Ip("127.0.0.2")));
  EXPECT_FALSE(NetworkSet().Contains(Ip("127.0.0.1")));
  EXPECT_FALSE(NetworkSet::Parse({"127.0.0.1/32", "x"}).ok());
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
}  // namespace goniec::net
