// The order of commands, refusals and limits, as a table of dialogues; each is also played with its input cut
// at every octet.

#include "inbound/session/server_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/smtp/limits.h"
#include "common/smtp/replies.h"
#include "tests/unit/inbound/session/scripted_shell.h"

namespace goniec::inbound {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// The codes of the last lines of the replies: "250 2.1.0" as "250/2.1.0", one blank between.
std::string Codes(std::string_view wire) {
  std::string codes;
  while (!wire.empty()) {
    const size_t end = wire.find("\r\n");
    EXPECT_NE(end, std::string_view::npos);
    const std::string_view line = wire.substr(0, end);
    wire.remove_prefix(end + 2);
    if (line.size() > 3 && line[3] == '-') continue;
    if (!codes.empty()) codes += ' ';
    codes += std::string(line.substr(0, 3));
    if (line.size() > 8 && line[5] == '.') codes += '/' + std::string(line.substr(4, line.find(' ', 4) - 4));
  }
  return codes;
}

struct Dialogue {
  const char* name;
  std::string input;
  std::string codes;
  size_t stored = 0;
};

const std::string kHello = "EHLO c.example\r\n";
const std::string kMail = "MAIL FROM:<s@c.example>\r\n";
const std::string kRcpt = "RCPT TO:<r@a.example>\r\n";
const std::string kRcptBad = "RCPT TO:<r@b.test>\r\n";
const std::string kToRcpt = kHello + kMail + kRcpt;

class Dialogues : public ::testing::TestWithParam<Dialogue> {};

TEST_P(Dialogues, AllAtOnce) {
  ScriptedShell shell;
  EXPECT_EQ(Codes(shell.Say(GetParam().input)), GetParam().codes);
  EXPECT_THAT(shell.stored, SizeIs(GetParam().stored));
}

TEST_P(Dialogues, AnyCutGivesTheSame) {
  ScriptedShell whole;
  const std::string expected = whole.Say(GetParam().input);
  for (size_t cut = 1; cut < GetParam().input.size(); ++cut) {
    ScriptedShell shell;
    ASSERT_EQ(shell.SayCut(GetParam().input, cut), expected) << "cut at " << cut;
    ASSERT_EQ(shell.stored.size(), whole.stored.size());
    for (size_t i = 0; i < whole.stored.size(); ++i) ASSERT_EQ(shell.stored[i].body, whole.stored[i].body);
    ASSERT_EQ(shell.abandoned, whole.abandoned);
  }
  ScriptedShell octets;
  EXPECT_EQ(octets.Say(GetParam().input, 1), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Order, Dialogues,
    ::testing::Values(
        Dialogue{"OneMail", kToRcpt + "DATA\r\nhi\r\n.\r\nQUIT\r\n",
                 "250 250/2.1.0 250/2.1.5 354 250/2.0.0 221/2.0.0", 1},
        Dialogue{"TwoMails", kToRcpt + "DATA\r\n.\r\n" + kMail + kRcpt + "DATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.1.0 250/2.1.5 354 250/2.0.0", 2},
        Dialogue{"Helo", "HELO c\r\n" + kMail + kRcpt + "DATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 354 250/2.0.0", 1},
        Dialogue{"MailFirstOfAll", kMail, "503/5.5.1"}, Dialogue{"RcptFirstOfAll", kRcpt, "503/5.5.1"},
        Dialogue{"DataFirstOfAll", "DATA\r\n", "503/5.5.1"},
        Dialogue{"BdatFirstOfAll", "BDAT 4\r\nQUITRSET\r\n", "503/5.5.1 250/2.0.0"},
        Dialogue{"RcptBeforeMail", kHello + kRcpt, "250 503/5.5.1"},
        Dialogue{"DataBeforeMail", kHello + "DATA\r\n", "250 503/5.5.1"},
        Dialogue{"DataBeforeRcpt", kHello + kMail + "DATA\r\n", "250 250/2.1.0 503/5.5.1"},
        Dialogue{"BdatBeforeMail", kHello + "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250 503/5.5.1 250/2.0.0"},
        Dialogue{"BdatBeforeRcpt", kHello + kMail + "BDAT 6 LAST\r\nQUIT\r\n" + kMail,
                 "250 250/2.1.0 503/5.5.1 250/2.1.0"},
        Dialogue{"NestedMail", kHello + kMail + kMail + kRcpt, "250 250/2.1.0 503/5.5.1 250/2.1.5"},
        Dialogue{"RsetForgets", kToRcpt + "RSET\r\nDATA\r\n", "250 250/2.1.0 250/2.1.5 250/2.0.0 503/5.5.1"},
        Dialogue{"EhloForgets", kToRcpt + kHello + "DATA\r\n", "250 250/2.1.0 250/2.1.5 250 503/5.5.1"},
        Dialogue{"HeloForgets", kToRcpt + "HELO x\r\n" + kRcpt, "250 250/2.1.0 250/2.1.5 250 503/5.5.1"},
        Dialogue{"BadEhloForgetsNothing", kToRcpt + "EHLO\r\nDATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 501/5.5.4 354 250/2.0.0", 1},
        Dialogue{"RefusedMailBeginsNothing", kHello + "MAIL FROM:<denied@c.example>\r\n" + kRcpt,
                 "250 550/5.7.1 503/5.5.1"},
        Dialogue{"NoValidRecipient", kHello + kMail + kRcptBad + "DATA\r\n",
                 "250 250/2.1.0 550/5.7.1 554/5.5.1"},
        Dialogue{"SomeValidRecipients", kHello + kMail + kRcptBad + kRcpt + "DATA\r\n.\r\n",
                 "250 250/2.1.0 550/5.7.1 250/2.1.5 354 250/2.0.0", 1},
        Dialogue{"AnytimeVerbs", "NOOP\r\nNOOP x y\r\nHELP\r\nHELP MAIL\r\nVRFY joe\r\nRSET\r\n",
                 "250/2.0.0 250/2.0.0 214/2.0.0 214/2.0.0 252/2.0.0 250/2.0.0"},
        Dialogue{"AnytimeVerbsWithinMail", kToRcpt + "NOOP\r\nVRFY x\r\nHELP\r\nDATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 252/2.0.0 214/2.0.0 354 250/2.0.0", 1},
        Dialogue{"LowerCase",
                 "ehlo c\r\nmail from:<a@b.example>\r\nrcpt to:<a@b.example>\r\ndata\r\n.\r\nquit\r\n",
                 "250 250/2.1.0 250/2.1.5 354 250/2.0.0 221/2.0.0", 1},
        Dialogue{"TrailingSpace", kHello + "RSET \r\nDATA \t\r\n", "250 250/2.0.0 503/5.5.1"},
        Dialogue{"QuitForgetsTheRest", "QUIT\r\nNOOP\r\n", "221/2.0.0"},
        Dialogue{"NullSender", kHello + "MAIL FROM:<>\r\n" + kRcpt + "DATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 354 250/2.0.0", 1},
        Dialogue{"Postmaster", kHello + kMail + "RCPT TO:<Postmaster>\r\nRCPT TO:<postmaster@x.test>\r\n",
                 "250 250/2.1.0 250/2.1.5 550/5.7.1"}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, Dialogues,
    ::testing::Values(
        Dialogue{"Unknown", "FOO\r\n", "500/5.5.2"}, Dialogue{"EmptyLine", "\r\n", "500/5.5.2"},
        Dialogue{"NotImplemented", "EXPN x\r\nTURN\r\nAUTH PLAIN\r\nETRN x\r\n",
                 "502/5.5.1 502/5.5.1 502/5.5.1 502/5.5.1"},
        Dialogue{"StartTlsNotOffered", kHello + "STARTTLS\r\n", "250 502/5.5.1"},
        Dialogue{"EhloNoName", "EHLO\r\n", "501/5.5.4"},
        Dialogue{"EhloTwoNames", "EHLO a b\r\n", "501/5.5.4"},
        Dialogue{"VrfyNothing", "VRFY\r\n", "501/5.5.4"},
        Dialogue{"NoArgumentsPlease", kToRcpt + "DATA x\r\nRSET x\r\nQUIT x\r\n",
                 "250 250/2.1.0 250/2.1.5 501/5.5.4 501/5.5.4 501/5.5.4"},
        Dialogue{"BadAddresses", kHello + "MAIL FROM:<a b@c>\r\n" + kMail + "RCPT TO:<a@>\r\nRCPT TO:<>\r\n",
                 "250 501/5.1.7 250/2.1.0 501/5.1.3 501/5.1.3"},
        Dialogue{"UnsupportedParameters",
                 kHello + "MAIL FROM:<a@b> FOO=1\r\n" + kMail + "RCPT TO:<a@b.example> NOTIFY=NEVER\r\n",
                 "250 555/5.5.4 250/2.1.0 555/5.5.4"},
        Dialogue{"Utf8WithoutParameter", kHello + "MAIL FROM:<ü@b>\r\n" + kMail + "RCPT TO:<ü@a.example>\r\n",
                 "250 550/5.6.7 250/2.1.0 553/5.6.7"},
        Dialogue{"Utf8", kHello + "MAIL FROM:<ü@b> SMTPUTF8\r\nRCPT TO:<ü@ü.example>\r\n",
                 "250 250/2.1.0 250/2.1.5"},
        Dialogue{"BareLf", "NOOP\nNOOP\r\n", "500/5.5.2 250/2.0.0"},
        Dialogue{"BareLfIsNeverObeyed", kHello + "MAIL FROM:<a@b>\n" + kRcpt, "250 500/5.5.2 503/5.5.1"},
        Dialogue{"BareCr", "NOOP\rNOOP\r\nNOOP\r\n", "500/5.5.2 250/2.0.0"},
        Dialogue{"Nul", std::string("NOOP\0\r\nNOOP\r\n", 13), "500/5.5.2 250/2.0.0"},
        Dialogue{"SizeAtMail", kHello + "MAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> SIZE=1000\r\n",
                 "250 552/5.3.4 250/2.1.0"},
        Dialogue{"TooManyRecipients",
                 kHello + kMail +
                     "RCPT TO:<1@a.example>\r\nRCPT TO:<2@a.example>\r\nRCPT TO:<3@a.example>\r\nRCPT "
                     "TO:<4@a.example>\r\n"
                     "RCPT TO:<5@a.example>\r\nRCPT TO:<6@a.example>\r\nRCPT TO:<7@x.test>\r\nDATA\r\n.\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.1.5 250/2.1.5 250/2.1.5 250/2.1.5 452/4.5.3 550/5.7.1 354 "
                 "250/2.0.0",
                 1},
        Dialogue{"AnotherProtocol", "POST / HTTP/1.1\r\nHost: x\r\nNOOP\r\n", "421/4.7.0"}));

INSTANTIATE_TEST_SUITE_P(
    Chunks, Dialogues,
    ::testing::Values(
        Dialogue{"OneChunk", kToRcpt + "BDAT 4 LAST\r\nhi\r\nNOOP\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0", 1},
        Dialogue{"Several", kToRcpt + "BDAT 3\r\nhi\rBDAT 1\r\n\nBDAT 0\r\nBDAT 0 LAST\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0", 1},
        Dialogue{"EmptyMessage", kToRcpt + "BDAT 0 LAST\r\n", "250 250/2.1.0 250/2.1.5 250/2.0.0", 1},
        Dialogue{"DotsAreOnlyDots", kToRcpt + "BDAT 10 LAST\r\n.\r\n..\r\n.\r\nNOOP\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0", 1},
        Dialogue{"AfterLast", kToRcpt + "BDAT 0 LAST\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n",
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 503/5.5.1 250/2.0.0", 1},
        Dialogue{
            "OnlyChunksAndRsetAmid",
            kToRcpt + "BDAT 1\r\nx" + kMail + kRcpt + "DATA\r\nSTARTTLS\r\nNOOP\r\nBDAT 2 LAST\r\n\r\n",
            "250 250/2.1.0 250/2.1.5 250/2.0.0 503/5.5.1 503/5.5.1 503/5.5.1 503/5.5.1 250/2.0.0 250/2.0.0",
            1},
        Dialogue{"RsetAmid", kToRcpt + "BDAT 1\r\nxRSET\r\nBDAT 2 LAST\r\n\r\n" + kMail,
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 250/2.0.0 503/5.5.1 250/2.1.0"},
        Dialogue{"EhloAmid", kToRcpt + "BDAT 1\r\nx" + kHello + kMail,
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 250 250/2.1.0"},
        Dialogue{"QuitAmid", kToRcpt + "BDAT 1\r\nxQUIT\r\n", "250 250/2.1.0 250/2.1.5 250/2.0.0 221/2.0.0"},
        Dialogue{"BadSize", kToRcpt + "BDAT\r\nBDAT x\r\nBDAT 0 LAST\r\n",
                 "250 250/2.1.0 250/2.1.5 501/5.5.4 501/5.5.4 250/2.0.0", 1},
        Dialogue{"NoValidRecipient",
                 kHello + kMail + kRcptBad + "BDAT 6\r\nQUIT\r\n" + kRcpt + "BDAT 6 LAST\r\nQUIT\r\n" + kMail,
                 "250 250/2.1.0 550/5.7.1 554/5.5.1 503/5.5.1 554/5.5.1 250/2.1.0"},
        Dialogue{"AnnouncedTooLarge", kToRcpt + "BDAT 1001 LAST\r\n" + std::string(1001, 'x') + "NOOP\r\n",
                 "250 250/2.1.0 250/2.1.5 552/5.3.4 250/2.0.0"},
        Dialogue{"TooLargeTogether",
                 kToRcpt + "BDAT 600\r\n" + std::string(600, 'x') + "BDAT 600\r\n" + std::string(600, 'x') +
                     "BDAT 2 LAST\r\n\r\n" + kMail,
                 "250 250/2.1.0 250/2.1.5 250/2.0.0 552/5.3.4 552/5.3.4 250/2.1.0"},
        Dialogue{"BareLf", kToRcpt + "BDAT 2\r\nx\nBDAT 2 LAST\r\n\r\n" + kMail,
                 "250 250/2.1.0 250/2.1.5 550/5.6.11 550/5.6.11 250/2.1.0"},
        Dialogue{"LastCr", kToRcpt + "BDAT 2 LAST\r\nx\r" + kMail,
                 "250 250/2.1.0 250/2.1.5 550/5.6.11 250/2.1.0"}));

const std::string kManyHops = [] {
  std::string headers;
  for (int i = 0; i <= smtp::kMaxHops; ++i) headers += "Received:\r\n";
  return headers + "\r\n";
}();

INSTANTIATE_TEST_SUITE_P(
    Content, Dialogues,
    ::testing::Values(Dialogue{"TooLarge", kToRcpt + "DATA\r\n" + std::string(999, 'x') + "\r\n.\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 552/5.3.4 250/2.0.0"},
                      Dialogue{"JustLargeEnough", kToRcpt + "DATA\r\n" + std::string(998, 'x') + "\r\n.\r\n",
                               "250 250/2.1.0 250/2.1.5 354 250/2.0.0", 1},
                      Dialogue{"StuffedDotsDoNotCount",
                               kToRcpt + "DATA\r\n.." + std::string(997, 'x') + "\r\n.\r\n",
                               "250 250/2.1.0 250/2.1.5 354 250/2.0.0", 1},
                      // CVE-2023-51764: what would be a second mail is content of a refused one.
                      Dialogue{"SmuggleLfDotCrLf",
                               kToRcpt + "DATA\r\nx\n.\r\n" + kMail + kRcpt + "DATA\r\ny\r\n.\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.0.0"},
                      Dialogue{"SmuggleLfDotLf", kToRcpt + "DATA\r\nx\n.\n" + kMail + ".\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.0.0"},
                      Dialogue{"SmuggleCrDotCr", kToRcpt + "DATA\r\nx\r.\r" + kMail + ".\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.0.0"},
                      Dialogue{"SmuggleCrLfDotLf", kToRcpt + "DATA\r\nx\r\n.\n" + kMail + ".\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.0.0"},
                      Dialogue{"SmuggleCrLfDotCr", kToRcpt + "DATA\r\nx\r\n.\r" + kMail + ".\r\nNOOP\r\n",
                               "250 250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.0.0"},
                      Dialogue{"SmuggleNul", kToRcpt + std::string("DATA\r\nx\r\n\0.\r\n.\r\nNOOP\r\n", 22),
                               "250 250/2.1.0 250/2.1.5 354 554/5.6.0 250/2.0.0"},
                      Dialogue{"LongTextLines", kToRcpt + "DATA\r\n" + std::string(990, 'l') + "\r\n.\r\n",
                               "250 250/2.1.0 250/2.1.5 354 250/2.0.0", 1}));

TEST(ServerSession, GreetsWithItsName) {
  ScriptedShell shell;
  EXPECT_EQ(shell.session().Greeting(), "220 mx.local.example ESMTP Goniec\r\n");
}

TEST(ServerSession, EhloOffersTheExtensions) {
  ScriptedShell shell;
  EXPECT_EQ(
      shell.Say(kHello),
      "250-mx.local.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
      "250-SMTPUTF8\r\n250 CHUNKING\r\n");
  EXPECT_EQ(shell.Say("HELO x\r\n"), "250 mx.local.example\r\n");
}

TEST(ServerSession, EnvelopeReachesTheShellAsWritten) {
  ScriptedShell shell;
  shell.Say(
      "EHLO Client.Example\r\nMAIL FROM:<@x.example:Joe@C.EXAMPLE> SIZE=12 BODY=8BITMIME SMTPUTF8\r\n"
      "RCPT TO:<R@A.Example>\r\nRCPT TO:<\"a b\"@ü.example>\r\nRCPT TO:<POSTMASTER>\r\nDATA\r\n..x\r\n.\r\n");
  ASSERT_THAT(shell.stored, SizeIs(1));
  const StoredMessage& mail = shell.stored[0];
  EXPECT_EQ(mail.from, "Joe@C.EXAMPLE");
  EXPECT_THAT(mail.to, ElementsAre("R@A.Example", "\"a b\"@ü.example", "POSTMASTER@mx.local.example"));
  EXPECT_EQ(mail.body, ".x\r\n");
  EXPECT_EQ(mail.protocol, "UTF8SMTP");
  EXPECT_EQ(mail.hello, "Client.Example");
  EXPECT_EQ(mail.parameters.size, 12U);
  EXPECT_EQ(mail.parameters.body, smtp::BodyType::k8BitMime);
}

TEST(ServerSession, NothingLeaksIntoTheNextMail) {
  ScriptedShell shell;
  shell.Say("EHLO c\r\nMAIL FROM:<a@b> SMTPUTF8 SIZE=3\r\nRCPT TO:<1@a.example>\r\nDATA\r\n1\r\n.\r\n");
  shell.Say("MAIL FROM:<>\r\nRCPT TO:<2@a.example>\r\nDATA\r\n2\r\n.\r\n");
  ASSERT_THAT(shell.stored, SizeIs(2));
  EXPECT_EQ(shell.stored[1].from, "");
  EXPECT_THAT(shell.stored[1].to, ElementsAre("2@a.example"));
  EXPECT_EQ(shell.stored[1].body, "2\r\n");
  EXPECT_EQ(shell.stored[1].protocol, "ESMTP");
  EXPECT_FALSE(shell.stored[1].parameters.size.has_value());
}

TEST(ServerSession, TheSameRecipientTwiceIsOne) {
  ScriptedShell shell;
  EXPECT_EQ(Codes(shell.Say(kToRcpt + "RCPT TO:<\"r\"@A.EXAMPLE>\r\nDATA\r\n.\r\n")),
            "250 250/2.1.0 250/2.1.5 250/2.1.5 354 250/2.0.0");
  EXPECT_THAT(shell.stored.at(0).to, ElementsAre("r@a.example"));
}

TEST(ServerSession, PipelinedRepliesLeaveTogetherBeforeTheCommit) {
  ScriptedShell shell;
  const std::string said = shell.Say(kToRcpt + "DATA\r\n");
  EXPECT_EQ(shell.largest_output, said.size()) << "one write";
  EXPECT_THAT(Codes(said), StartsWith("250 250/2.1.0 250/2.1.5 354"));
}

TEST(ServerSession, TheEnvelopeIsBounded) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_recipients = 1000;
  config.max_envelope_size = 1000;
  ScriptedShell shell(config);
  shell.Say(kHello + kMail);
  std::string reply;
  for (int i = 0; i < 100 && reply.substr(0, 3) != "452"; ++i) {
    reply = shell.Say("RCPT TO:<recipient" + std::to_string(i) + "@some.long.domain.example>\r\n");
  }
  EXPECT_THAT(reply, StartsWith("452 4.5.3"));
  EXPECT_EQ(Codes(shell.Say("DATA\r\n.\r\n")), "354 250/2.0.0");
  EXPECT_LT(shell.stored.at(0).to.size(), 20U);
}

TEST(ServerSession, TooManyErrorsEndTheSession) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_errors = 3;
  ScriptedShell shell(config);
  EXPECT_EQ(Codes(shell.Say("X\r\nX\r\nX\r\nX\r\nNOOP\r\n")), "500/5.5.2 500/5.5.2 500/5.5.2 421/4.7.0");
  EXPECT_TRUE(shell.closed);
}

// RFC 5321 §4.5.1, to anybody and in any spelling; its domain is none that the policy takes.
TEST(ServerSession, PostmasterIsAlwaysTaken) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.postmaster_domain = "here.test";
  const struct {
    const char* path;
    const char* codes;
    const char* recipient;
  } kCases[] = {
      {"<Postmaster>", "250/2.1.5", "Postmaster@here.test"},
      {"<postmaster>", "250/2.1.5", "postmaster@here.test"},
      {"<POSTMASTER>", "250/2.1.5", "POSTMASTER@here.test"},
      {"<pOstMaster@HERE.test>", "250/2.1.5", "pOstMaster@HERE.test"},
      {"<postmaster@a.example>", "250/2.1.5", "postmaster@a.example"},
      {"<postmaster@there.test>", "550/5.7.1", nullptr},
      {"<webmaster@here.test>", "550/5.7.1", nullptr},
      {"<@there.test:postmaster@here.test>", "550/5.7.1", nullptr},
      {"<webmaster>", "501/5.1.3", nullptr},
  };
  for (const auto& c : kCases) {
    ScriptedShell shell(config);
    shell.Say(kHello + kMail);
    EXPECT_EQ(Codes(shell.Say("RCPT TO:" + std::string(c.path) + "\r\n")), c.codes) << c.path;
    shell.Say("DATA\r\n.\r\n");
    if (c.recipient == nullptr) {
      EXPECT_THAT(shell.stored, SizeIs(0)) << c.path;
    } else {
      EXPECT_THAT(shell.stored.at(0).to, ElementsAre(c.recipient)) << c.path;
    }
  }
}

TEST(ServerSession, RefusedRecipientsAreNoErrors) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_errors = 1;
  ScriptedShell shell(config);
  shell.Say(kHello + kMail);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Codes(shell.Say(kRcptBad)), "550/5.7.1");
}

TEST(ServerSession, AnAcceptedMailClearsTheErrors) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_errors = 1;
  ScriptedShell shell(config);
  EXPECT_EQ(Codes(shell.Say("X\r\n" + kToRcpt + "DATA\r\n.\r\nX\r\nX\r\n")),
            "500/5.5.2 250 250/2.1.0 250/2.1.5 354 250/2.0.0 500/5.5.2 421/4.7.0");
}

