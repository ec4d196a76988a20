#include "outbound/site/site_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/document.h"

namespace goniec::outbound {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

absl::Status Read(const std::string& yaml, std::vector<SiteRule>& rules) {
  auto document = config::Document::Parse(yaml, "deliver.yaml");
  if (!document.ok()) return document.status();
  std::size_t connections = 100;
  document->root().Integer<std::size_t>("connections", connections, {1, 1'000});
  rules = ReadSiteRules(document->root(), connections);
  return document->Finish();
}

std::string ProblemsOf(const std::string& yaml) {
  std::vector<SiteRule> rules;
  return std::string(Read(yaml, rules).message());
}

TEST(ReadSiteRulesTest, TakesEveryKey) {
  std::vector<SiteRule> rules;
  const absl::Status status = Read(
      "sites:\n"
      "  - {match: [mx.one.example, Two.example], connections: 1, messages_per_connection: 2, messages: "
      "3/4m,\n"
      "     recipients: 5/6s, idle_timeout: 7s, max_age: 8m}\n"
      "  - {match: [three.example]}\n",
      rules);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_THAT(rules[0].match, testing::ElementsAre("mx.one.example", "two.example"));
  EXPECT_EQ(rules[0].connections, 1u);
  EXPECT_EQ(rules[0].messages_per_connection, 2u);
  EXPECT_EQ(rules[0].messages, (Rate{3, minutes(4)}));
  EXPECT_EQ(rules[0].recipients, (Rate{5, seconds(6)}));
  EXPECT_EQ(rules[0].idle_timeout, seconds(7));
  EXPECT_EQ(rules[0].max_age, minutes(8));
  EXPECT_FALSE(rules[1].connections || rules[1].messages || rules[1].max_age);
}

TEST(ReadSiteRulesTest, SaysWhatIsWrong) {
  EXPECT_THAT(ProblemsOf("sites:\n  - {connections: 1}\n"), HasSubstr("match"));
  EXPECT_THAT(ProblemsOf("sites:\n  - match: [a.example]\n    messages_per_connection: 0\n"),
              HasSubstr("deliver.yaml:3: sites[0].messages_per_connection"));
  EXPECT_THAT(ProblemsOf("sites:\n  - match: [a.example]\n    messages: 600\n"),
              HasSubstr("deliver.yaml:3: sites[0].messages: \"600\" is not a rate"));
  EXPECT_THAT(ProblemsOf("sites:\n  - match: [a.example]\n    speed: 1\n"),
              HasSubstr("deliver.yaml:3: sites[0].speed"));
}

TEST(ReadSiteRulesTest, ShowsBothLinesOfAContradiction) {
  EXPECT_THAT(ProblemsOf("connections: 5\nsites:\n  - match: [a.example]\n    connections: 6\n"),
              AllOf(HasSubstr("deliver.yaml:1: connections: is 5, below sites[0].connections (6)"),
                    HasSubstr("deliver.yaml:4: sites[0].connections: is 6, above delivery.connections (5)")));
  EXPECT_THAT(
      ProblemsOf("sites:\n  - match: [a.example]\n  - match:\n      - b.example\n      - A.example\n"),
      AllOf(HasSubstr("deliver.yaml:2: sites[0].match[0]: \"a.example\" stands in sites[1].match as well"),
            HasSubstr("deliver.yaml:5: sites[1].match[1]: \"a.example\" stands in sites[0].match as well")));
}

struct LimitsCase {
  const char* name;
  const char* site;
  std::size_t connections;
  std::size_t messages_per_connection;
};

class ProviderTest : public ::testing::TestWithParam<LimitsCase> {};

TEST_P(ProviderTest, IsServedAsItBears) {
  const SiteLimits limits = LimitsOf(GetParam().site, {}, {});
  EXPECT_EQ(limits.connections, GetParam().connections);
  EXPECT_EQ(limits.messages_per_connection, GetParam().messages_per_connection);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProviderTest,
    ::testing::Values(LimitsCase{"Unknown", "mx:mx.example:25", 20, 500},
                      LimitsCase{"Literal", "ip:192.0.2.1:25", 20, 500},
                      LimitsCase{"Google", "mx:alt1.gmail-smtp-in.l.google.com,gmail-smtp-in.l.google.com:25",
                                 5, 50},
                      LimitsCase{"Yahoo", "mx:mta5.am0.yahoodns.net:25", 20, 20},
                      LimitsCase{"Outlook", "mx:outlook-com.olc.protection.outlook.com:25", 5, 50},
                      LimitsCase{"Office", "mx:x-example.mail.protection.outlook.com:25", 5, 50},
                      LimitsCase{"OfficeDnssec", "mx:x-example.a-v1.mx.microsoft:25", 5, 50},
                      LimitsCase{"ICloud", "mx:mx01.mail.icloud.com,mx02.mail.icloud.com:25", 20, 5},
                      LimitsCase{"Orange", "mx:smtp-in.orange.fr:25", 2, 500},
                      LimitsCase{"AsSmartHost", "host:smtp-relay.google.com:587", 5, 50},
                      LimitsCase{"OnlyWholeLabels", "mx:mx.notgoogle.com:25", 20, 500}),
    [](const auto& param) { return param.param.name; });

TEST(LimitsOfTest, AProviderNeverRaisesTheGeneralLimit) {
  SiteLimits general;
  general.connections = 2;
  EXPECT_EQ(LimitsOf("mx:aspmx.l.google.com:25", general, {}).connections, 2u);
}

TEST(LimitsOfTest, ARuleSetsWhatItSaysAndLeavesTheRest) {
  SiteRule rule;
  rule.match = {"google.com"};
  rule.connections = 30;
  rule.messages = Rate{600, minutes(1)};
  const SiteLimits limits = LimitsOf("mx:aspmx.l.google.com:25", {}, {rule});
  EXPECT_EQ(limits.connections, 30u);
  EXPECT_EQ(limits.messages_per_connection, 50u);
  EXPECT_EQ(limits.messages, (Rate{600, minutes(1)}));
}

TEST(LimitsOfTest, OfSeveralRulesTheMostExactHolds) {
  SiteRule all;
  all.match = {"example"};
  all.connections = 1;
  SiteRule host;
  host.match = {"mx.b.example"};
  host.connections = 2;
  EXPECT_EQ(LimitsOf("mx:mx.a.example,mx.b.example:25", {}, {all, host}).connections, 2u);
  EXPECT_EQ(LimitsOf("mx:mx.a.example,mx.b.example:25", {}, {host, all}).connections, 2u);
  EXPECT_EQ(LimitsOf("mx:mx.a.example:25", {}, {host, all}).connections, 1u);
}

}  // namespace
}  // namespace goniec::outbound
