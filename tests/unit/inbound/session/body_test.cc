// What the shell answers about bodies and commits, and what becomes of the message and the session.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/smtp/limits.h"
#include "common/smtp/replies.h"
#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

namespace replies = smtp::replies;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kToRcpt = "EHLO c.example\r\nMAIL FROM:<s@c.example>\r\nRCPT TO:<r@a.example>\r\n";
const std::string kNextMail = "MAIL FROM:<s@c.example>\r\nRCPT TO:<r@a.example>\r\nDATA\r\n.\r\n";

std::string Last(const std::string& wire) {
  const size_t start = wire.rfind("\r\n", wire.size() - 3);
  return start == std::string::npos ? wire : wire.substr(start + 2);
}

TEST(Body, RefusedAtDataMeansNo354) {
  ScriptedShell shell;
  shell.refuse_open = smtp::Reply(replies::kNotStored);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "DATA\r\n")), StartsWith("451 4.3.0"));
  shell.refuse_open.reset();
  EXPECT_THAT(shell.Say(kNextMail), EndsWith("Queued as ID\r\n")) << "the connection stays usable";
  EXPECT_THAT(shell.stored, SizeIs(1));
}

TEST(Body, RefusedAtTheFirstChunkIsReadToItsEnd) {
  ScriptedShell shell;
  shell.refuse_open = smtp::Reply(replies::kNotStored);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "BDAT 6\r\nQUIT\r\n")), StartsWith("451 4.3.0"));
  EXPECT_THAT(Last(shell.Say("BDAT 6\r\nQUIT\r\n")), StartsWith("451 4.3.0"))
      << "part of a message is no message";
  EXPECT_EQ(shell.opened, 1);
  EXPECT_THAT(Last(shell.Say("BDAT 6 LAST\r\nQUIT\r\n")), StartsWith("451 4.3.0"));
  shell.refuse_open.reset();
  EXPECT_THAT(shell.Say(kNextMail), EndsWith("Queued as ID\r\n"));
}

TEST(Body, FailingAmidDataIsSaidAtTheFinalDot) {
  ScriptedShell shell;
  shell.refuse_chunk = smtp::Reply(replies::kNotStored);
  shell.Say(kToRcpt + "DATA\r\n");
  EXPECT_THAT(shell.Say("one\r\ntwo"), IsEmpty());
  EXPECT_THAT(shell.Say("\r\n.\r\nNOOP\r\n"),
              StartsWith("451 4.3.0 Cannot store the message now, try again\r\n250 "));
  EXPECT_EQ(shell.abandoned, 0) << "the shell knows";
  shell.refuse_chunk.reset();
  EXPECT_THAT(shell.Say(kNextMail), EndsWith("Queued as ID\r\n"));
  EXPECT_THAT(shell.stored, SizeIs(1));
}

TEST(Body, FailingAtItsLastPieceIsStillInTime) {
  ScriptedShell shell;
  shell.refuse_chunk = smtp::Reply(replies::kStoreFull);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "DATA\r\nall at once\r\n.\r\n")), StartsWith("451 4.3.1"));
  EXPECT_THAT(Last(shell.Say("MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nBDAT 3 LAST\r\nall")),
              StartsWith("451 4.3.1"));
  EXPECT_THAT(shell.stored, IsEmpty());
}

TEST(Body, FailingBetweenTwoChunksRefusesTheRest) {
  ScriptedShell shell;
  shell.Say(kToRcpt + "BDAT 2\r\nab");
  shell.session().BodyFailed(replies::kNotStored);
  EXPECT_THAT(shell.Say("BDAT 2 LAST\r\n\r\n"), StartsWith("451 4.3.0"));
}

TEST(Body, ARefusalOfTheEngineAbandonsOnce) {
  ScriptedShell shell;
  shell.Say(kToRcpt + "DATA\r\n");
  EXPECT_THAT(shell.Say("a\nb"), IsEmpty());
  EXPECT_EQ(shell.abandoned, 1);
  EXPECT_THAT(shell.Say("c\nd\r\n.\r\n"), StartsWith("550 5.6.11"));
  EXPECT_EQ(shell.abandoned, 1);
}

