// From SMTP into the queue: what is answered with 250 lies in READY, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/inbound_fixture.h"

namespace goniec::inbound {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

// The content without the one header that the server adds.
std::string WithoutReceived(const std::string& content) {
  EXPECT_THAT(content, StartsWith("Received: from "));
  size_t end = content.find("\r\n");
  while (end != std::string::npos && (content[end + 2] == '\t' || content[end + 2] == ' ')) {
    end = content.find("\r\n", end + 2);
  }
  return content.substr(end + 2);
}

std::string IdIn(const std::string& reply) {
  for (size_t i = 0; i + 26 <= reply.size(); ++i) {
    const std::string word = reply.substr(i, 26);
    if (word.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos) return word;
  }
  return "";
}

using InboundAccept = InboundTest;

TEST_F(InboundAccept, AnAcceptedMessageLiesInReady) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  const std::string body = "Subject: hello\r\n\r\nThe body.\r\n";
  const std::string reply = client.SendMail("ann@client.test", {"bob@example.org", "cem@example.net"}, body);
  ASSERT_THAT(reply, StartsWith("250 2.0.0 "));

  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 1U);
  const queue::v1::Mail& mail = mails[0];
  EXPECT_EQ(mail.message_id(), IdIn(reply));
  EXPECT_EQ(mail.mail_from(), "ann@client.test");
  ASSERT_EQ(mail.recipients_size(), 2);
  EXPECT_EQ(mail.recipients(0).address(), "bob@example.org");
  EXPECT_EQ(mail.recipients(1).address(), "cem@example.net");
  EXPECT_EQ(mail.recipients(1).index(), 1U);
  EXPECT_EQ(mail.recipient_count(), 2U);
  EXPECT_EQ(mail.tenant(), "default");
  EXPECT_EQ(mail.mail_class(), queue::v1::MAIL_CLASS_TRANSACTIONAL);
  EXPECT_NEAR(static_cast<double>(mail.expire_time().seconds() - mail.accept_time().seconds()), 5 * 86400, 2);
  const std::string content = Content(mail);
  EXPECT_EQ(mail.size_bytes(), content.size());
  EXPECT_EQ(WithoutReceived(content), body);
  EXPECT_THAT(content, HasSubstr("by mx.example.test with ESMTP id " + mail.message_id()));
  EXPECT_EQ(client.Ask("QUIT"), "221 2.0.0 Bye\r\n");
  EXPECT_TRUE(client.WaitForClose());

  EXPECT_EQ(Metric("goniec_inbound_messages_accepted_total"), 1);
  EXPECT_EQ(Metric("goniec_inbound_recipients_accepted_total"), 2);
  EXPECT_EQ(Metric("goniec_inbound_message_bytes_total"), static_cast<double>(body.size()));
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  EXPECT_TRUE(inbound_->WaitForOutput("\"event\":\"message accepted\",\"message\":\"" + mail.message_id()));
  EXPECT_TRUE(inbound_->WaitForOutput(R"("stream":"READY_0","sequence":1,)")) << "where an operator finds it";
}

TEST_F(InboundAccept, BytesAreKeptWhateverTheyAre) {
  StartQueue();
  StartInbound();
  std::string every_byte = "X: y\r\n\r\n";
  for (int c = 1; c < 256; ++c) {
    if (c != '\r' && c != '\n') every_byte += static_cast<char>(c);
  }
  every_byte += "\r\n";
  const struct {
    const char* name;
    std::string sent;
    std::string stored;
  } kCases[] = {
      {"dots", "A: b\r\n\r\n..\r\n...\r\n..a\r\nb.\r\n", "A: b\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n"},
      {"every byte", every_byte, every_byte},
      {"empty", "", ""},
      {"no header", "\r\n\r\n", "\r\n\r\n"},
      {"long line", "\r\n" + std::string(300'000, 'x') + "\r\n", "\r\n" + std::string(300'000, 'x') + "\r\n"},
      {"text without a header", "Dear all,\r\n", "\r\nDear all,\r\n"},
  };
  SmtpDialogue client = Hello();
  for (const auto& c : kCases) {
    ASSERT_THAT(client.SendMail("a@client.test", {"b@example.org"}, c.sent), StartsWith("250 ")) << c.name;
    EXPECT_TRUE(WithoutReceived(Content(Mails().back())) == c.stored) << c.name;
  }
}

