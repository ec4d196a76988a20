#include "common/dns/dns_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/document.h"

namespace goniec::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DnsConfig, ReadsEveryKey) {
  auto document = config::Document::Parse(
      "dns:\n  servers: [127.0.0.1@5353, '::1']\n  timeout: 3s\n  cache_size: 2MiB\n  max_lookups: 7\n"
      "  max_waiting: 9\n  trust_anchor_file: /etc/anchors\n",
      "test.yaml");
  ASSERT_TRUE(document.ok());
  const DnsConfig config = ReadDnsConfig(document->root().Sub("dns"));
  EXPECT_TRUE(document->Finish().ok()) << document->Finish();
  EXPECT_THAT(config.servers, ElementsAre("127.0.0.1@5353", "::1"));
  EXPECT_EQ(config.timeout, std::chrono::seconds(3));
  EXPECT_EQ(config.cache_size, MiB(2));
  EXPECT_EQ(config.max_lookups, 7);
  EXPECT_EQ(config.max_waiting, 9);
  EXPECT_EQ(config.trust_anchor_file, "/etc/anchors");
}

TEST(DnsConfig, BoundsAreKept) {
  auto document = config::Document::Parse("dns:\n  timeout: 1ms\n  max_lookups: 0\n", "test.yaml");
  ASSERT_TRUE(document.ok());
  const DnsConfig config = ReadDnsConfig(document->root().Sub("dns"));
  EXPECT_EQ(config.max_lookups, DnsConfig().max_lookups);
  const std::string problems(Message(document->Finish()));
  EXPECT_THAT(problems, HasSubstr("test.yaml:2: dns.timeout"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:3: dns.max_lookups"));
}

}  // namespace
}  // namespace goniec::dns
