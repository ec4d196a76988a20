#include "outbound/route/route_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/config/document.h"

namespace goniec::outbound {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseSmartHost, Forms) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  const Case cases[] = {
      {"relay.example", "relay.example", 25},
      {"Relay.Example:587", "relay.example", 587},
      {"relay.example.:26", "relay.example", 26},
      {"192.0.2.1", "192.0.2.1", 25},
      {"192.0.2.1:2525", "192.0.2.1", 2525},
      {"[192.0.2.1]:2525", "192.0.2.1", 2525},
      {"[2001:db8::1]", "2001:db8::1", 25},
      {"[2001:DB8:0::1]:26", "2001:db8::1", 26},
      {"2001:db8::1", "2001:db8::1", 25},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example", 25},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseSmartHost(c.text, 25);
    ASSERT_TRUE(parsed.ok()) << c.text << ": " << parsed.status();
    EXPECT_EQ(parsed->host, c.host) << c.text;
    EXPECT_EQ(parsed->port, c.port) << c.text;
  }
  for (const char* text :
       {"", ":25", "relay.example:", "relay.example:0", "relay.example:65536", "relay.example:smtp",
        "[2001:db8::1", "[2001:db8::1]25", "[2001:db8::1]:", "a b", "-", "a..b", "relay:25:26"}) {
    EXPECT_FALSE(ParseSmartHost(text, 25).ok()) << text;
  }
}

TEST(RouteConfig, ReadsEveryKey) {
  auto document = config::Document::Parse(R"(
delivery:
  smtp_port: 2525
  address_families: ipv4
  allow_networks: [127.0.0.0/8, fd00::/8]
  own_hosts: [MX.Example.org]
  own_addresses: [192.0.2.9]
  routes:
    "*": {smart_host: "127.0.0.1:2626"}
    "*.Example.com": {smart_host: relay.example, mx: true}
    example.net: {}
    "[192.0.2.7]": {smart_host: relay.example:26}
)",
                                          "test.yaml");
  ASSERT_TRUE(document.ok()) << document.status();
  const RouteConfig config = ReadRouteConfig(document->root().Sub("delivery"));
  EXPECT_TRUE(document->Finish().ok()) << document->Finish();
  EXPECT_EQ(config.smtp_port, 2525);
  EXPECT_EQ(config.families, dns::Families::kIPv4);
  EXPECT_TRUE(config.allow_networks.Contains(*net::IpAddress::Parse("127.1.2.3")));
  EXPECT_FALSE(config.allow_networks.Contains(*net::IpAddress::Parse("10.0.0.1")));
  EXPECT_THAT(config.own_hosts, ElementsAre("mx.example.org"));
  EXPECT_THAT(config.own_addresses, ElementsAre(*net::IpAddress::Parse("192.0.2.9")));
  ASSERT_EQ(config.routes.size(), 4U);
  EXPECT_EQ(config.routes[0].pattern, "*");
  EXPECT_EQ(config.routes[0].smart_host.port, 2626);
  EXPECT_EQ(config.routes[1].pattern, "*.example.com");
  EXPECT_EQ(config.routes[1].smart_host.host, "relay.example");
  EXPECT_EQ(config.routes[1].smart_host.port, 2525);
  EXPECT_TRUE(config.routes[1].mx);
  EXPECT_EQ(config.routes[2].smart_host.host, "");
  EXPECT_EQ(config.routes[3].pattern, "[192.0.2.7]");
}

TEST(RouteConfig, ProblemsHaveLineAndPath) {
  struct Case {
    const char* yaml;
    const char* problem;
  };
  const Case cases[] = {
      {"delivery:\n  smtp_port: 0\n", "test.yaml:2: delivery.smtp_port"},
      {"delivery:\n  address_families: ipv5\n", "test.yaml:2: delivery.address_families"},
      {"delivery:\n  allow_networks: [10.0.0.1/8]\n", "test.yaml:2: delivery.allow_networks[0]"},
      {"delivery:\n  own_hosts: [10.0.0.1 x]\n", "test.yaml:2: delivery.own_hosts[0]"},
      {"delivery:\n  own_addresses: [here]\n", "test.yaml:2: delivery.own_addresses[0]"},
      {"delivery:\n  routes:\n    \"a b\": {}\n", "test.yaml:3: delivery.routes.a b: \"a b\" is no pattern"},
      {"delivery:\n  routes:\n    \"*.*.a\": {}\n", "is no pattern"},
      {"delivery:\n  routes:\n    a.b: {}\n    A.b: {}\n",
       "test.yaml:4: delivery.routes.A.b: is there twice"},
      {"delivery:\n  routes:\n    a.b: {smart_host: \"x:y\"}\n",
       "test.yaml:3: delivery.routes.a.b.smart_host"},
      {"delivery:\n  routes:\n    a.b: {smart_host: 192.0.2.1, mx: true}\n", "an address has no MX records"},
      {"delivery:\n  routes:\n    a.b: {host: c}\n", "test.yaml:3: delivery.routes.a.b.host"},
  };
  for (const Case& c : cases) {
    auto document = config::Document::Parse(c.yaml, "test.yaml");
    ASSERT_TRUE(document.ok());
    (void)ReadRouteConfig(document->root().Sub("delivery"));
    EXPECT_THAT(std::string(Message(document->Finish())), HasSubstr(c.problem)) << c.yaml;
  }
}

}  // namespace
}  // namespace goniec::outbound
