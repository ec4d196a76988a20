// Fields of callers by the dice: names of any length, words, spaces and scripts. Whatever is written, no line
// is too long or of white space alone, and Python's email package reads back what was given. Each round's
// input comes from a seed of its own, which a failure names.
#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "common/mail/compose.h"
#include "common/mail/field_writer.h"
#include "tests/support/process.h"

namespace goniec::mail {
namespace {

constexpr unsigned kRounds = 1'000;
// Behind a longer one no encoded word fits.
constexpr std::size_t kLongestNameWithTextBehind = 50;

class RandomField {
 public:
  explicit RandomField(unsigned seed) : dice_(seed) {}

  std::size_t Below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_);
  }

  std::string Name(unsigned seed) {
    const std::string name = absl::StrCat("X-", seed, "-");
    return name + std::string(Below(77 - name.size()), 'n');
  }

  std::string Script(std::size_t characters) {
    static constexpr std::array<const char*, 24> kScripts = {
        "a", "b", "Z", "7", ".",  ",",  "=",  "?",      "_", "\"", "(", ")", "<", "=?", "?=", "=?utf-8?q?x?=",
        "ü", "ß", "ж", "ç", "語", "한", "🦆", "e\u0301"};
    const std::size_t from = Below(3) == 0 ? 0 : Below(kScripts.size());
    std::string text;
    for (; characters > 0; --characters) text += kScripts[(from + Below(1 + Below(kScripts.size() - from)))];
    return text;
  }

  std::string Spaces() {
    static constexpr std::array<std::size_t, 8> kRuns = {1, 1, 1, 2, 5, 40, 41, 300};
    return std::string(kRuns[Below(kRuns.size())], ' ');
  }

  std::string Text() {
    std::string text = Below(8) == 0 ? Spaces() : "";
    for (std::size_t words = 1 + Below(20); words > 0; --words) {
      text += Below(6) == 0 ? std::string(Below(200), 'w') : Script(1 + Below(12));
      if (words > 1 || Below(8) == 0) text += Spaces();
    }
    return text;
  }

  std::string FileName() {
    std::string name = Script(1 + Below(40));
    if (Below(3) == 0) name += std::string(Below(60), 'n') + " " + Script(3);
    // Python takes quotes around a whole name away, however it is written.
    if (name.starts_with('"')) name[0] = 'q';
    return name.substr(0, 255);
  }

 private:
  std::mt19937 dice_;
};

void ExpectGoodLines(const std::string& fields, unsigned seed) {
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(fields, "\r\n"), "\r\n")) {
    EXPECT_LE(line.size(), 998u) << "seed " << seed << ": " << line;
    if (line.find("=?UTF-8?") != absl::string_view::npos)
      EXPECT_LE(line.size(), 76u) << "seed " << seed << ": " << line;
    EXPECT_NE(line.find_first_not_of(" \t"), absl::string_view::npos) << "seed " << seed;
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c < 0x7F) << "seed " << seed;
    if (line.size() <= 78) continue;
    // What could be folded is.
    const std::size_t colon = line[0] == ' ' ? 0 : line.find(": ") + 2;
    const absl::string_view text = absl::StripLeadingAsciiWhitespace(line.substr(colon));
    EXPECT_EQ(text.find(' '), absl::string_view::npos) << "seed " << seed << ": " << line;
  }
}

std::vector<std::string> AsPythonReads(const std::string& message) {
  const test::TempDir folder;
  const std::string file = folder.Write("message", message);
  const auto read = test::RunProcess({"/usr/bin/python3", GONIEC_READ_FIELDS}, {.input_file = file});
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->status, 0) << read->output;
  return absl::StrSplit(read->output, '\n', absl::SkipEmpty());
}

