// The whole configuration of goniec-outbound: what is written about it is complete and true, and each mistake
// is told once, at its line. What single sections do is tested beside their readers.
#include "outbound/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/support/process.h"
#include "tests/support/settings.h"

namespace goniec::outbound {
namespace {

using testing::HasSubstr;

const std::set<std::string> kRoots = {"roles", "hostname", "drain_limit", "http",  "api", "delivery",
                                      "retry", "worker",   "dns",         "queue", "log"};

// Where settings are described, and where they are read.
struct Described {
  const char* header;
  const char* source;
};
constexpr Described kFiles[] = {
    {"outbound/config.h", "outbound/config.cc"},
    {"outbound/api/api_config.h", "outbound/api/api_config.cc"},
    {"outbound/deliver/deliver_config.h", "outbound/deliver/deliver_config.cc"},
    {"outbound/route/route_config.h", "outbound/route/route_config.cc"},
    {"outbound/retry/retry.h", "outbound/retry/retry.cc"},
    {"outbound/consume/worker_config.h", "outbound/consume/worker_config.cc"},
    {"common/queue/model/config.h", "common/queue/model/config.cc"},
    {"common/dns/dns_config.h", "common/dns/dns_config.cc"},
    {"common/observe/log.h", "common/observe/log.cc"},
};

std::string Source(const std::string& path) {
  return test::ReadFileOrEmpty(std::string(GONIEC_SOURCE_DIR) + "/" + path);
}

class OutboundConfigTest : public testing::Test {
 protected:
  absl::StatusOr<OutboundConfig> Load(const std::string& yaml) {
    return LoadOutboundConfig(folder_.Write("t.yaml", yaml));
  }
  test::TempDir folder_;
};

TEST_F(OutboundConfigTest, DefaultsAreSafe) {
  const auto config = Load("hostname: out.example.org\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->http_listen, "127.0.0.1:8082");
  EXPECT_EQ(config->api.listen.ToString(), "127.0.0.1:8443");
  EXPECT_EQ(config->roles.ToString(), "deliver,api,tend");
  EXPECT_EQ(config->deliver.helo, "out.example.org");
  EXPECT_EQ(config->deliver.tls, TlsMode::kOpportunistic);
  EXPECT_FALSE(config->route.allow_networks.Contains(*net::IpAddress::Parse("127.0.0.1")));
  EXPECT_FALSE(config->route.allow_networks.Contains(*net::IpAddress::Parse("10.0.0.1")));
  EXPECT_TRUE(config->route.routes.empty());
  EXPECT_EQ(config->route.smtp_port, 25);
}

TEST_F(OutboundConfigTest, EverySectionIsTaken) {
  const auto config = Load(R"(
hostname: out.exämple.org
roles: [tend, api]
http: {listen: "[::1]:9"}
drain_limit: 7s
api: {listen: "[::1]:8444", max_calls: 5}
delivery: {helo: helo.example.org, connections: 9, smtp_port: 2525, allow_networks: [127.0.0.0/8]}
retry: {first_delay: 1s}
worker: {slots: 3}
dns: {timeout: 2s}
queue: {lanes: 3}
log: {level: debug}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->hostname, "out.xn--exmple-cua.org") << "headers and EHLO are ASCII";
  EXPECT_EQ(config->roles.ToString(), "api,tend");
  EXPECT_EQ(config->http_listen, "[::1]:9");
  EXPECT_EQ(config->drain_limit, std::chrono::seconds(7));
  EXPECT_EQ(config->api.listen.ToString(), "[::1]:8444");
  EXPECT_EQ(config->api.max_calls, 5);
  EXPECT_EQ(config->deliver.helo, "helo.example.org");
  EXPECT_EQ(config->deliver.connections, 9U);
  EXPECT_EQ(config->route.smtp_port, 2525);
  EXPECT_TRUE(config->route.allow_networks.Contains(*net::IpAddress::Parse("127.0.0.1")));
  EXPECT_EQ(config->retry.first_delay, std::chrono::seconds(1));
  EXPECT_EQ(config->worker.slots, 3U);
  EXPECT_EQ(config->dns.timeout, std::chrono::seconds(2));
  EXPECT_EQ(config->queue.lanes, 3);
  EXPECT_EQ(config->log.level, observe::LogLevel::kDebug);
}

TEST_F(OutboundConfigTest, EachMistakeIsToldOnceAtItsLine) {
  const struct {
    const char* name;
    std::string yaml;
    std::string problem;
  } kCases[] = {
      {"host name", "hostname: not a name\n", ":1: hostname: \"not a name\" is not a domain name; use"},
      {"literal", "hostname: \"[127.0.0.1]\"\n", ":1: hostname: "},
      {"line break", "hostname: \"a.test\\r\\nX: y\"\n", ":1: hostname: "},
      {"no role", "roles: []\n", ":1: roles: is empty: give some of deliver, api, tend"},
      {"unknown role", "roles: [deliver, sing]\n",
       ":1: roles[1]: is no role; there are deliver, api and tend"},
      {"a role twice", "roles: [tend, tend]\n", ":1: roles[1]: is there twice"},
      {"http", "http:\n  listen: \"8080\"\n", ":2: http.listen: \"8080\" is not an address"},
      {"unknown section", "\nsmtp: {listen: x}\n", ":2: smtp: there is no such setting"},
      {"unknown key", "retry:\n  firstdelay: 1s\n",
       ":2: retry.firstdelay: there is no such setting; did you mean first_delay?"},
      {"unit", "drain_limit: 5 parsecs\n", ":1: drain_limit: \"5 parsecs\" is not a time span; use for"},
      {"no unit", "drain_limit: 5\n",
       ":1: drain_limit: \"5\" has no unit, so it is not a time span; use for"},
      {"bounds", "delivery:\n  addresses_per_attempt: 99\n",
       ":2: delivery.addresses_per_attempt: 99 is out of bounds; it must be 1 to 20"},
      {"open API", "api: {listen: \"0.0.0.0:8443\"}\n", ":1: api.listen: 0.0.0.0:8443 is open to other"},
      {"network", "delivery: {allow_networks: [10.0.0.0/99]}\n", ":1: delivery.allow_networks[0]: "},
      {"events forgotten", "queue: {event_retention: 2d}\n", ":1: queue: event_retention must be at least"},
      {"events of mail that lives deleted", "retry: {lifetime: 10d}\nqueue: {event_retention_least: 6d}\n",
       ":2: queue: event_retention_least must be at least the longest life of a mail (retry.*lifetime, "
       "api.max_life) and a "
       "day: 11d"},
      {"no server", "queue: {servers: []}\n", ":1: queue.servers: needs at least one address"},
      {"secret", "queue: {password: x}\n", ":1: queue.password: "},
      {"twice", "worker: {slots: 1}\nworker: {slots: 2}\n", ":2: \"worker\" is set a second time"},
      {"no YAML", "worker: [\n", "this is not YAML"},
  };
  for (const auto& c : kCases) {
    const auto config = Load(c.yaml);
    EXPECT_FALSE(config.ok()) << c.name;
    const std::string told(Message(config.status()));
    EXPECT_THAT(told, HasSubstr(c.problem)) << c.name;
    EXPECT_THAT(told, testing::StartsWith(folder_.path() + "/t.yaml:")) << c.name;
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 0) << c.name << ": " << told;
  }
}

TEST_F(OutboundConfigTest, EventsAreKeptForAsLongAsAMailMayLive) {
  EXPECT_EQ(Load("worker: {slots: 1}\n")->queue.event_retention_least, std::chrono::hours(6 * 24));
  EXPECT_EQ(Load("retry: {lifetime: 10d}\n")->queue.event_retention_least, std::chrono::hours(11 * 24));
  EXPECT_EQ(Load("queue: {event_retention_least: 20d}\n")->queue.event_retention_least,
            std::chrono::hours(20 * 24));
}

// The files that people copy are read by the same code as the service's own.
TEST_F(OutboundConfigTest, TheExampleFilesAreGood) {
  for (const char* file :
       {"/.dev/compose/outbound.yaml", "/.dev/compose/api.yaml", "/k8s/base/config/outbound.yaml"}) {
    const auto config = LoadOutboundConfig(std::string(GONIEC_SOURCE_DIR) + file);
    EXPECT_TRUE(config.ok()) << file << ": " << config.status();
  }
  // The certificate and the tokens are mounted in the cluster only.
  const auto cluster = LoadOutboundConfig(std::string(GONIEC_SOURCE_DIR) + "/k8s/base/config/api.yaml");
  EXPECT_THAT(std::string(Message(cluster.status())), HasSubstr("api.tokens_file: /etc/goniec-api/tokens"));
  EXPECT_EQ(std::ranges::count(std::string(Message(cluster.status())), '\n'), 0) << cluster.status();
}

TEST_F(OutboundConfigTest, EverySettingIsDescribed) {
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

TEST_F(OutboundConfigTest, EveryDescribedSettingExistsWithItsBounds) {
  int bounded = 0;
  for (const Described& file : kFiles) {
    for (const test::DescribedSetting& setting : test::DescribedSettings(Source(file.header), kRoots)) {
      if (setting.bounds.empty()) continue;
      ++bounded;
      const auto config = Load(test::BeyondBounds(setting));
      EXPECT_THAT(std::string(Message(config.status())), HasSubstr("it must be " + setting.bounds))
          << file.header << ": " << setting.path;
    }
  }
  EXPECT_GE(bounded, 40) << "the pattern no longer finds the bounds";
}

}  // namespace
}  // namespace goniec::outbound
