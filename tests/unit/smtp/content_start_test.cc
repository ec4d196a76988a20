#include "common/smtp/content_start.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace goniec::smtp {
namespace {

using FirstLine = ContentStart::FirstLine;

// What passes when the content comes in pieces of `piece` octets.
std::string Passed(ContentStart& start, std::string_view content, size_t piece) {
  std::string passed;
  while (!content.empty()) {
    std::string_view input = content.substr(0, piece);
    content.remove_prefix(input.size());
    while (!input.empty()) {
      const ContentStart::Piece next = start.Next(input);
      EXPECT_TRUE(next.consumed > 0 || !next.content.empty());
      passed += next.content;
      input.remove_prefix(next.consumed);
    }
  }
  passed += start.Finish();
  return passed;
}

TEST(ContentStart, SaysWhatTheFirstLineIsAndLeavesOutMailboxLines) {
  const struct {
    const char* name;
    std::string content;
    std::string passed;
    FirstLine first_line;
  } kCases[] = {
      {"a field", "Subject: x\r\n\r\nb\r\n", "Subject: x\r\n\r\nb\r\n", FirstLine::kField},
      {"space before the colon", "Subject \t: x\r\n", "Subject \t: x\r\n", FirstLine::kField},
      {"an empty line", "\r\nbody\r\n", "\r\nbody\r\n", FirstLine::kField},
      {"nothing", "", "", FirstLine::kOpen},
      {"text", "Dear Sir or Madam\r\n", "Dear Sir or Madam\r\n", FirstLine::kText},
      {"a word", "hello\r\n", "hello\r\n", FirstLine::kText},
      {"beyond ASCII", "Gr\xC3\xBC\xC3\x9F: x\r\n", "Gr\xC3\xBC\xC3\x9F: x\r\n", FirstLine::kText},
      {"a colon first", ": x\r\n", ": x\r\n", FirstLine::kText},
      {"a space", " x\r\n", " x\r\n", FirstLine::kContinuation},
      {"a tab", "\tby evil.example\r\n", "\tby evil.example\r\n", FirstLine::kContinuation},
      {"a line of blanks", " \r\n\r\n", " \r\n\r\n", FirstLine::kContinuation},
      {"the From field", "From: a@b\r\n", "From: a@b\r\n", FirstLine::kField},
      {"a field that begins like the mark", "Fro: x\r\n", "Fro: x\r\n", FirstLine::kField},
      {"quoted text", ">hello\r\n", ">hello\r\n", FirstLine::kText},
      {"quotes", ">>From a\r\n", ">>From a\r\n", FirstLine::kText},
      {"lower case is text", "from a@b Thu Jan  1\r\n", "from a@b Thu Jan  1\r\n", FirstLine::kText},
      {"a mailbox line", "From a@b Thu Jan  1 00:00:00 1970\r\nSubject: x\r\n", "Subject: x\r\n",
       FirstLine::kField},
      {"a quoted one", ">From a@b Thu Jan  1\r\nSubject: x\r\n", "Subject: x\r\n", FirstLine::kField},
      {"several", "From a\r\n>From b\r\nFrom c\r\nSubject: x\r\n", "Subject: x\r\n", FirstLine::kField},
      {"a continuation behind it", "From a\r\n x\r\n", " x\r\n", FirstLine::kContinuation},
      {"only in the first line", "A: b\r\nFrom a\r\n\r\n", "A: b\r\nFrom a\r\n\r\n", FirstLine::kField},
      {"nothing behind it", "From a\r\n", "", FirstLine::kOpen},
      {"without an end", "From a", "", FirstLine::kOpen},
      {"half a mark", "From", "From", FirstLine::kOpen},
      {"half a quoted mark", ">Fr", ">Fr", FirstLine::kOpen},
      {"a mark and its line's end", "From\r\n", "From\r\n", FirstLine::kText},
      {"a long name", std::string(5'000, 'n') + ": x\r\n", std::string(5'000, 'n') + ": x\r\n",
       FirstLine::kField},
  };
  for (const auto& c : kCases) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{7}, size_t{100'000}}) {
      ContentStart start;
      EXPECT_EQ(Passed(start, c.content, piece), c.passed) << c.name << " in pieces of " << piece;
      EXPECT_EQ(start.first_line(), c.first_line) << c.name << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace goniec::smtp
