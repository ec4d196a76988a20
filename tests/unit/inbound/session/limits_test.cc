// What a session may cost without bringing a mail, and what a refused message may.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "common/smtp/replies.h"
#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kHello = "EHLO c.example\r\n";
const std::string kMail = "MAIL FROM:<s@c.example>\r\n";
const std::string kRcpt = "RCPT TO:<r@a.example>\r\n";
const std::string kToRcpt = kHello + kMail + kRcpt;

std::string Times(int n, const std::string& text) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

size_t Lines(const std::string& said) {
  return static_cast<size_t>(std::count(said.begin(), said.end(), '\n'));
}

// Everything that a client can say for ever ends the session, soon and with a reason.
TEST(SessionLimits, NothingCanBeSaidForEver) {
  const struct {
    const char* name;
    std::string before;
    std::string again;
    std::string last_words;
    size_t at_most;
  } kCases[] = {
      {"NOOP", "", "NOOP\r\n", "421 4.7.0 Too many commands", 100},
      {"RSET", "", "RSET\r\n", "421 4.7.0 Too many commands", 100},
      {"HELP", "", "HELP\r\n", "421 4.7.0 Too many commands", 100},
      {"VRFY", "", "VRFY joe\r\n", "421 4.7.0 Too many commands", 100},
      {"EHLO", "", kHello, "421 4.7.0 Too many commands", 700},
      {"HELO", "", "HELO c\r\n", "421 4.7.0 Too many commands", 100},
      {"one of each", "", "NOOP\r\nHELP\r\nRSET\r\n" + kHello, "421 4.7.0 Too many commands", 250},
      {"transactions that are dropped", kHello, kMail + kRcpt + "RSET\r\n", "421 4.7.0 Too many commands",
       310},
      {"a recipient that is known", kToRcpt, kRcpt, "421 4.7.0 Too many refusals", 1'010},
      {"empty chunks", kToRcpt, "BDAT 0\r\n", "421 4.7.0 Too many commands", 110},
      {"unknown verbs", "", "FOO\r\n", "421 4.7.0 Too many errors", 21},
      {"malformed addresses", kHello + kMail, "RCPT TO:<a@>\r\n", "421 4.7.0 Too many errors", 30},
      {"refused recipients", kHello + kMail, "RCPT TO:<a@b.test>\r\n", "421 4.7.0 Too many refusals", 1'010},
      {"refused senders", kHello, "MAIL FROM:<denied@c.example>\r\n", "421 4.7.0 Too many refusals", 1'010},
      {"sizes beyond the limit", kHello, "MAIL FROM:<a@b> SIZE=99999999\r\n", "421 4.7.0 Too many refusals",
       1'010},
      {"DATA without a recipient", kHello + kMail + "RCPT TO:<a@b.test>\r\n", "DATA\r\n",
       "421 4.7.0 Too many refusals", 1'010},
      {"refused messages", kHello, kMail + kRcpt + "BDAT 1 LAST\r\n\n", "421 4.7.0 Too many refusals", 3'010},
      {"chunks of nothing", "", "BDAT 1\r\nx", "421 4.7.0 Too many errors", 21},
  };
  for (const auto& c : kCases) {
    ScriptedShell shell;
    const std::string said = shell.Say(c.before + Times(5'000, c.again));
    EXPECT_TRUE(shell.closed) << c.name;
    EXPECT_TRUE(shell.session().EndedBadly()) << c.name;
    EXPECT_THAT(said.substr(said.rfind("\r\n", said.size() - 3) + 2), StartsWith(c.last_words)) << c.name;
    EXPECT_LE(Lines(said), c.at_most + 1) << c.name;
  }
}

TEST(SessionLimits, AConnectionMayBeUsedForManyMails) {
  ScriptedShell shell;
  shell.Say(kHello);
  for (int i = 0; i < 500; ++i) {
    const std::string said =
        shell.Say("NOOP\r\nRSET\r\n" + kMail + "RCPT TO:<a@b.test>\r\n" + kRcpt + "DATA\r\nx\r\n.\r\n");
    ASSERT_THAT(said, EndsWith("Queued as ID\r\n")) << i;
  }
  EXPECT_THAT(shell.stored, SizeIs(500));
}

TEST(SessionLimits, AListMayHaveManyRefusedRecipients) {
  ScriptedShell shell;
  const std::string said =
      shell.Say(kHello + kMail + Times(900, "RCPT TO:<a@b.test>\r\n") + kRcpt + "DATA\r\nx\r\n.\r\n");
  EXPECT_THAT(said, EndsWith("Queued as ID\r\n"));
}

TEST(RefusedBody, IsNotReadForEver) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_refused_size = 5'000;
  const std::string kMuch(10'000, 'x');
  const struct {
    const char* name;
    std::string input;
    std::string refusal;
  } kCases[] = {
      {"DATA too large", kToRcpt + "DATA\r\n" + kMuch, "552 5.3.4"},
      {"DATA with a bare LF", kToRcpt + "DATA\r\nx\n" + kMuch, "550 5.6.11"},
      {"a chunk before EHLO", "BDAT 10000\r\n" + kMuch, "503 5.5.1"},
      {"an endless chunk before EHLO", "BDAT 18446744073709551615\r\n", "503 5.5.1"},
      {"an endless chunk", kToRcpt + "BDAT 18446744073709551615\r\n", "552 5.3.4"},
      {"an endless chunk behind a good one", kToRcpt + "BDAT 1\r\nxBDAT 18446744073709551615\r\n",
       "552 5.3.4"},
      {"many chunks", kToRcpt + "BDAT 2\r\nx\n" + Times(10, "BDAT 1000\r\n" + std::string(1'000, 'x')),
       "550 5.6.11"},
  };
  for (const auto& c : kCases) {
    ScriptedShell shell(config);
    EXPECT_THAT(shell.Say(c.input, 500),
                EndsWith("421 4.7.0 The rest of the refused message is not read, closing\r\n"))
        << c.name;
    EXPECT_TRUE(shell.closed) << c.name;
    EXPECT_THAT(shell.refused.at(shell.refused.size() - 2), EndsWith(c.refusal.substr(0, 3)))
        << c.name << ": the client hears why before it hears that this was all";
    EXPECT_THAT(shell.stored, IsEmpty()) << c.name;
  }
}

TEST(RefusedBody, WithinTheLimitTheSessionGoesOn) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_refused_size = 5'000;
  ScriptedShell shell(config);
  for (int i = 0; i < 5; ++i) {
    const std::string said = shell.Say(kToRcpt + "DATA\r\n" + std::string(4'000, 'x') + "\r\n.\r\nNOOP\r\n");
    EXPECT_THAT(said, HasSubstr("552 5.3.4"));
    EXPECT_THAT(said, EndsWith("250 2.0.0 Ok\r\n")) << "each has the limit for itself";
  }
}

TEST(InMessage, LastsFromTheFirstOctetToTheAnswer) {
  ScriptedShell shell;
  shell.Say(kToRcpt);
  EXPECT_FALSE(shell.session().InMessage());
  const struct {
    const char* name;
    std::string input;
    bool in_message;
  } kSteps[] = {
      {"DATA", "DATA\r\n", true},
      {"half of it", "a\r\nb", true},
      {"it is refused and read on", "\nb", true},
      {"its end", "\r\n.\r\n", false},
      {"a refused chunk", "BDAT 4\r\nab", true},
      {"its end without a transaction", "cd", false},
      {"a chunk", kMail + kRcpt + "BDAT 1\r\nx", true},
      {"between chunks, whatever is said", "NOOP\r\n", true},
      {"the last", "BDAT 1 LAST\r\ny", false},
      {"a refused message in chunks", kMail + kRcpt + "BDAT 1\r\n\nNOOP\r\n", true},
      {"until it is reset", "RSET\r\n", false},
  };
  for (const auto& step : kSteps) {
    shell.Say(step.input);
    EXPECT_EQ(shell.session().InMessage(), step.in_message) << step.name;
  }
}

TEST(TalkedFirst, Gets554AndNothingElse) {
  ScriptedShell shell;
  shell.session().TalkedFirst();
  EXPECT_EQ(shell.Say(kToRcpt), "554 5.5.1 Wait for the greeting\r\n");
  EXPECT_TRUE(shell.closed);
  EXPECT_TRUE(shell.session().EndedBadly());
}

}  // namespace
}  // namespace goniec::inbound