TEST(ServerSession, OverlongLinesAreDroppedAndTheSessionStaysInStep) {
  const std::string longest = "NOOP " + std::string(smtp::kMaxCommandLine - 7, 'x') + "\r\n";
  ASSERT_EQ(longest.size(), smtp::kMaxCommandLine);
  const std::string too_long = "NOOP x" + longest.substr(5);
  const std::string huge = "NOOP " + std::string(100000, 'x') + "\r\n";
  for (const size_t piece : {size_t{0}, size_t{1}, size_t{1000}, size_t{4095}, size_t{4096}, size_t{4097}}) {
    ScriptedShell shell;
    EXPECT_EQ(Codes(shell.Say(longest + too_long + "NOOP\r\n" + huge + "NOOP\r\n", piece)),
              "250/2.0.0 500/5.5.2 250/2.0.0 500/5.5.2 250/2.0.0")
        << piece;
  }
}

TEST(ServerSession, RepliesNobodyReadsAreFlushed) {
  SessionConfig config = ScriptedShell::DefaultConfig();
  config.max_idle_commands = 20'000;
  ScriptedShell shell(config);
  std::string input;
  for (int i = 0; i < 20000; ++i) input += "HELP\r\n";
  shell.Say(input);
  EXPECT_GT(shell.flushes, 10);
  EXPECT_LT(shell.largest_output, 20U * 1024);
}

