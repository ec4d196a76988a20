#include "common/dns/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::dns {
namespace {

using std::string_literals::operator""s;
using ::testing::ElementsAre;

TEST(WireName, IsHostName) {
  struct Case {
    const char* name;
    std::string text;
    bool valid;
  };
  const std::string label63(63, 'a');
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'a');
  const Case cases[] = {
      {"plain", "example.org", true},
      {"one label", "localhost", true},
      {"underscore, as in TLSA names", "_25._tcp.mx.example", true},
      {"A-label", "xn--bcher-kva.example", true},
      {"longest", name253, true},
      {"too long", name253 + "a", false},
      {"label too long", label63 + "a.example", false},
      {"empty", "", false},
      {"empty label", "a..b", false},
      {"leading dot", ".a", false},
      {"trailing dot", "a.", false},
      {"escape", "a\\046b.example", false},
      {"space", "a b.example", false},
      {"not ASCII",
       "b\xc3\xbc"
       "cher.example",
       false},
      {"NUL", "a\0b"s, false},
  };
  for (const Case& c : cases) EXPECT_EQ(IsHostName(c.text), c.valid) << c.name;
}

TEST(WireName, NormalNameIsLowerCaseWithoutTheDot) {
  EXPECT_EQ(NormalName("MX1.Example.ORG."), "mx1.example.org");
  EXPECT_EQ(NormalName("."), "");
}

TEST(WireName, Parse) {
  struct Case {
    const char* name;
    std::string wire;
    std::optional<std::string> parsed;
  };
  const Case cases[] = {
      {"two labels", "\3Mx1\7eXample\0"s, "mx1.example"},
      {"root", "\0"s, ""},
      {"dot inside a label is no separator", "\3a.b\1c\0"s, "a\\046b.c"},
      {"byte that no host name has",
       "\3a\xff"
       "b\0"s,
       "a\\255b"},
      {"truncated label", "\5ab"s, std::nullopt},
      {"no end", "\1a"s, std::nullopt},
      {"empty", "", std::nullopt},
      {"bytes after the end", "\1a\0x"s, std::nullopt},
      {"compression pointer", "\xc0\x0c"s, std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseName(c.wire), c.parsed) << c.name;
}

TEST(WireMx, PreferenceIsBigEndian) {
  EXPECT_EQ(ParseMx("\x01\x02\2mx\0"s), (MxRecord{258, "mx"}));
  EXPECT_EQ(ParseMx("\x00\x00\0"s), (MxRecord{0, ""}));
  EXPECT_EQ(ParseMx("\x00\x0a"s), std::nullopt);
  EXPECT_EQ(ParseMx("\x00\x0a\5mx"s), std::nullopt);
}

TEST(WireAddress, LengthMustFit) {
  EXPECT_EQ(ParseAddress(kTypeA, "\xc0\x00\x02\x01"s)->ToString(), "192.0.2.1");
  EXPECT_EQ(ParseAddress(kTypeAaaa, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s)->ToString(),
            "2001:db8::1");
  EXPECT_FALSE(ParseAddress(kTypeA, "\xc0\x00\x02"s));
  EXPECT_FALSE(ParseAddress(kTypeAaaa, "\xc0\x00\x02\x01"s));
  EXPECT_FALSE(ParseAddress(kTypeMx, "\xc0\x00\x02\x01"s));
}

AddressAnswer With(Result result, std::vector<std::string> addresses = {}, int ttl = 300,
                   bool secure = false) {
  AddressAnswer answer;
  answer.result = result;
  answer.ttl = std::chrono::seconds(ttl);
  answer.secure = secure;
  for (const std::string& text : addresses) answer.addresses.push_back(*net::IpAddress::Parse(text));
  return answer;
}

TEST(Combine, TheResultOfTwoFamilies) {
  using enum Result;
  struct Case {
    const char* name;
    Result ipv4;
    Result ipv6;
    Result combined;
  };
  const Case cases[] = {
      {"both", kFound, kFound, kFound},
      {"IPv4 alone", kFound, kNoData, kFound},
      {"IPv6 alone", kNoData, kFound, kFound},
      {"a failed family does not hide the other", kFound, kTemporary, kFound},
      {"nor the other way round", kTemporary, kFound, kFound},
      {"neither", kNoData, kNoData, kNoData},
      {"none that we know of yet", kNoData, kTemporary, kTemporary},
      {"none that we know of yet, IPv4", kTemporary, kNoDomain, kTemporary},
      {"no domain", kNoDomain, kNoDomain, kNoDomain},
  };
  for (const Case& c : cases) {
    const AddressAnswer ipv4 = With(c.ipv4);
    const AddressAnswer ipv6 = With(c.ipv6);
    EXPECT_EQ(Combine(&ipv4, &ipv6).result, c.combined) << c.name;
  }
}

TEST(Combine, IsAsShortLivedAndAsSecureAsTheWorseOfTheTwo) {
  const AddressAnswer ipv4 = With(Result::kFound, {"192.0.2.1"}, 60, true);
  const AddressAnswer ipv6 = With(Result::kFound, {"2001:db8::1"}, 300, false);
  const AddressAnswer both = Combine(&ipv4, &ipv6);
  EXPECT_THAT(both.addresses, ElementsAre(ipv4.addresses[0], ipv6.addresses[0]));
  EXPECT_EQ(both.ttl, std::chrono::seconds(60));
  EXPECT_FALSE(both.secure);
  EXPECT_TRUE(Combine(&ipv4, nullptr).secure);
}

}  // namespace
}  // namespace goniec::dns
