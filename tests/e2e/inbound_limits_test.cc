// What one client, or one client address, can take from goniec-inbound and from everybody else: log, memory,
// connections and time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/e2e/inbound_fixture.h"

namespace goniec::inbound {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kBody = "Subject: x\r\n\r\nbody\r\n";
const std::string kOpenTo = "relay: {domains: [example.org]}\n";

size_t Count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

class InboundLimits : public InboundTest {
 protected:
  // `smtp` is settings of that section: "a: 1, b: 2".
  void StartWith(const std::string& smtp, const std::string& more = kOpenTo) {
    StartQueue();
    StartInbound(more + "smtp: {listen: [\"127.0.0.1:" + std::to_string(smtp_port_) + "\"], " + smtp + "}\n");
    // The probes of the start are over.
    ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  }
  double Memory(const std::string& part) const {
    return Metric("goniec_inbound_memory_bytes{part=\"" + part + "\"}");
  }
  // Up to and with DATA.
  static void ToData(SmtpDialogue& client) {
    client.Ask("MAIL FROM:<a@client.test>");
    client.Ask("RCPT TO:<b@example.org>");
    EXPECT_THAT(client.Ask("DATA"), StartsWith("354 "));
  }
  // An octet now and then, until there is an answer.
  static std::string Trickle(SmtpDialogue& client) {
    for (int i = 0; i < 400 && !client.HasReply(milliseconds(50)); ++i) client.Send("x");
    return client.Reply();
  }
};

TEST_F(InboundLimits, WhoTalksBeforeTheGreetingGets554) {
  StartWith("greeting_delay: 2s");
  for (const char* first : {"EHLO client.test\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n"}) {
    SmtpDialogue client = Connect();
    client.Send(first);
    EXPECT_EQ(client.Reply(), "554 5.5.1 Wait for the greeting\r\n") << first;
    EXPECT_TRUE(client.WaitForClose());
  }
  EXPECT_EQ(Metric("goniec_inbound_refusals_total{reply=\"554 5.5.1\"}"), 3);
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
}

TEST_F(InboundLimits, AFloodOfRefusalsEndsTheSessionAndIsAFewLines) {
  StartWith("max_refusals: 1000");
  SmtpDialogue client = Hello();
  client.Ask("MAIL FROM:<a@client.test>");
  std::string flood;
  for (int i = 0; i < 20'000; ++i) flood += "RCPT TO:<a@b.c>\r\n";
  client.Send(flood);
  std::string last;
  for (std::string reply = client.Reply(); !reply.empty(); reply = client.Reply()) last = reply;
  EXPECT_THAT(last, StartsWith("421 4.7.0 Too many refusals"));
  ASSERT_TRUE(inbound_->WaitForOutput("refused more often"));
  EXPECT_EQ(Metric("goniec_inbound_refusals_total{reply=\"550 5.7.1\"}"), 1'000) << "each is counted";
  EXPECT_LT(Count(inbound_->output(), "\"event\":\"refused\""), 100U) << "few are shown";
}

TEST_F(InboundLimits, RefusedConnectionsAreAFewLines) {
  StartWith("max_connections_per_client: 1, max_bad_sessions: 0", kOpenTo + "log: {limited_lines: 2}\n");
  const SmtpDialogue first = Hello();
  for (int i = 0; i < 300; ++i) EXPECT_THAT(Connect().Reply(), StartsWith("421 4.7.0 "));
  EXPECT_GE(Metric("goniec_inbound_connections_refused_total{limit=\"client\"}"), 300) << "each is counted";
  ASSERT_TRUE(inbound_->WaitForOutput("log lines left out"));
  EXPECT_LT(Count(inbound_->output(), "\"event\":\"connection refused\""), 200U);
}

TEST_F(InboundLimits, AnAddressOfBadSessionsIsTurnedAwayForAWhile) {
  StartWith("max_bad_sessions: 3, greeting_delay: 2s");
  for (int i = 0; i < 3; ++i) {
    SmtpDialogue client = Connect();
    client.Send("EHLO client.test\r\n");
    EXPECT_THAT(client.Reply(), StartsWith("554 5.5.1"));
    EXPECT_TRUE(client.WaitForClose());
  }
  ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  SmtpDialogue again = Connect();
  EXPECT_THAT(again.Reply(), StartsWith("421 4.7.0 Too many bad sessions"));
  EXPECT_TRUE(again.WaitForClose());
  EXPECT_EQ(Metric("goniec_inbound_connections_refused_total{limit=\"bad_sessions\"}"), 1);
  EXPECT_THAT(Hello("127.0.0.2").SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "))
      << "nobody else is meant";
}

TEST_F(InboundLimits, EnvelopesOfOneAddressLeaveRoomForOthers) {
  StartWith("max_memory: 16MiB");
  std::string recipients;
  for (int i = 0; i < 1'000; ++i) recipients += "RCPT TO:<" + std::to_string(i) + "@example.org>\r\n";
  std::vector<SmtpDialogue> clients;
  bool full = false;
  for (int i = 0; i < 60 && !full; ++i) {
    clients.push_back(Hello());
    clients.back().Ask("MAIL FROM:<a@client.test>");
    clients.back().Send(recipients);
    for (int n = 0; n < 1'000; ++n) full |= clients.back().Reply().starts_with("452 4.3.1 Too little memory");
  }
  EXPECT_TRUE(full);
  EXPECT_GT(Memory("envelopes"), 3 << 20);
  EXPECT_LE(Memory("envelopes"), 16 << 20);
  const std::string usual = "Subject: x\r\n\r\n" + std::string(20'000, 'x') + "\r\n";
  EXPECT_THAT(Hello("127.0.0.2").SendMail("a@client.test", {"b@example.org"}, usual), StartsWith("250 "));
  clients.clear();
  EXPECT_TRUE(test::WaitUntil([&] { return Memory("envelopes") == 0; }));
}

TEST_F(InboundLimits, BodiesGoToTheStoreWhenMemoryIsScarceAndNobodyIsTurnedAway) {
  StartWith("max_memory: 16MiB");
  std::string half = "Subject: x\r\n\r\n";
  while (half.size() < 250'000) half += std::string(70, 'x') + "\r\n";
  std::vector<SmtpDialogue> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Hello());
    ToData(clients.back());
    clients.back().Send(half);
  }
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_bodies_spilled_total") > 0; }));
  EXPECT_LE(Memory("bodies"), 16 << 20);
  EXPECT_THAT(Hello("127.0.0.2").SendMail("a@client.test", {"b@example.org"}, half), StartsWith("250 "));
  for (auto& client : clients) client.Send(half + ".\r\n");
  for (auto& client : clients) EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_EQ(Memory("bodies"), 0);
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 41U);
  for (const auto& mail : mails) EXPECT_THAT(Content(mail), testing::EndsWith(half));
}

// Five bodies that do not end are all that one address may have in the store; nobody else is meant.
TEST_F(InboundLimits, UnfinishedBodiesOfOneAddressLeaveRoomForOthers) {
  queue_.capacity_bytes = 64ULL << 20;
  StartWith("max_message_size: 1MiB");
  std::string most = "Subject: x\r\n\r\n";
  while (most.size() < 800'000) most += std::string(70, 'x') + "\r\n";
  std::vector<SmtpDialogue> clients;
  for (double i = 1; i <= 5; ++i) {
    clients.push_back(Hello());
    ToData(clients.back());
    clients.back().Send(most);
    ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_unfinished_bytes") > i * 700'000; }));
  }
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, most),
              StartsWith("452 4.3.1 Too many large messages"));
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "))
      << "a small one takes no chunk";
  EXPECT_THAT(Hello("127.0.0.2").SendMail("a@client.test", {"b@example.org"}, most), StartsWith("250 "));
  for (auto& client : clients) client.Send(".\r\n");
  for (auto& client : clients) EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_unfinished_bytes") == 0; }));
}

TEST_F(InboundLimits, AMessageThatTricklesIsCut) {
  StartWith("data_timeout: 1s, min_rate: 1KiB");
  SmtpDialogue client = Hello();
  ToData(client);
  EXPECT_THAT(Trickle(client), StartsWith("421 4.4.2 The message comes too slowly"));
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(Metric("goniec_inbound_time_closed_total{limit=\"min_rate\"}"), 1);
}

TEST_F(InboundLimits, ARefusedMessageHasTheTimeOfAnyOther) {
  StartWith("data_timeout: 1s, min_rate: 1KiB");
  SmtpDialogue early = Connect();
  early.Reply();
  early.Send("BDAT 1000000\r\n");
  EXPECT_THAT(Trickle(early), StartsWith("421 4.4.2 The message comes too slowly"));
  SmtpDialogue refused = Hello();
  ToData(refused);
  refused.Send("a bare\nLF");
  EXPECT_THAT(Trickle(refused), StartsWith("421 4.4.2 The message comes too slowly"));
  EXPECT_EQ(Metric("goniec_inbound_time_closed_total{limit=\"min_rate\"}"), 2);
}

TEST_F(InboundLimits, NoSessionLastsForEver) {
  StartWith("session_timeout: 2s, max_idle_commands: 1000000");
  SmtpDialogue client = Hello();
  std::string reply;
  for (int i = 0; i < 1'000'000 && !reply.starts_with("421"); ++i) reply = client.Ask("NOOP");
  EXPECT_THAT(reply, StartsWith("421 4.4.2 This session has lasted too long"));
  EXPECT_TRUE(client.WaitForClose());
  SmtpDialogue amid = Hello();
  ToData(amid);
  EXPECT_FALSE(amid.HasReply(milliseconds(2'200))) << "a message that is coming in is not cut";
  amid.Send(kBody + ".\r\n");
  EXPECT_THAT(amid.Reply(), StartsWith("250 "));
  EXPECT_THAT(amid.Reply(), StartsWith("421 4.4.2 "));
}

TEST_F(InboundLimits, PostmasterOfAStrangerGoesWhereMailIsRelayed) {
  StartWith("");
  for (const char* to : {"Postmaster", "postmaster", "POSTMASTER@example.org"})
    EXPECT_THAT(Hello().SendMail("a@client.test", {to}, kBody), StartsWith("250 ")) << to;
  std::vector<std::string> recipients;
  for (const auto& mail : Mails()) recipients.push_back(mail.recipients(0).address());
  EXPECT_THAT(recipients, testing::UnorderedElementsAre("Postmaster@example.org", "postmaster@example.org",
                                                        "POSTMASTER@example.org"));
}

TEST_F(InboundLimits, WithoutARelayDomainTheStartSaysWhereMailForPostmasterGoes) {
  StartWith("", "");
  EXPECT_TRUE(inbound_->WaitForOutput("set smtp.postmaster_domain"));
  EXPECT_THAT(Hello().SendMail("a@client.test", {"Postmaster"}, kBody), StartsWith("250 "));
  EXPECT_EQ(Mails().at(0).recipients(0).address(), "Postmaster@mx.example.test");
}

// Our Received field ends where it ends.
TEST_F(InboundLimits, TheFirstLineOfAMessageDoesNotTouchOurReceivedField) {
  StartWith("");
  SmtpDialogue client = Hello();
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, "\tfor <evil@example.org>\r\n\r\nx\r\n"),
              StartsWith("554 5.6.0 "));
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, "From a@b Thu Jan  1\r\n" + kBody),
              StartsWith("250 "));
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, "Dear all,\r\n"), StartsWith("250 "));
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  EXPECT_THAT(Content(mails[0]), HasSubstr(" +0000\r\nSubject: x\r\n"));
  EXPECT_THAT(Content(mails[1]), HasSubstr(" +0000\r\n\r\nDear all,\r\n"));
}

TEST_F(InboundLimits, ConnectionsArePromisedOnlyAsFarAsThereAreFiles) {
  const std::string config = folder_.Write("inbound.yaml", Configuration(""));
  auto process =
      test::Process::Start({"sh", "-c", "ulimit -n 300 && exec \"$0\" \"$@\"", Binary(), "--config", config});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(process->WaitForOutput(
      R"("setting":"smtp.max_connections","wanted":5000,"now":150,"open_files_limit":300,)"))
      << process->output();
  EXPECT_EQ(process->Terminate(), 0);
}

}  // namespace
}  // namespace goniec::inbound
