// Whatever bytes come, the session stays in step with its own rules: every answer is a whole reply, how the
// bytes were cut makes no difference, and it ends only by saying 221 or 421. Each round's input comes from a
// seed of its own, which a failure names.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <regex>
#include <string>
#include <string_view>

#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

constexpr unsigned kRounds = 1'500;

class RandomInput {
 public:
  explicit RandomInput(unsigned seed) : dice_(seed) {}

  std::string Session() {
    std::string input = Chance(4) ? "EHLO c.example\r\n" : "";
    for (std::size_t lines = Below(25); lines > 0; --lines) input += Line();
    return input;
  }

 private:
  std::size_t Below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_);
  }
  // True but for one time in `n`.
  bool Chance(std::size_t n) { return Below(n) != 0; }

  std::string Bytes(std::size_t most) {
    std::string bytes;
    for (std::size_t n = Below(most + 1); n > 0; --n) bytes += static_cast<char>(Below(256));
    return bytes;
  }

  std::string Line() {
    static constexpr std::array<std::string_view, 31> kLines = {
        "EHLO c.example",
        "HELO c",
        "MAIL FROM:<s@c.example>",
        "MAIL FROM:<>",
        "MAIL FROM:<s@c.example> SIZE=12 BODY=8BITMIME SMTPUTF8",
        "MAIL FROM:<\"a\\\"b\"@c.example>",
        "RCPT TO:<r@a.example>",
        "RCPT TO:<r@b.test>",
        "RCPT TO:<@x.example,@y.example:r@a.example>",
        "RCPT TO:<Postmaster>",
        "DATA",
        ".",
        "..",
        "BDAT 4",
        "BDAT 3 LAST",
        "BDAT 0 LAST",
        "BDAT 18446744073709551615",
        "From a@b Thu Jan  1",
        "BDAT -1",
        "RSET",
        "NOOP",
        "HELP",
        "VRFY x",
        "STARTTLS",
        "Subject: text",
        "",
        "MAIL FROM:",
        "RCPT TO:<",
        "EXPN x",
        "mail from:<S@C.example>",
        "AUTH PLAIN AGEAYg==",
    };
    std::string line(kLines[Below(kLines.size())]);
    // Damage: bytes in the middle, a piece cut out, a very long word.
    if (!Chance(4)) line.insert(Below(line.size() + 1), Bytes(6));
    if (!Chance(8) && !line.empty()) line.erase(Below(line.size()), Below(5));
    if (!Chance(40)) line += std::string(Below(9'000), 'x');
    static constexpr std::array<std::string_view, 5> kEnds = {"\n", "\r", "\r\r\n", "", "\n\r"};
    return line + (Chance(8) ? "\r\n" : std::string(kEnds[Below(kEnds.size())]));
  }

  std::mt19937 dice_;
};

// Splits off the last line's code; false if the text is not whole replies.
bool AreReplies(const std::string& said, std::string& last_code) {
  static const std::regex kLine("([245][0-9][0-9]|354)[ -][\\x20-\\x7e\\x80-\\xff]*");
  std::size_t at = 0;
  while (at < said.size()) {
    const std::size_t end = said.find("\r\n", at);
    if (end == std::string::npos) return false;
    const std::string line = said.substr(at, end - at);
    if (!std::regex_match(line, kLine) && !line.starts_with("354 ")) return false;
    last_code = line.substr(0, 3);
    at = end + 2;
  }
  return true;
}

TEST(RandomInput, AnswersAreWholeRepliesAndEndsAreTold) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    const std::string input = RandomInput(seed).Session();
    ScriptedShell shell;
    const std::string said = shell.Say(input);
    std::string last;
    ASSERT_TRUE(AreReplies(said, last)) << "seed " << seed << ": " << said;
    if (shell.closed) ASSERT_TRUE(last == "221" || last == "421") << "seed " << seed << ": " << said;
  }
}

TEST(RandomInput, CutsMakeNoDifference) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    const std::string input = RandomInput(seed).Session();
    ScriptedShell whole;
    ScriptedShell octets;
    ScriptedShell pieces;
    const std::string expected = whole.Say(input);
    ASSERT_EQ(octets.Say(input, 1), expected) << "seed " << seed;
    ASSERT_EQ(pieces.Say(input, 3 + seed % 97), expected) << "seed " << seed;
    ASSERT_EQ(octets.closed, whole.closed) << "seed " << seed;
    ASSERT_EQ(octets.stored.size(), whole.stored.size()) << "seed " << seed;
    for (std::size_t i = 0; i < whole.stored.size(); ++i) {
      ASSERT_EQ(octets.stored[i].body, whole.stored[i].body) << "seed " << seed;
    }
  }
}

// After anything at all, a session that is still open takes a mail.
TEST(RandomInput, ASessionThatIsOpenGoesOn) {
  int taken = 0;
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    SessionConfig config = ScriptedShell::DefaultConfig();
    config.max_errors = 1'000;
    ScriptedShell shell(config);
    shell.Say(RandomInput(seed).Session());
    // Ends a message or a chunk that may be open (no chunk of the table that is not refused is longer), and a
    // line without end.
    shell.Say("\r\n.\r\n\r\nRSET\r\n");
    if (shell.closed || shell.upgrading) continue;
    const std::size_t before = shell.stored.size();
    const std::string said = shell.Say(
        "EHLO c.example\r\nMAIL FROM:<s@c.example>\r\nRCPT TO:<r@a.example>\r\nDATA\r\nhi\r\n.\r\n");
    if (said.empty()) continue;  // still inside a chunk that is longer than what came behind it
    ASSERT_EQ(shell.stored.size(), before + 1) << "seed " << seed << ": " << said;
    ASSERT_EQ(shell.stored.back().body, "hi\r\n") << "seed " << seed;
    ++taken;
  }
  EXPECT_GT(taken, static_cast<int>(kRounds) / 2);
}

}  // namespace
}  // namespace goniec::inbound