TEST_F(InboundAccept, ALargeMessageGoesByChunksAndItsMemoryIsBounded) {
  // AddressSanitizer keeps what was freed, up to 256 MB of it, which is not what is measured here.
  const char* options = getenv("ASAN_OPTIONS");
  setenv("ASAN_OPTIONS", absl::StrCat(options == nullptr ? "" : options, ":quarantine_size_mb=1").c_str(), 1);
  StartQueue();
  StartInbound();
  std::string body = "Subject: large\r\n\r\n";
  while (body.size() < 20'000'000)
    body += "0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
  SmtpDialogue client = Hello();
  // The first one makes the allocator's pools.
  ASSERT_THAT(client.SendMail("a@client.test", {"b@example.org"}, body), StartsWith("250 "));
  const double before = Metric("process_resident_memory_bytes");
  ASSERT_THAT(client.SendMail("a@client.test", {"b@example.org"}, body), StartsWith("250 "));
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  EXPECT_TRUE(mails[0].has_body_reference());
  EXPECT_TRUE(WithoutReceived(Content(mails[0])) == body);
  EXPECT_LT(Metric("process_resident_memory_bytes") - before, 15e6) << "20 MB were not held";
}

TEST_F(InboundAccept, InputInOddPiecesIsTheSameMessage) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Connect();
  EXPECT_THAT(client.Reply(), StartsWith("220 "));
  const std::string session =
      "EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nA: "
      "b\r\n\r\nx\r\n..\r\n.\r\n"
      "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\nBDAT 7\r\nA: b\r\n\rBDAT 4 "
      "LAST\r\n\nx\r\nQUIT\r\n";
  for (const char c : session) client.Send(std::string(1, c));
  const char* const kReplies[] = {"250", "250", "250", "354", "250", "250", "250", "250", "250", "221"};
  for (const char* reply : kReplies) EXPECT_THAT(client.Reply(), StartsWith(reply));
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  EXPECT_EQ(WithoutReceived(Content(mails[0])), "A: b\r\n\r\nx\r\n.\r\n");
  EXPECT_EQ(WithoutReceived(Content(mails[1])), "A: b\r\n\r\nx\r\n");
}

TEST_F(InboundAccept, APipelinedGroupIsAnsweredInOneSegment) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  client.Send("MAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_THAT(client.Reply(), StartsWith("354 "));
}

TEST_F(InboundAccept, StrangersMayOnlySendToRelayDomains) {
  StartQueue();
  StartInbound("relay: {domains: [\"example.org\", \"*.example.net\"]}\n");
  SmtpDialogue client = Hello();
  EXPECT_THAT(client.Ask("MAIL FROM:<a@client.test>"), StartsWith("250 "));
  EXPECT_THAT(client.Ask("RCPT TO:<b@elsewhere.test>"), StartsWith("550 5.7.1 "));
  EXPECT_THAT(client.Ask("RCPT TO:<b@EXAMPLE.org>"), StartsWith("250 "));
  EXPECT_THAT(client.Ask("RCPT TO:<b@mail.example.net>"), StartsWith("250 "));
  EXPECT_EQ(Metric("goniec_inbound_refusals_total{reply=\"550 5.7.1\"}"), 1);
  EXPECT_TRUE(inbound_->WaitForOutput("\"event\":\"refused\""));
}

TEST_F(InboundAccept, ConcurrentSendersShareRecords) {
  StartQueue();
  StartInbound();
  constexpr int kClients = 100;
  std::vector<SmtpDialogue> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(Hello());
    clients[i].Ask("MAIL FROM:<a@client.test>");
    clients[i].Ask("RCPT TO:<b" + std::to_string(i) + "@example.org>");
    clients[i].Ask("DATA");
  }
  for (auto& client : clients) client.Send("A: b\r\n\r\nbody\r\n.\r\n");
  std::vector<std::string> ids;
  for (auto& client : clients) {
    const std::string reply = client.Reply();
    EXPECT_THAT(reply, StartsWith("250 "));
    ids.push_back(IdIn(reply));
  }
  std::vector<std::string> stored;
  const auto records = Records();
  for (const auto& record : records) {
    for (const auto& mail : record.mails()) stored.push_back(mail.message_id());
  }
  EXPECT_THAT(stored, testing::UnorderedElementsAreArray(ids));
  EXPECT_LT(records.size(), kClients / 2U);
}

}  // namespace
}  // namespace goniec::inbound
