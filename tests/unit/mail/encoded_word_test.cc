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

TEST(EncodeText, BreaksBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "ż…";
  for (const absl::string_view word : absl::StrSplit(EncodeText(text), ' ')) {
    EXPECT_LE(word.size(), 64u);
    EXPECT_TRUE(word.substr(word.size() - 2) == "?=") << word;
  }
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

TEST(FoldField, NeverWritesALineOfSpacesAlone) {
  EXPECT_EQ(FoldField("A", "b" + std::string(100, ' ')), "A: b" + std::string(100, ' ') + "\r\n");
  EXPECT_EQ(FoldField("A", ""), "A:\r\n");
}

}  // namespace
}  // namespace goniec::mail
