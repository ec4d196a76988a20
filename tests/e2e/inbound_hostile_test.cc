// goniec-inbound and clients that mean no good, or make no sense: nothing is relayed that should not be,
// nothing they say ends the process or a session that could go on, and whoever vanishes leaves nothing
// behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/e2e/inbound_fixture.h"

namespace goniec::inbound {
namespace {

using testing::AnyOf;
using testing::StartsWith;

const std::string kBody = "Subject: x\r\n\r\nbody\r\n";

using InboundHostile = InboundTest;

// The table of the policy, through a real connection from a stranger: parsing, policy and replies together.
TEST_F(InboundHostile, OpenRelayAttemptsAreRefused) {
  StartQueue();
  StartInbound("relay: {domains: [example.org]}\n");
  const char* const kAttempts[] = {
      "<b@elsewhere.test>",
      "<@example.org:b@elsewhere.test>",
      "<@example.org,@example.org:b@elsewhere.test>",
      "<@elsewhere.test:b@example.org>",
      "<b%elsewhere.test@example.org>",
      "<\"b%elsewhere.test\"@example.org>",
      "<\"b@elsewhere.test\"@example.org>",
      "<\"b\\@elsewhere.test\"@example.org>",
      "<elsewhere.test!b@example.org>",
      "<\"elsewhere.test!b\"@example.org>",
      "<b@elsewhere.test.>",
      "<b@example.org.>",
      "<b@example.org@elsewhere.test>",
      "<b@elsewhere.test@example.org>",
      "<b@notexample.org>",
      "<b@example.org.elsewhere.test>",
      "<b@ELSEWHERE.TEST>",
      "<b@ex\xC3\xA4mple.org>",      // ä for a
      "<b@ex\xD0\xB0mple.org>",      // Cyrillic а for a
      "<b@example\xE3\x80\x82org>",  // ideographic full stop
      "<b@\xEF\xBD\x85xample.org>",  // full-width e
      "<b@exam\xC2\xADple.org>",     // soft hyphen
      "<b@[127.0.0.1]>",
      "<b@[IPv6:::1]>",
      "<b>",
  };
  SmtpDialogue client = Hello();
  for (const char* path : kAttempts) {
    EXPECT_THAT(client.Ask("MAIL FROM:<a@client.test> SMTPUTF8"), StartsWith("250 "));
    EXPECT_THAT(client.Ask("RCPT TO:" + std::string(path)), AnyOf(StartsWith("550 5."), StartsWith("501 5.")))
        << path;
    EXPECT_THAT(client.Ask("DATA"), AnyOf(StartsWith("554 5.5.1"), StartsWith("503 5.5.1"))) << path;
    EXPECT_THAT(client.Ask("RSET"), StartsWith("250 "));
    // A session ends after a number of errors; a mail clears them.
    ASSERT_THAT(client.SendMail("a@client.test", {"b@EXAMPLE.org"}, kBody), StartsWith("250 ")) << path;
  }
  const auto mails = Mails();
  EXPECT_EQ(mails.size(), std::size(kAttempts));
  for (const auto& mail : mails) {
    ASSERT_EQ(mail.recipients_size(), 1);
    EXPECT_EQ(mail.recipients(0).address(), "b@EXAMPLE.org");
  }
}

TEST_F(InboundHostile, NonsenseDoesNotEndASessionThatCouldGoOn) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  const std::string kNonsense[] = {
      "",
      " ",
      "MAIL",
      "MAIL FROM",
      "MAIL FROM:",
      "MAIL FROM:<",
      "RCPT TO:<b@example.org>",
      "BDAT",
      "BDAT 99999999999999999999",
      "DATA",
      std::string("NO\0OP", 5),
      "\xff\xfe\xfd",
      "NOOP\rNOOP",
      std::string(100'000, 'x'),
      "MAIL FROM:<" + std::string(3'000, 'x') + "@client.test>",
      "STARTTLS",
      "AUTH PLAIN AGEAYg==",
  };
  for (const std::string& line : kNonsense) {
    EXPECT_THAT(client.Ask(line), StartsWith("5")) << line.substr(0, 40);
  }
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
}

TEST_F(InboundHostile, RandomBytesEndNoProcess) {
  StartQueue();
  StartInbound();
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 dice(seed);
  const std::vector<std::string> kOpenings = {
      "", "EHLO c\r\n", "EHLO c\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\n",
      "EHLO c\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\nBDAT 100\r\n"};
  for (int i = 0; i < 200; ++i) {
    SmtpDialogue client = Connect();
    // Half of them are polite enough to wait for the greeting.
    if (i % 2 == 0) EXPECT_THAT(client.Reply(), StartsWith("220 "));
    std::string bytes = kOpenings[i % kOpenings.size()];
    for (std::size_t n = dice() % 3'000; n > 0; --n) {
      bytes += dice() % 20 == 0 ? "\r\n" : std::string(1, static_cast<char>(dice()));
    }
    client.Send(bytes);
    // Some wait for an answer, some go at once.
    if (i % 3 == 0) (void)client.Ask("QUIT");
  }
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  EXPECT_TRUE(inbound_->running()) << inbound_->output();
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
  EXPECT_TRUE(Mails().empty());
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
}

TEST_F(InboundHostile, AClientThatIsGoneBeforeTheEndLeavesNoMail) {
  StartQueue();
  StartInbound();
  const std::string kEnvelope = "EHLO c\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\n";
  const std::string kLarge(600'000, 'x');
  const std::vector<std::string> kLast = {
      "",
      "EHL",
      "EHLO c\r\n",
      "EHLO c\r\nMAIL FROM:<a@client.test>\r\n",
      kEnvelope,
      kEnvelope + "DATA\r\n",
      kEnvelope + "DATA\r\nSubject: half",
      kEnvelope + "DATA\r\nSubject: all but the dot\r\n\r\nx\r\n.",
      kEnvelope + "DATA\r\n" + kLarge,
      kEnvelope + "BDAT 100 LAST\r\nonly a part",
      kEnvelope + "BDAT 600001 LAST\r\n" + kLarge,
      kEnvelope + "BDAT 4\r\nA: b",
      kEnvelope + "RSET\r\nQUIT\r\n",
  };
  for (const std::string& last : kLast) {
    SmtpDialogue client = Connect();
    EXPECT_THAT(client.Reply(), StartsWith("220 "));
    client.Send(last);
    client.Close();
  }
  EXPECT_TRUE(test::WaitUntil([&] {
    return Metric("goniec_inbound_connections_total") >= static_cast<double>(kLast.size()) &&
           Metric("goniec_inbound_sessions") == 0;
  }));
  EXPECT_TRUE(Mails().empty());
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
  EXPECT_EQ(Metric("goniec_inbound_messages_accepted_total"), 0);
}

// RFC 1047's other side: what was committed is there once, whoever was not there to hear of it.
TEST_F(InboundHostile, AClientThatIsGoneBehindTheDotHasSentItsMailOnce) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  client.Ask("MAIL FROM:<a@client.test>");
  client.Ask("RCPT TO:<b@example.org>");
  client.Ask("DATA");
  nats_->Freeze();
  client.Send(kBody + ".\r\n");
  ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_commit_pending_bytes") > 0; }));
  client.Close();
  nats_->Thaw();
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_commit_pending_bytes") == 0; }));
  EXPECT_EQ(Mails().size(), 1U);
}

}  // namespace
}  // namespace goniec::inbound
