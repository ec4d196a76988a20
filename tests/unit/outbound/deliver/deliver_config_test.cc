#include "outbound/deliver/deliver_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/document.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

absl::Status Read(const std::string& yaml, DeliverConfig& config) {
  auto document = config::Document::Parse(yaml, "deliver.yaml");
  if (!document.ok()) return document.status();
  ReadDeliverConfig(document->root(), config);
  return document->Finish();
}

TEST(ReadDeliverConfigTest, NothingSaidLeavesTheDefaults) {
  DeliverConfig config;
  EXPECT_TRUE(Read("", config).ok());
  EXPECT_EQ(config.connections_per_site, 20u);
  EXPECT_EQ(config.helo, "");
}

TEST(ReadDeliverConfigTest, TakesEveryKey) {
  DeliverConfig config;
  const absl::Status status = Read(
      "helo: mail.example.org\ntls: off\nconnections_per_site: 1\nconnections: 2\nmessages_per_connection: "
      "3\n"
      "recipients_per_transaction: 4\naddresses_per_attempt: 5\nchunking_from: 6KiB\nidle_timeout: 7ms\n"
      "max_wait: 80ms\nattempt_timeout: 90ms\nconnect_timeout: 100ms\nfailed_site_pause: 11ms\n"
      "time_limit_percent: 12\nfollow_limit: 13ms\nreserved_percent: 14\nmails_per_site: 15\n"
      "connection_max_age: 16s\nsites: [{match: [a.example], connections: 2}]\n",
      config);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.helo, "mail.example.org");
  EXPECT_EQ(config.tls, TlsMode::kOff);
  EXPECT_EQ(config.connections_per_site, 1u);
  EXPECT_EQ(config.connections, 2u);
  EXPECT_EQ(config.messages_per_connection, 3u);
  EXPECT_EQ(config.recipients_per_transaction, 4u);
  EXPECT_EQ(config.addresses_per_attempt, 5u);
  EXPECT_EQ(config.chunking_from, KiB(6));
  EXPECT_EQ(config.idle_timeout, milliseconds(7));
  EXPECT_EQ(config.max_wait, milliseconds(80));
  EXPECT_EQ(config.attempt_timeout, milliseconds(90));
  EXPECT_EQ(config.connect_timeout, milliseconds(100));
  EXPECT_EQ(config.failed_site_pause, milliseconds(11));
  EXPECT_EQ(config.time_limit_percent, 12u);
  EXPECT_EQ(config.follow_limit, milliseconds(13));
  EXPECT_EQ(config.reserved_percent, 14u);
  EXPECT_EQ(config.mails_per_site, 15u);
  EXPECT_EQ(config.connection_max_age, milliseconds(16'000));
  EXPECT_EQ(LimitsOf(config, "mx:mx.a.example:25").connections, 2u);
  const SiteLimits limits = LimitsOf(config, "mx:mx.example:25");
  EXPECT_EQ(limits.connections, 1u);
  EXPECT_EQ(limits.messages_per_connection, 3u);
  EXPECT_EQ(limits.idle_timeout, milliseconds(7));
  EXPECT_EQ(limits.max_age, milliseconds(16'000));
}

TEST(ReadDeliverConfigTest, ShowsBothLinesOfAContradiction) {
  DeliverConfig config;
  EXPECT_THAT(std::string(Read("connections: 5\nconnections_per_site: 6\n", config).message()),
              testing::AllOf(testing::HasSubstr("deliver.yaml:1: connections"),
                             testing::HasSubstr("deliver.yaml:2: connections_per_site")));
}

TEST(ReadDeliverConfigTest, RefusesANameThatIsNone) {
  for (const char* name : {"two words", "a..b", "my_host.example", "'x\\r\\nQUIT'"}) {
    DeliverConfig config;
    EXPECT_THAT(std::string(Read("helo: " + std::string(name) + "\n", config).message()),
                testing::HasSubstr("deliver.yaml:1: helo"))
        << name;
  }
}

TEST(ReadDeliverConfigTest, TakesAnAddressLiteral) {
  DeliverConfig config;
  EXPECT_TRUE(Read("helo: '[192.0.2.1]'\n", config).ok());
}

}  // namespace
}  // namespace goniec::outbound
