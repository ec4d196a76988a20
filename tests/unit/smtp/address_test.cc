#include "common/smtp/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/smtp/host_name.h"
#include "common/smtp/idna.h"
#include "common/smtp/limits.h"

namespace goniec::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct GoodMailbox {
  const char* name;
  std::string text;
  std::string canonical;
};

class MailboxGood : public ::testing::TestWithParam<GoodMailbox> {};

TEST_P(MailboxGood, ParsesKeepsItsWireFormAndHasOneCanonicalForm) {
  const absl::StatusOr<Mailbox> mailbox = ParseMailbox(GetParam().text);
  ASSERT_TRUE(mailbox.ok()) << mailbox.status();
  EXPECT_EQ(mailbox->ToString(), GetParam().text);
  EXPECT_EQ(mailbox->Canonical(), GetParam().canonical);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MailboxGood,
    ::testing::Values(GoodMailbox{"Plain", "jones@example.com", "jones@example.com"},
                      GoodMailbox{"DomainCase", "Jones@EXAMPLE.com", "Jones@example.com"},
                      GoodMailbox{"Dots", "a.b.c@d.e", "a.b.c@d.e"},
                      GoodMailbox{"AllAtext", "!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~@x"},
                      GoodMailbox{"QuotedAt", "\"a@b\"@c.example", "\"a@b\"@c.example"},
                      GoodMailbox{"QuotedNeedlessly", "\"joe\"@c.example", "joe@c.example"},
                      GoodMailbox{"QuotedPairNeedless", "\"j\\oe\"@c.example", "joe@c.example"},
                      GoodMailbox{"QuotedQuote", "\"a\\\"b\"@c.example", "\"a\\\"b\"@c.example"},
                      GoodMailbox{"QuotedSpace", "\"a b\"@c.example", "\"a b\"@c.example"},
                      GoodMailbox{"QuotedEmpty", "\"\"@c.example", "\"\"@c.example"},
                      GoodMailbox{"Ipv4Literal", "a@[192.0.2.1]", "a@[192.0.2.1]"},
                      GoodMailbox{"Ipv6Literal", "a@[IPv6:2001:DB8:0:0::1]", "a@[IPv6:2001:db8::1]"},
                      GoodMailbox{"Ipv6TagCase", "a@[ipv6:::1]", "a@[IPv6:::1]"},
                      GoodMailbox{"GeneralLiteral", "a@[X25:12.3]", "a@[x25:12.3]"},
                      // Without its tag this is of no known kind; nothing routes it.
                      GoodMailbox{"Ipv6WithoutTag", "a@[2001:db8::1]", "a@[2001:db8::1]"},
                      GoodMailbox{"SingleLabel", "a@localhost", "a@localhost"},
                      GoodMailbox{"Digits", "1@2.3", "1@2.3"},
                      GoodMailbox{"Utf8Local", "größe@example.com", "größe@example.com"},
                      GoodMailbox{"Utf8Domain", "a@BÜCHER.example", "a@xn--bcher-kva.example"},
                      GoodMailbox{"Utf8SharpS", "a@straße.example", "a@xn--strae-oqa.example"},
                      GoodMailbox{"Utf8Chinese", "用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah"},
                      GoodMailbox{"ALabel", "a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"},
                      GoodMailbox{"PostmasterCase", "PostMaster@example.com", "postmaster@example.com"},
                      // Against the grammar, but people have them.
                      GoodMailbox{"DoubleDot", "a..b@docomo.example", "a..b@docomo.example"},
                      GoodMailbox{"TrailingDotLocal", "a.@x.example", "a.@x.example"},
                      GoodMailbox{"LeadingDot", ".a@x.example", ".a@x.example"},
                      GoodMailbox{"DoubleDotQuoted", "\"a..b\"@x.example", "a..b@x.example"},
                      GoodMailbox{"Underscore", "a@my_host.example", "a@my_host.example"},
                      GoodMailbox{"UnderscoreFirst", "a@_x.example", "a@_x.example"},
                      GoodMailbox{"UnderscoreBesideUtf8", "a@my_host.bücher.example",
                                  "a@my_host.xn--bcher-kva.example"},
                      GoodMailbox{"Local65", std::string(65, 'a') + "@b", std::string(65, 'a') + "@b"}),
    [](const auto& info) { return info.param.name; });