TEST(ServerSession, TheShellMayEndIt) {
  ScriptedShell shell;
  shell.Say(kToRcpt + "DATA\r\nx");
  EXPECT_FALSE(shell.session().IsIdle());
  shell.session().EndWith(smtp::replies::kShuttingDown);
  EXPECT_THAT(shell.Say("y"), StartsWith("421 4.3.2"));
  EXPECT_TRUE(shell.closed);
  EXPECT_EQ(shell.abandoned, 1);
}

TEST(ServerSession, IsIdleBetweenTransactions) {
  ScriptedShell shell;
  EXPECT_TRUE(shell.session().IsIdle());
  shell.Say(kHello);
  EXPECT_TRUE(shell.session().IsIdle());
  shell.Say(kMail);
  EXPECT_FALSE(shell.session().IsIdle());
  shell.Say(kRcpt + "DATA\r\n.\r\n");
  EXPECT_TRUE(shell.session().IsIdle());
}

TEST(ServerSession, TheObserverSeesEveryRefusal) {
  ScriptedShell shell;
  shell.commit_reply = smtp::Reply(smtp::replies::kNotStored);
  shell.Say("FOO bar\r\n" + kHello + kMail + kRcptBad + kRcpt + "DATA\r\n.\r\n" + kMail + kRcpt +
            "BDAT 1 LAST\r\n\n");
  EXPECT_THAT(shell.refused,
              ElementsAre("unknown bar -> 500", "RCPT TO:<r@b.test> -> 550", "DATA  -> 451", "BDAT  -> 550"));
}

}  // namespace
}  // namespace goniec::inbound