TEST(Body, RsetEhloAndQuitAbandonAnOpenMessage) {
  for (const char* verb : {"RSET\r\n", "EHLO x\r\n", "HELO x\r\n", "QUIT\r\n", "GET /\r\n"}) {
    ScriptedShell shell;
    shell.Say(kToRcpt + "BDAT 2\r\nab" + verb);
    EXPECT_EQ(shell.abandoned, 1) << verb;
  }
}

TEST(Body, TooManyErrorsAbandonAnOpenMessage) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_errors = 0;
  ScriptedShell shell(config);
  shell.Say(kToRcpt + "BDAT 2\r\nabX\r\n");
  EXPECT_EQ(shell.abandoned, 1);
  EXPECT_TRUE(shell.closed);
}

TEST(Commit, TheReplyIsTheShells) {
  ScriptedShell shell;
  shell.commit_reply = smtp::Reply(replies::kStoreUnknown);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "DATA\r\n.\r\n")), StartsWith("451 4.3.0 No answer"));
  shell.commit_reply.reset();
  EXPECT_THAT(shell.Say(kNextMail), EndsWith("250 2.0.0 Queued as ID\r\n"));
  EXPECT_THAT(shell.stored, SizeIs(1));
}

TEST(Commit, InputBehindTheFinalDotWaits) {
  const SessionConfig config = ScriptedShell::DefaultConfig();
  const ExamplePolicy policy;
  const std::string input = kToRcpt + "DATA\r\nx\r\n.\r\nNOOP\r\nQUIT\r\n";
  ServerSession session(config, PeerInfo(), policy);
  session.Receive(input);
  ASSERT_TRUE(std::holds_alternative<OpenBody>(session.Next()));
  session.BodyOpened();
  ASSERT_TRUE(std::holds_alternative<BodyChunk>(session.Next()));
  ASSERT_TRUE(std::holds_alternative<CommitMessage>(session.Next()));
  EXPECT_THAT(session.TakeOutput(), EndsWith("354 End data with <CR><LF>.<CR><LF>\r\n"))
      << "nothing said ahead";
  session.Committed(replies::Queued("X"));
  ASSERT_TRUE(std::holds_alternative<Close>(session.Next()));
  EXPECT_EQ(session.TakeOutput(), "250 2.0.0 Queued as X\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n");
}

TEST(Body, HopsAreCounted) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_message_size = 1 << 20;
  std::string headers;
  for (int i = 0; i < smtp::kMaxHops; ++i) headers += "Received: from a by b\r\n";
  ScriptedShell shell(config);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "DATA\r\n" + headers + "\r\nReceived: not a header\r\n.\r\n")),
              StartsWith("250"));
  EXPECT_THAT(Last(shell.Say("MAIL FROM:<>\r\nRCPT TO:<r@a.example>\r\nDATA\r\n" + headers +
                             "Received: x\r\n\r\n.\r\n")),
              StartsWith("554 5.4.6"));
}

TEST(Body, WhatItsOctetsAreIsSeenWhateverWasSaid) {
  const std::string header = "Subject: \xc3\xbc\r\n\r\n";
  ScriptedShell shell;
  shell.Say(kToRcpt + "DATA\r\n" + header + "x\r\n.\r\n");
  shell.Say("MAIL FROM:<s@c.example> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<r@a.example>\r\nBDAT 4\r\n\r\nx\r");
  shell.Say("BDAT 4 LAST\r\n\nx\r\n");
  shell.Say("MAIL FROM:<s@c.example>\r\nRCPT TO:<r@a.example>\r\nDATA\r\n\r\n\xff\r\n.\r\n");
  shell.Say("MAIL FROM:<s@c.example>\r\nRCPT TO:<r@a.example>\r\nDATA\r\nDear \xff,\r\n.\r\n");
  ASSERT_THAT(shell.stored, SizeIs(4));
  EXPECT_TRUE(shell.stored[3].header_is_ascii) << "text without a header section";
  EXPECT_FALSE(shell.stored[3].body_is_ascii);
  EXPECT_FALSE(shell.stored[0].header_is_ascii);
  EXPECT_TRUE(shell.stored[0].body_is_ascii);
  EXPECT_TRUE(shell.stored[1].header_is_ascii);
  EXPECT_TRUE(shell.stored[1].body_is_ascii) << "nothing of the mail before is left";
  EXPECT_TRUE(shell.stored[2].header_is_ascii);
  EXPECT_FALSE(shell.stored[2].body_is_ascii);
}

