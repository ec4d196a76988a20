#include "common/mail/encoded_word.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

namespace goniec::mail {
namespace {

TEST(EncodeText, LeavesPlainTextAlone) {
  EXPECT_EQ(EncodeText("Hello, world: 100 % (really)"), "Hello, world: 100 % (really)");
  EXPECT_EQ(EncodeText(""), "");
}

TEST(EncodeText, EncodesWhatWouldBeReadOtherwise) {
  EXPECT_EQ(EncodeText("=?utf-8?q?x?="), "=?UTF-8?B?PT91dGYtOD9xP3g/PQ==?=");
  EXPECT_EQ(EncodeText(" leading"), "=?UTF-8?Q?_leading?=");
  EXPECT_EQ(EncodeText("Viele Grüße aus Berlin"), "=?UTF-8?Q?Viele_Gr=C3=BC=C3=9Fe_aus_Berlin?=");
}

TEST(EncodeText, EncodesWhatFoldingWouldHarm) {
  EXPECT_EQ(EncodeText("a" + std::string(40, ' ') + "b"), "a" + std::string(40, ' ') + "b");
  EXPECT_TRUE(EncodeText("a" + std::string(41, ' ') + "b").starts_with("=?UTF-8?Q?a____"));
  EXPECT_TRUE(EncodeText(std::string(901, 'r')).starts_with("=?UTF-8?Q?rrrr"));
}

TEST(EncodeText, BreaksBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "ż…";
  for (const std::size_t column : {0, 9, 40, 52, 53, 78, 1000}) {
    std::size_t before = column;
    for (const absl::string_view word : absl::StrSplit(EncodeText(text, column), ' ')) {
      EXPECT_LE(word.size(), 75u);
      if (before <= 52) EXPECT_LE(before + word.size(), 76u) << column;
      EXPECT_TRUE(word.substr(word.size() - 2) == "?=") << word;
      before = 1;
    }
  }
}

TEST(EncodePhrase, HasWordsThatShareALine) {
  for (const absl::string_view word : absl::StrSplit(EncodePhrase(std::string(250, '=') + "ü"), ' '))
    EXPECT_LE(word.size(), 64u);
}

TEST(EncodePhrase, QuotesSpecials) {
  EXPECT_EQ(EncodePhrase("Ala Kot"), "Ala Kot");
  EXPECT_EQ(EncodePhrase("Doe, J. \"X\" \\"), "\"Doe, J. \\\"X\\\" \\\\\"");
  EXPECT_EQ(EncodePhrase("Zażółć"), "=?UTF-8?B?WmHFvMOzxYLEhw==?=");
}

TEST(FoldField, BreaksBeforeSpacesAndKeepsThem) {
  const std::string value = std::string(60, 'a') + "  " + std::string(60, 'b') + " " + std::string(400, 'c');
  const std::string field = FoldField("X-Test", value);
  EXPECT_EQ(field, "X-Test: " + std::string(60, 'a') + "\r\n  " + std::string(60, 'b') + "\r\n " +
                       std::string(400, 'c') + "\r\n");
}

TEST(FoldField, BreaksBehindTheColonForEncodedWordsOnly) {
  const std::string name(70, 'X');
  EXPECT_EQ(FoldField(name, "plain text"), name + ": plain\r\n text\r\n");
  EXPECT_EQ(FoldField(name, "=?UTF-8?Q?=C3=BC?="), name + ":\r\n =?UTF-8?Q?=C3=BC?=\r\n");
}

TEST(FoldField, NeverWritesALineOfSpacesAlone) {
  EXPECT_EQ(FoldField("A", "b" + std::string(100, ' ')), "A: b" + std::string(100, ' ') + "\r\n");
  EXPECT_EQ(FoldField("A", ""), "A:\r\n");
}

}  // namespace
}  // namespace goniec::mail
