#include "common/base/text.h"

#include <gtest/gtest.h>

namespace goniec {
namespace {

TEST(Text, PrintableEscapesControlAndInvalidBytes) {
  EXPECT_EQ(Printable("a\r\nb\x1b[0m"), "a\\x0d\\x0ab\\x1b[0m");
  EXPECT_EQ(Printable("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(Printable("\xC3"), "\\xc3");
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "a surrogate is not valid UTF-8";
}

TEST(Text, PrintableIsBounded) {
  EXPECT_EQ(Printable(std::string(1000, 'x'), 10), std::string(10, 'x') + "…");
}

TEST(Text, ValidUtf8FollowsTheUnicodeTable) {
  EXPECT_TRUE(IsValidUtf8("plain"));
  EXPECT_TRUE(IsValidUtf8("\xF0\x9F\x93\xA7"));
  EXPECT_FALSE(IsValidUtf8("\xC0\xAF")) << "over-long";
  EXPECT_FALSE(IsValidUtf8("\xF4\x90\x80\x80")) << "above U+10FFFF";
  EXPECT_FALSE(IsValidUtf8("\xE2\x82")) << "cut short";
}

TEST(Text, ConstantTimeEqualsComparesWholeStrings) {
  EXPECT_TRUE(ConstantTimeEquals("secret", "secret"));
  EXPECT_FALSE(ConstantTimeEquals("secret", "secreT"));
  EXPECT_FALSE(ConstantTimeEquals("secretsecret", "secret"));
  EXPECT_FALSE(ConstantTimeEquals("secret", "secretsecret"));
  EXPECT_FALSE(ConstantTimeEquals("", "s"));
  EXPECT_TRUE(ConstantTimeEquals("", ""));
}

TEST(Text, CaseIsAsciiOnly) {
  EXPECT_EQ(AsciiLower("ExAmPle.ORG"), "example.org");
  EXPECT_TRUE(EqualsIgnoreCase("EHLO", "ehlo"));
  EXPECT_FALSE(EqualsIgnoreCase("K", "\xE2\x84\xAA")) << "the Kelvin sign is not the letter k";
}

}  // namespace
}  // namespace goniec