struct BadMailbox {
  const char* name;
  std::string text;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

class MailboxBad : public ::testing::TestWithParam<BadMailbox> {};

TEST_P(MailboxBad, IsRefused) {
  const absl::StatusOr<Mailbox> mailbox = ParseMailbox(GetParam().text);
  ASSERT_FALSE(mailbox.ok()) << mailbox->ToString();
  EXPECT_EQ(mailbox.status().code(), GetParam().code) << mailbox.status();
}

constexpr absl::StatusCode kOutOfRange = absl::StatusCode::kOutOfRange;

INSTANTIATE_TEST_SUITE_P(
    Table, MailboxBad,
    ::testing::Values(
        BadMailbox{"Empty", ""}, BadMailbox{"NoAt", "jones"}, BadMailbox{"NoLocal", "@example.com"},
        BadMailbox{"NoDomain", "jones@"}, BadMailbox{"TwoAts", "a@b@c"}, BadMailbox{"DotAlone", ".@b"},
        BadMailbox{"DotsAlone", "..@b"}, BadMailbox{"TrailingDotDomain", "a@example.com."},
        BadMailbox{"EmptyLabel", "a@b..c"}, BadMailbox{"LeadingHyphen", "a@-b.c"},
        BadMailbox{"TrailingHyphen", "a@b-.c"}, BadMailbox{"UnderscoreThenHyphen", "a@b_-.d"},
        BadMailbox{"SpaceLocal", "a b@c"}, BadMailbox{"SpaceDomain", "a@b c"},
        BadMailbox{"OpenQuote", "\"ab@c"}, BadMailbox{"EscapedClosingQuote", "\"ab\\\"@c"},
        BadMailbox{"QuoteInside", "\"a\"b\"@c"}, BadMailbox{"ControlInQuotes", "\"a\tb\"@c"},
        BadMailbox{"NulInQuotes", std::string("\"a\0b\"@c", 7)}, BadMailbox{"CrInQuotes", "\"a\r\nb\"@c"},
        BadMailbox{"NulInDomain", std::string("a@b\0c", 5)}, BadMailbox{"Comment", "a(c)@b"},
        BadMailbox{"NotUtf8", "a\xC3@b"}, BadMailbox{"OverlongUtf8", "a\xC0\xAF@b"},
        BadMailbox{"SurrogateUtf8", "a\xED\xA0\x80@b"}, BadMailbox{"DomainNotUtf8", "a@b\xFF.c"},
        BadMailbox{"QuotedPairUtf8", "\"\\ü\"@c"}, BadMailbox{"FullWidthDomain", "a@ｅｘａｍｐｌｅ.com"},
        BadMailbox{"FullWidthDot", "a@example．com"}, BadMailbox{"IdeographicStop", "a@example。com"},
        BadMailbox{"SoftHyphen", "a@exam\xC2\xADple.com"},
        BadMailbox{"ZeroWidthSpace", "a@exam\xE2\x80\x8Bple.com"},
        BadMailbox{"KelvinSign", "a@\xE2\x84\xAA.example"},
        BadMailbox{"CombiningFirst", "a@\xCC\x81x.example"}, BadMailbox{"LiteralEmpty", "a@[]"},
        BadMailbox{"LiteralOpen", "a@[192.0.2.1"}, BadMailbox{"LiteralRange", "a@[192.0.2.256]"},
        BadMailbox{"LiteralShort", "a@[192.0.2]"}, BadMailbox{"LiteralZero", "a@[192.0.02.1]"},
        BadMailbox{"LiteralIpv6Junk", "a@[IPv6:2001:db8::g]"}, BadMailbox{"LiteralIpv6Empty", "a@[IPv6:]"},
        BadMailbox{"LiteralNested", "a@[x:[y]]"}, BadMailbox{"LiteralNoContent", "a@[tag:]"},
        BadMailbox{"LiteralTail", "a@[192.0.2.1]x"},
        BadMailbox{"Label64", "a@" + std::string(64, 'b') + ".c", kOutOfRange},
        BadMailbox{"Whole257", std::string(60, 'a') + '@' + std::string(197, 'b'), kOutOfRange}),
    [](const auto& info) { return info.param.name; });

TEST(Mailbox, EqualityFollowsRfc5321) {
  const auto parse = [](std::string_view text) { return ParseMailbox(text).value(); };
  EXPECT_EQ(parse("a@EXAMPLE.com"), parse("a@example.COM"));
  EXPECT_EQ(parse("\"a\"@b"), parse("a@b"));
  EXPECT_EQ(parse("a@bücher.de"), parse("a@xn--bcher-kva.de"));
  EXPECT_FALSE(parse("A@b") == parse("a@b"));
  EXPECT_FALSE(parse("a@b.c") == parse("a@b.d"));
}

TEST(Mailbox, KnowsWhetherItNeedsSmtpUtf8) {
  EXPECT_TRUE(ParseMailbox("a@xn--bcher-kva.de")->IsAscii());
  EXPECT_FALSE(ParseMailbox("a@bücher.de")->IsAscii());
  EXPECT_FALSE(ParseMailbox("ü@b.de")->IsAscii());
}

TEST(Domain, GivesTheIpOfItsLiteral) {
  EXPECT_EQ(ParseDomain("[192.0.2.1]")->IpText(), "192.0.2.1");
  EXPECT_EQ(ParseDomain("[IPv6:2001:DB8::1]")->IpText(), "2001:db8::1");
  EXPECT_EQ(ParseDomain("[x:y]")->IpText(), "");
  EXPECT_EQ(ParseDomain("192.0.2.1")->IpText(), "");
}

TEST(HostName, IsStricterThanWhatOthersMayHave) {
  EXPECT_EQ(ParseHostName("MX.Example.org").value(), "mx.example.org");
  for (const char* bad : {"my_host.example.org", "[192.0.2.1]", "a..b", ""}) {
    EXPECT_FALSE(ParseHostName(bad).ok()) << bad;
  }
}

TEST(Domain, MayNotBeLongerThanDnsHolds) {
  const std::string label(63, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'a');
  EXPECT_TRUE(ParseDomain(longest).ok());
  EXPECT_EQ(ParseDomain(longest + 'a').status().code(), kOutOfRange);
}

TEST(ReversePath, Null) {
  std::string_view text = "<> SIZE=1";
  const absl::StatusOr<Path> path = TakeReversePath(&text);
  ASSERT_TRUE(path.ok());
  EXPECT_TRUE(path->null);
  EXPECT_EQ(text, " SIZE=1");
}

// RFC 5321 §4.5.3.1.1 says 64; what is longer has the limit of the whole path, in both directions.
TEST(Path, MayHaveALongLocalPartInBothDirections) {
  const std::string longest = '<' + std::string(kMaxPath - 4, 'v') + "@b>";
  const std::string too_long = '<' + std::string(kMaxPath - 3, 'v') + "@b>";
  for (const auto& take : {TakeReversePath, TakeForwardPath}) {
    std::string_view text = longest;
    EXPECT_TRUE(take(&text).ok());
    text = too_long;
    EXPECT_EQ(take(&text).status().code(), kOutOfRange);
  }
}

TEST(ReversePath, HasNoPostmasterWithoutDomain) {
  std::string_view text = "<postmaster>";
  EXPECT_FALSE(TakeReversePath(&text).ok());
}

TEST(ForwardPath, PostmasterNeedsNoDomain) {
  std::string_view text = "<PostMaster>";
  const absl::StatusOr<Path> path = TakeForwardPath(&text);
  ASSERT_TRUE(path.ok());
  EXPECT_TRUE(path->mailbox.domain.empty());
  EXPECT_TRUE(path->mailbox.IsPostmaster());
  EXPECT_EQ(path->mailbox.ToString(), "PostMaster");
}

TEST(ForwardPath, SourceRouteIsTakenApart) {
  std::string_view text = "<@ONE.example,@[192.0.2.1],@[IPv6:::1],@two.example:joe@three.example>";
  const absl::StatusOr<Path> path = TakeForwardPath(&text);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_THAT(path->source_route, ElementsAre("ONE.example", "[192.0.2.1]", "[IPv6:::1]", "two.example"));
  EXPECT_EQ(path->mailbox.ToString(), "joe@three.example");
  EXPECT_THAT(text, IsEmpty());
}

TEST(ForwardPath, AngleBracketsWithinQuotesAreNotItsEnd) {
  std::string_view text = "<\"a>b\\\">\"@c> X";
  const absl::StatusOr<Path> path = TakeForwardPath(&text);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(path->mailbox.UnquotedLocal(), "a>b\">");
  EXPECT_EQ(text, " X");
}

TEST(ForwardPath, Bad) {
  const std::string too_long = "<" + std::string(60, 'a') + "@" + std::string(63, 'b') + "." +
                               std::string(63, 'c') + "." + std::string(63, 'd') + ".eeee>";
  for (const std::string& bad : std::vector<std::string>{
           "", "a@b", "<a@b", "<>", "<<a@b>>", "<a>", "<@a>", "<@a:>", "<@a:b>", "<@a,b:c@d>", "<@a,:c@d>",
           "<@:c@d>", "< a@b>", "<a@b >", "<postmaster@>", "<\"a@b>", too_long}) {
    std::string_view text = bad;
    EXPECT_FALSE(TakeForwardPath(&text).ok()) << bad;
    EXPECT_EQ(text, bad) << "left alone on errors";
  }
}

TEST(ForwardPath, LongestPathIs256WithItsBrackets) {
  const std::string route =
      "@" + std::string(63, 'r') + "." + std::string(63, 'r') + "." + std::string(63, 'r') + ":";
  const std::string mailbox = "a@" + std::string(60, 'b');
  const std::string path = "<" + route + mailbox + ">";
  ASSERT_EQ(path.size(), 257U);
  std::string_view text = path;
  EXPECT_EQ(TakeForwardPath(&text).status().code(), kOutOfRange);
  const std::string shorter = "<" + route + mailbox.substr(0, mailbox.size() - 1) + ">";
  text = shorter;
  EXPECT_TRUE(TakeForwardPath(&text).ok());
}

}  // namespace
}  // namespace goniec::smtp
