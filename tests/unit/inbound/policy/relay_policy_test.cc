#include "inbound/policy/relay_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace goniec::inbound {
namespace {

using ::testing::HasSubstr;

const RelayPolicy& Policy() {
  static const RelayPolicy& policy = *new RelayPolicy(
      RelayPolicy::Create({{"local.example", "BÜCHER.example", "*.sub.example", "[192.0.2.25]"},
                           {"10.1.0.0/16", "2001:db8:1::/48"}})
          .value());
  return policy;
}

// 0: accepted.
int Ask(const char* peer, std::string_view path_text) {
  const absl::StatusOr<smtp::Path> path = smtp::TakeForwardPath(&path_text);
  if (!path.ok()) return 501;
  const std::optional<smtp::Reply> refusal =
      Policy().CheckRecipient({net::IpAddress::Parse(peer).value()}, *path);
  if (!refusal) return 0;
  EXPECT_FALSE(refusal->enhanced.empty());
  return refusal->code;
}

struct Row {
  const char* name;
  const char* path;
  int stranger;  // reply code to a peer that is not trusted, 0 if accepted
  int trusted = 0;
};

class RelayTable : public ::testing::TestWithParam<Row> {};

TEST_P(RelayTable, StrangersAndTrustedPeers) {
  EXPECT_EQ(Ask("203.0.113.9", GetParam().path), GetParam().stranger);
  EXPECT_EQ(Ask("127.0.0.1", GetParam().path), GetParam().stranger)
      << "loopback is a stranger unless configured";
  EXPECT_EQ(Ask("2001:db8:2::1", GetParam().path), GetParam().stranger);
  EXPECT_EQ(Ask("10.1.2.3", GetParam().path), GetParam().trusted);
  EXPECT_EQ(Ask("::ffff:10.1.2.3", GetParam().path), GetParam().trusted);
  EXPECT_EQ(Ask("2001:db8:1::7", GetParam().path), GetParam().trusted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RelayTable,
    ::testing::Values(
        Row{"Local", "<a@local.example>", 0}, Row{"LocalCase", "<a@LOCAL.Example>", 0},
        Row{"LocalQuoted", "<\"a b\"@local.example>", 0}, Row{"LocalPlusTag", "<a+b=c@local.example>", 0},
        Row{"LocalUtf8", "<a@bücher.example>", 0}, Row{"LocalALabel", "<a@xn--bcher-kva.example>", 0},
        Row{"LocalLiteral", "<a@[192.0.2.25]>", 0}, Row{"Wildcard", "<a@x.sub.example>", 0},
        Row{"WildcardDeep", "<a@x.y.sub.example>", 0},
        // Addresses against the grammar that exist, and nothing that they open.
        Row{"DoubleDot", "<a..b@local.example>", 0}, Row{"DotLast", "<a.@local.example>", 0},
        Row{"DotFirst", "<.a@local.example>", 0}, Row{"Underscore", "<a@my_host.sub.example>", 0},
        Row{"DoubleDotToOther", "<a..b@other.example>", 550},
        Row{"UnderscoreForHyphen", "<a@local_example>", 550},
        Row{"DoubleDotPercentHack", "<a..b%other.example@local.example>", 550},
        Row{"DotsBeforeQuotedAt", "<..\"a@other.example\"@local.example>", 501, 501},
        Row{"DoubleDotInDomain", "<a@local..example>", 501, 501},
        // Attempts to relay.
        Row{"Other", "<a@other.example>", 550}, Row{"WildcardsParentItself", "<a@sub.example>", 550},
        Row{"WildcardSuffixOnly", "<a@evilsub.example>", 550}, Row{"SubOfExact", "<a@x.local.example>", 550},
        Row{"SuffixOfExact", "<a@notlocal.example>", 550},
        Row{"PrefixOfExact", "<a@local.example.evil.example>", 550},
        Row{"OtherLiteral", "<a@[192.0.2.26]>", 550}, Row{"OtherLiteral6", "<a@[IPv6:::1]>", 550},
        Row{"MappedLiteral", "<a@[IPv6:::ffff:192.0.2.25]>", 550},
        Row{"SourceRouteToOther", "<@local.example:a@other.example>", 550},
        Row{"SourceRouteToLocal", "<@other.example:a@local.example>", 550},
        Row{"SourceRouteTwice", "<@local.example,@local.example:a@other.example>", 550},
        Row{"PercentHack", "<a%other.example@local.example>", 550},
        Row{"PercentHackQuoted", "<\"a%other.example\"@local.example>", 550},
        Row{"QuotedAt", "<\"a@other.example\"@local.example>", 550},
        Row{"QuotedAtEscaped", "<\"a\\@other.example\"@local.example>", 550},
        Row{"QuotedSourceRoute", "<\"@x:a@other.example\"@local.example>", 550},
        Row{"BangPath", "<other.example!a@local.example>", 550},
        Row{"BangPathQuoted", "<\"other.example!a\"@local.example>", 550},
        Row{"TrailingDot", "<a@other.example.>", 501, 501},
        Row{"TrailingDotLocal", "<a@local.example.>", 501, 501},
        Row{"LookAlikeCyrillic", "<a@l\xD0\xBE\x63\x61l.example>", 550},
        Row{"LookAlikeFullWidth", "<a@ｌｏｃａｌ.example>", 501, 501},
        Row{"LookAlikeFullStop", "<a@local。example>", 501, 501},
        Row{"LookAlikeSoftHyphen",
            "<a@lo\xC2\xAD"
            "cal.example>",
            501, 501},
        Row{"LookAlikeSharpS", "<a@b\xC3\xBC\x63her\xC3\x9F.example>", 550},
        Row{"GeneralLiteral", "<a@[smtp:local.example]>", 550, 550},
        Row{"Nul", "<a@local.example\\0.other.example>", 501, 501},
        Row{"TwoAts", "<a@other.example@local.example>", 501, 501},
        Row{"CommentTrick", "<a(@local.example)@other.example>", 501, 501}),
    [](const auto& info) { return info.param.name; });

TEST(RelayPolicy, RelaysNothingByDefault) {
  const RelayPolicy policy = RelayPolicy::Create({}).value();
  for (std::string_view path : {"<a@local.example>", "<a@localhost>", "<a@[127.0.0.1]>"}) {
    const absl::StatusOr<smtp::Path> parsed = smtp::TakeForwardPath(&path);
    EXPECT_TRUE(policy.CheckRecipient({net::IpAddress::Parse("127.0.0.1").value()}, *parsed).has_value());
  }
}

TEST(RelayPolicy, RefusesRulesThatOpenTheRelay) {
  for (const char* domain : {"*", "*.", "*.com", "*.*", "", "a..b", "*.[192.0.2.1]", "a@b", "example.com."}) {
    const absl::Status status = RelayPolicy::Create({{domain}, {}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << domain;
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"" + std::string(domain) + "\""));
  }
  for (const char* network :
       {"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "128.0.0.0/1", "2000::/3", "example.com", "10.0.0.1/8"}) {
    const absl::Status status = RelayPolicy::Create({{}, {network}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << network;
    EXPECT_THAT(std::string(status.message()), HasSubstr(network));
  }
}

TEST(RelayPolicy, TakesWhatIsWideOnPurpose) {
  EXPECT_TRUE(RelayPolicy::Create({{"*.test", "*.co.uk"}, {"10.0.0.0/8", "fc00::/7", "127.0.0.1/32"}}).ok());
}

}  // namespace
}  // namespace goniec::inbound