// The first line stands behind our own Received field: it must not become part of it. As the API does; text
// without a header section is a body, as Postfix has it.
TEST(Body, ItsFirstLineIsAFieldOrTheMessageHasNoHeader) {
  const struct {
    const char* name;
    std::string content;
    const char* code;
    std::string stored;
    bool has_header;
  } kCases[] = {
      {"a field", "A: b\r\n\r\nx\r\n", "250", "A: b\r\n\r\nx\r\n", true},
      {"an empty line", "\r\nx\r\n", "250", "\r\nx\r\n", true},
      {"nothing", "", "250", "", true},
      {"text", "Dear all,\r\n", "250", "Dear all,\r\n", false},
      {"less than a mailbox file's mark", "Fr\r\n", "250", "Fr\r\n", false},
      {"a space", " by evil.example\r\n\r\nx\r\n", "554", "", true},
      {"a tab", "\tby evil.example\r\n\r\nx\r\n", "554", "", true},
      {"a mailbox line", "From a@b Thu Jan  1\r\nA: b\r\n\r\n", "250", "A: b\r\n\r\n", true},
      {"a quoted one", ">From a@b Thu Jan  1\r\nA: b\r\n\r\n", "250", "A: b\r\n\r\n", true},
      {"a space behind a mailbox line", "From a@b\r\n by evil.example\r\n\r\n", "554", "", true},
      {"a NUL in a mailbox line", std::string("From a\0b\r\nA: b\r\n", 16), "554", "", true},
      {"a mailbox line beyond the limit", "From " + std::string(1'000, 'x') + "\r\nA: b\r\n", "552", "",
       true},
  };
  for (const auto& c : kCases) {
    for (const size_t piece : {size_t{0}, size_t{1}, size_t{3}}) {
      const std::string size = std::to_string(c.content.size());
      ScriptedShell data;
      EXPECT_THAT(Last(data.Say(kToRcpt + "DATA\r\n" + c.content + ".\r\n", piece)), StartsWith(c.code))
          << c.name;
      ScriptedShell chunk;
      EXPECT_THAT(Last(chunk.Say(kToRcpt + "BDAT " + size + " LAST\r\n" + c.content, piece)),
                  StartsWith(c.code))
          << c.name;
      for (const ScriptedShell* shell : {&data, &chunk}) {
        ASSERT_THAT(shell->stored, SizeIs(*c.code == '2' ? 1 : 0)) << c.name;
        if (shell->stored.empty()) continue;
        EXPECT_EQ(shell->stored[0].body, c.stored) << c.name;
        EXPECT_EQ(shell->stored[0].has_header, c.has_header) << c.name;
      }
    }
  }
}

TEST(Body, AMailboxLineMayBeCutByChunks) {
  ScriptedShell shell;
  EXPECT_THAT(Last(shell.Say(kToRcpt + "BDAT 3\r\nFroBDAT 4\r\nm a\rBDAT 7 LAST\r\n\nA: b\r\n")),
              StartsWith("250"));
  EXPECT_EQ(shell.stored.at(0).body, "A: b\r\n");
}

TEST(Body, LargeOnesPassThroughInPieces) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_message_size = 4 << 20;
  std::string content;
  while (content.size() < 3U << 20)
    content += "A line of seventy-odd characters, as messages have them, and one more.\r\n";
  ScriptedShell shell(config);
  EXPECT_THAT(Last(shell.Say(kToRcpt + "DATA\r\n" + content + ".\r\n", 65536)), StartsWith("250"));
  EXPECT_EQ(shell.stored.at(0).body, content);
}

}  // namespace
}  // namespace goniec::inbound
