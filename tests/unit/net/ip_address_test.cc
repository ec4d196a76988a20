#include "common/net/ip_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::net {
namespace {

IpAddress Ip(std::string_view text) {
  return IpAddress::Parse(text).value();
}

TEST(IpAddress, IsReadAndPrinted) {
  for (const char* text :
       {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2"}) {
    ASSERT_TRUE(IpAddress::Parse(text).has_value()) << text;
    EXPECT_EQ(Ip(text).ToString(), text);
  }
}

TEST(IpAddress, HasALiteral) {
  EXPECT_EQ(Ip("192.0.2.1").ToLiteral(), "[192.0.2.1]");
  EXPECT_EQ(Ip("2001:db8::1").ToLiteral(), "[IPv6:2001:db8::1]");
}

TEST(IpAddress, HasOneForm) {
  EXPECT_EQ(Ip("192.0.2.1").ToString(), "192.0.2.1");
  EXPECT_EQ(Ip("::ffff:192.0.2.1").ToString(), "192.0.2.1");
  EXPECT_EQ(Ip("2001:DB8:0::1").ToString(), "2001:db8::1");
  for (const char* bad : {"", "x", "192.0.2", "192.0.2.256", "[::1]", "1"})
    EXPECT_FALSE(IpAddress::Parse(bad).has_value()) << bad;
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("192.0.2"), std::string_view("192.0.2.256"),
        std::string_view("192.0.2.1 "), std::string_view("010.0.0.1"), std::string_view("[::1]"),
        std::string_view("fe80::1%eth0"), std::string_view("1:2"), std::string_view("IPv6:::1"),
        std::string_view("127.0.0.1\0x", 11),
        std::string_view("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000")}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
}

TEST(IpAddress, AMappedAddressIsTheIpv4Address) {
  EXPECT_EQ(Ip("::ffff:192.0.2.1"), Ip("192.0.2.1"));
  EXPECT_TRUE(Ip("::ffff:c000:201").IsV4());
  EXPECT_EQ(Ip("::ffff:c000:201").ToString(), "192.0.2.1");
  EXPECT_FALSE(Ip("::192.0.2.1").IsV4());
}

TEST(SpecialUse, KnowsWhatIsNotThePublicInternet) {
  const struct {
    std::string ip;
    std::string use;
  } kCases[] = {
      {"0.0.0.0", "unspecified"},
      {"0.1.2.3", "unspecified"},
      {"10.1.1.1", "private"},
      {"172.16.0.1", "private"},
      {"172.31.255.255", "private"},
      {"192.168.1.1", "private"},
      {"100.64.0.1", "shared (CGNAT)"},
      {"127.0.0.1", "loopback"},
      {"127.255.0.1", "loopback"},
      {"169.254.169.254", "link-local"},
      {"192.0.2.1", "documentation"},
      {"198.18.0.1", "benchmarking"},
      {"224.0.0.1", "multicast"},
      {"255.255.255.255", "reserved"},
      {"::", "unspecified"},
      {"::1", "loopback"},
      {"::ffff:127.0.0.1", "loopback"},
      {"::127.0.0.1", "reserved"},
      {"fc00::1", "unique local"},
      {"fd12:3456::1", "unique local"},
      {"fe80::1", "link-local"},
      {"ff02::1", "multicast"},
      {"2001:db8::1", "documentation"},
      {"2001::1", "reserved"},
      {"64:ff9b::7f00:1", "loopback"},
      {"64:ff9b::a00:1", "private"},
      {"2002:7f00:1::", "loopback"},
      {"2002:c0a8:101::1", "private"},
      {"64:ff9b:1::1", "private"},
  };
  for (const auto& c : kCases) {
    const auto use = SpecialUse(Ip(c.ip));
    ASSERT_TRUE(use.has_value()) << c.ip;
    EXPECT_EQ(*use, c.use) << c.ip;
  }
  for (const char* ip :
       {"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "11.0.0.1", "192.0.1.1", "223.255.255.255",
        "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_FALSE(IsSpecialUse(Ip(ip))) << ip << " " << SpecialUse(Ip(ip)).value_or("");
  }
}

TEST(Endpoint, IsReadAndPrinted) {
  for (const char* text : {"127.0.0.1:2525", "[::1]:25", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    const auto endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(endpoint->ToString(), text);
    sockaddr_storage storage{};
    EXPECT_GT(ToSockaddr(*endpoint, storage), 0U);
    EXPECT_EQ(FromSockaddr(storage), *endpoint);
  }
  for (const char* text :
       {"", ":25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "::1:25",
        "[127.0.0.1]:25", "localhost:25", "[::1]25", "127.0.0.1:25x"}) {
    EXPECT_FALSE(Endpoint::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace goniec::net
