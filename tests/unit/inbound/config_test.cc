#include "inbound/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/support/process.h"
#include "tests/support/settings.h"

namespace goniec::inbound {
namespace {

using testing::HasSubstr;

const std::set<std::string> kRoots = {"hostname", "drain_limit", "http",  "smtp", "tls",
                                      "relay",    "mail",        "queue", "log"};

// Where settings are described, and where they are read.
struct Described {
  const char* header;
  const char* source;
};
constexpr Described kFiles[] = {
    {"inbound/config.h", "inbound/config.cc"},
    {"inbound/accept/smtp_config.h", "inbound/accept/smtp_config.cc"},
    {"inbound/session/session_config.h", "inbound/session/session_config.cc"},
    {"inbound/policy/relay_config.h", "inbound/policy/relay_config.cc"},
    {"inbound/publish/mail_config.h", "inbound/publish/mail_config.cc"},
    {"common/queue/model/config.h", "common/queue/model/config.cc"},
    {"common/observe/log.h", "common/observe/log.cc"},
};

std::string Source(const std::string& path) {
  return test::ReadFileOrEmpty(std::string(GONIEC_SOURCE_DIR) + "/" + path);
}

class InboundConfigTest : public testing::Test {
 protected:
  absl::StatusOr<InboundConfig> Load(const std::string& yaml) {
    return LoadInboundConfig(folder_.Write("t.yaml", yaml));
  }
  test::TempDir folder_;
};

TEST_F(InboundConfigTest, DefaultsAreSafe) {
  const auto config = Load("hostname: mx.example.org\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->relay.domains.empty());
  EXPECT_TRUE(config->relay.trusted_networks.empty());
  EXPECT_EQ(config->session.max_message_size, 25U << 20);
  EXPECT_EQ(config->smtp.listen.front().ToString(), "0.0.0.0:2525");
  EXPECT_EQ(config->http_listen, "127.0.0.1:8081");
  EXPECT_FALSE(config->session.tls_available);
  EXPECT_EQ(config->smtp.command_timeout, std::chrono::minutes(5));
}

TEST_F(InboundConfigTest, EverySettingIsTaken) {
  const auto config = Load(R"(
hostname: mx.exämple.org
http: {listen: "[::1]:9"}
drain_limit: 7s
smtp:
  listen: ["[::]:25", "0.0.0.0:25"]
  threads: 3
  max_connections: 11
  max_connections_per_client: 2
  max_memory: 20MiB
  command_timeout: 2m
  data_timeout: 3m
  message_timeout: 4m
  min_rate: 1KiB
  session_timeout: 3h
  greeting_delay: 2s
  max_bad_sessions: 7
  max_message_size: 50MiB
  max_recipients: 100
  max_errors: 5
  max_refusals: 6
  max_idle_commands: 8
  max_refused_size: 60MiB
  postmaster_domain: example.org
tls: {cert_file: c.pem, key_file: k.pem, min_version: "1.3"}
relay: {domains: [example.org, "*.example.net"], trusted_networks: [10.0.0.0/8]}
mail: {tenant: shop, class: bulk, lifetime: 2d, null_sender_lifetime: 12h}
queue: {lanes: 3}
log: {level: debug}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->session.host_name, "mx.xn--exmple-cua.org") << "headers and the greeting are ASCII";
  EXPECT_EQ(config->smtp.listen.size(), 2U);
  EXPECT_EQ(config->smtp.threads, 3U);
  EXPECT_EQ(config->smtp.max_connections, 11U);
  EXPECT_EQ(config->smtp.max_connections_per_client, 2U);
  EXPECT_EQ(config->smtp.max_memory, MiB(20));
  EXPECT_EQ(config->smtp.command_timeout, std::chrono::minutes(2));
  EXPECT_EQ(config->smtp.data_timeout, std::chrono::minutes(3));
  EXPECT_EQ(config->smtp.message_timeout, std::chrono::minutes(4));
  EXPECT_EQ(config->session.max_message_size, 50U << 20);
  EXPECT_EQ(config->session.max_recipients, 100U);
  EXPECT_EQ(config->session.max_errors, 5);
  EXPECT_EQ(config->session.max_refusals, 6);
  EXPECT_EQ(config->session.max_idle_commands, 8);
  EXPECT_EQ(config->session.max_refused_size, 60U << 20);
  EXPECT_EQ(config->smtp.min_rate, KiB(1));
  EXPECT_EQ(config->smtp.session_timeout, std::chrono::hours(3));
  EXPECT_EQ(config->smtp.greeting_delay, std::chrono::seconds(2));
  EXPECT_EQ(config->smtp.max_bad_sessions, 7);
  EXPECT_EQ(config->session.postmaster_domain, "example.org");
  ASSERT_TRUE(config->tls.has_value());
  EXPECT_TRUE(config->session.tls_available);
  EXPECT_EQ(config->tls->min_version, net::TlsVersion::kTls13);
  EXPECT_EQ(config->mail.tenant, "shop");
  EXPECT_EQ(config->mail.mail_class, queue::MailClass::kBulk);
  EXPECT_EQ(config->mail.lifetime, std::chrono::hours(48));
  EXPECT_EQ(config->queue.lanes, 3);
  EXPECT_EQ(config->log.level, observe::LogLevel::kDebug);
  EXPECT_EQ(config->drain_limit, std::chrono::seconds(7));
}

// RFC 5321 §4.5.1: it is accepted from everybody, so it had better get somewhere.
TEST_F(InboundConfigTest, PostmasterIsWhereMailIsRelayedOrTheStartSaysWhatToSet) {
  const struct {
    const char* name;
    std::string yaml;
    std::string domain;
    bool warns;
  } kCases[] = {
      {"nothing is relayed", "", "mx.example.org", true},
      {"the first domain", "relay: {domains: [\"*.example.net\", Example.com, example.org]}\n", "example.com",
       false},
      {"wildcards only", "relay: {domains: [\"*.example.net\"]}\n", "mx.example.org", true},
      {"the host is relayed", "relay: {domains: [\"*.example.org\"]}\n", "mx.example.org", false},
      {"set", "smtp: {postmaster_domain: example.net}\nrelay: {domains: [example.net]}\n", "example.net",
       false},
      {"set to another", "smtp: {postmaster_domain: a.test}\nrelay: {domains: [example.net]}\n", "a.test",
       true},
  };
  for (const auto& c : kCases) {
    const auto config = Load("hostname: mx.example.org\n" + c.yaml);
    ASSERT_TRUE(config.ok()) << c.name << config.status();
    EXPECT_EQ(config->session.postmaster_domain, c.domain) << c.name;
    const std::vector<std::string> warnings = Warnings(*config);
    EXPECT_EQ(warnings.size(), c.warns ? 1U : 0U) << c.name;
    if (c.warns) EXPECT_THAT(warnings.front(), HasSubstr("set smtp.postmaster_domain")) << c.name;
  }
}

TEST_F(InboundConfigTest, EachMistakeIsToldAtItsLine) {
  const struct {
    const char* name;
    std::string yaml;
    std::string problem;
  } kCases[] = {
      {"host name", "hostname: not a name\n", ":1: hostname: \"not a name\" is not a domain name"},
      {"literal", "hostname: \"[127.0.0.1]\"\n", ":1: hostname: "},
      {"listen", "smtp:\n  listen: [\"localhost:25\"]\n",
       ":2: smtp.listen[0]: \"localhost:25\" is not an address"},
      {"no listen", "smtp:\n  listen: []\n", ":2: smtp.listen: needs at least one address"},
      {"http", "http: {listen: \"8080\"}\n", ":1: http.listen: \"8080\" is not an address"},
      {"half TLS", "tls: {cert_file: c.pem}\n", ":1: tls.key_file: is missing"},
      {"relay to all", "relay:\n  domains: [\"*\"]\n", ":2: relay.domains[0]: "},
      {"trust all", "relay:\n  trusted_networks: [\"0.0.0.0/0\"]\n", ":2: relay.trusted_networks[0]: "},
      {"tenant", "mail: {tenant: \"A b\"}\n", ":1: mail.tenant: \"A b\" is no tenant's name"},
      {"events of mail that lives deleted", "mail: {lifetime: 10d}\n\nqueue: {lanes: 1}\n",
       ":3: queue: event_retention_least must be at least the longest life of a mail (mail.lifetime, "
       "mail.null_sender_lifetime) and a day, 11d, here and in the configuration of goniec-outbound"},
      {"queue", "queue: {lanes: 99}\n", ":1: queue.lanes: 99 is out of bounds"},
  };
  for (const auto& c : kCases) {
    const auto config = Load(c.yaml);
    EXPECT_FALSE(config.ok()) << c.name;
    EXPECT_THAT(std::string(Message(config.status())), HasSubstr(c.problem)) << c.name;
  }
}

// The files that people copy are read by the same code as the service's own.
TEST_F(InboundConfigTest, TheExampleFilesAreGood) {
  for (const char* path : {"/.dev/compose/inbound.yaml", "/k8s/base/config/inbound.yaml"}) {
    const auto config = LoadInboundConfig(std::string(GONIEC_SOURCE_DIR) + path);
    EXPECT_TRUE(config.ok()) << config.status();
  }
}

TEST_F(InboundConfigTest, EverySettingIsDescribed) {
  for (const Described& file : kFiles) {
    const auto described = test::DescribedSettings(Source(file.header), kRoots);
    const std::set<std::string> keys = test::KeysReadIn(Source(file.source));
    EXPECT_FALSE(keys.empty()) << file.source << ": the pattern no longer finds the keys";
    for (const std::string& key : keys) {
      EXPECT_TRUE(std::ranges::any_of(described,
                                      [&](const test::DescribedSetting& setting) {
                                        const std::string path = "." + setting.path;
                                        return path.ends_with("." + key) ||
                                               path.ends_with("." + key + "_file");
                                      }))
          << file.header << " does not say what " << key << " is for";
    }
  }
}

TEST_F(InboundConfigTest, EveryDescribedSettingExistsWithItsBounds) {
  int bounded = 0;
  for (const Described& file : kFiles) {
    for (const test::DescribedSetting& setting : test::DescribedSettings(Source(file.header), kRoots)) {
      if (setting.bounds.empty()) continue;
      ++bounded;
      EXPECT_THAT(std::string(Message(Load(test::BeyondBounds(setting)).status())),
                  HasSubstr("it must be " + setting.bounds))
          << file.header << ": " << setting.path;
    }
  }
  EXPECT_GE(bounded, 20) << "the pattern no longer finds the bounds";
}

}  // namespace
}  // namespace goniec::inbound