std::vector<std::string> FileNamesAsGmimeReads(const std::string& message) {
  g_mime_init();
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(message.data(), message.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage* parsed = g_mime_parser_construct_message(parser, nullptr);
  std::vector<std::string> names;
  g_mime_message_foreach(
      parsed,
      [](GMimeObject*, GMimeObject* part, gpointer list) {
        const char* name = GMIME_IS_PART(part) ? g_mime_part_get_filename(GMIME_PART(part)) : nullptr;
        if (name != nullptr) static_cast<std::vector<std::string>*>(list)->emplace_back(name);
      },
      &names);
  g_object_unref(parsed);
  g_object_unref(parser);
  g_object_unref(stream);
  return names;
}

std::string Line(std::string_view name, std::string_view value) {
  return absl::StrCat(std::string(name), " ", absl::BytesToHexString(std::string(value)));
}

TEST(RandomFields, ComeBackAsTheyWereGiven) {
  std::string message;
  std::vector<std::string> expected;
  std::vector<std::string> tolerated;
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    RandomField random(seed);
    const std::string name = random.Name(seed);
    const std::string value = random.Text();
    const auto field = WriteField(name, value);
    ASSERT_TRUE(field.ok()) << "seed " << seed << ": " << field.status();
    ExpectGoodLines(*field, seed);
    message += *field;
    expected.push_back(Line(name, value));
    // Python before 3.13 counts the space of a fold behind the colon as text.
    if (field->starts_with(name + ":\r\n")) {
      EXPECT_GT(name.size(), kLongestNameWithTextBehind) << "seed " << seed;
      tolerated.push_back(Line(name, " " + value));
    } else {
      tolerated.push_back(expected.back());
    }
  }
  const std::vector<std::string> read = AsPythonReads(message + "\r\n");
  ASSERT_EQ(read.size(), expected.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i] != tolerated[i]) EXPECT_EQ(read[i], expected[i]) << "seed " << i;
  }
}

TEST(RandomFields, StructuredOnesKeepTheirFrame) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    RandomField random(seed);
    std::string quoted = "\"";
    for (const char c : random.Text()) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    const auto field = WriteField("List-Id", "ü" + quoted + "\" <list.news.example>");
    if (!field.ok()) continue;  // too many spaces
    ExpectGoodLines(*field, seed);
    EXPECT_TRUE(field->ends_with("?= <list.news.example>\r\n") ||
                field->ends_with("?=\r\n <list.news.example>\r\n"))
        << "seed " << seed << ": " << *field;
  }
}

TEST(RandomFields, SubjectsNamesAndAttachmentsComeBack) {
  Draft draft;
  const auto from = smtp::ParseMailbox("a..b@docomo_x.example");
  draft.from.mailbox = from.ok() ? *from : *smtp::ParseMailbox("a@docomo.example");
  draft.text = "text";
  std::vector<std::string> names;
  std::vector<std::string> expected;
  for (unsigned seed = 0; seed < 100; ++seed) names.push_back(RandomField(seed).FileName());
  // A cut character is not UTF-8, and no request has one.
  std::erase_if(names, [](const std::string& name) { return !IsValidUtf8(name); });
  for (const std::string& name : names) {
    draft.attachments.push_back({.name = name, .content = name});
    expected.push_back(Line("filename", name));
    expected.push_back(Line("content", name));
  }
  const std::string subject = RandomField(7).Text();
  draft.subject = subject;
  const auto composed = Compose(draft);
  ASSERT_TRUE(composed.ok());
  const std::string message(composed->message);
  for (const absl::string_view line : absl::StrSplit(message, "\r\n")) EXPECT_LE(line.size(), 76u) << line;
  EXPECT_EQ(FileNamesAsGmimeReads(message), names);
  std::vector<std::string> read = AsPythonReads(message);
  const auto first =
      std::find_if(read.begin(), read.end(), [](const auto& line) { return line.starts_with("filename"); });
  ASSERT_EQ(static_cast<std::size_t>(read.end() - first), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(first[static_cast<std::ptrdiff_t>(i)], expected[i]) << i;
  EXPECT_NE(std::find(read.begin(), first, Line("Subject", subject)), first);
}

}  // namespace
}  // namespace goniec::mail
