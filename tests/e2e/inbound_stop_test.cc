// How goniec-inbound starts, fails to start, limits and stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/e2e/inbound_fixture.h"

namespace goniec::inbound {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kBody = "Subject: x\r\n\r\nbody\r\n";
const std::string kTrusted = "relay: {trusted_networks: [\"127.0.0.1/32\"]}\n";

using InboundStop = InboundTest;

TEST_F(InboundStop, EndsIdleSessionsWith421AndFinishesTransactions) {
  StartQueue();
  StartInbound();
  SmtpDialogue idle = Hello();
  SmtpDialogue busy = Hello();
  busy.Ask("MAIL FROM:<a@client.test>");
  busy.Ask("RCPT TO:<b@example.org>");
  busy.Ask("DATA");
  inbound_->Signal(SIGTERM);
  EXPECT_THAT(idle.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(idle.WaitForClose());
  EXPECT_TRUE(test::WaitUntil([&] { return !test::CanConnect(smtp_port_); })) << "nothing new is accepted";
  EXPECT_THAT(HttpGet(http_port_, "/readyz"), HasSubstr("shutting down"));
  busy.Send(kBody + ".\r\n");
  EXPECT_THAT(busy.Reply(), StartsWith("250 "));
  EXPECT_THAT(busy.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(busy.WaitForClose());
  EXPECT_EQ(inbound_->Wait(), 0);
  EXPECT_EQ(Mails().size(), 1U);
}

TEST_F(InboundStop, CutsWhatIsStillOpenAtTheLimit) {
  StartQueue();
  StartInbound(kTrusted + "drain_limit: 1s\n");
  SmtpDialogue slow = Hello();
  slow.Ask("MAIL FROM:<a@client.test>");
  slow.Ask("RCPT TO:<b@example.org>");
  slow.Ask("DATA");
  slow.Send("half of a mess");
  inbound_->Signal(SIGTERM);
  EXPECT_THAT(slow.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_EQ(inbound_->Wait(), 0);
  EXPECT_TRUE(Mails().empty());
}

TEST_F(InboundStop, WithTheBrokerAwayItStillEnds) {
  StartQueue();
  StartInbound();
  nats_->Kill();
  EXPECT_EQ(inbound_->Terminate(), 0);
}

TEST_F(InboundStop, SilentClientsAreToldAndClosed) {
  StartQueue();
  StartInbound(kTrusted + "smtp:\n  listen: [\"127.0.0.1:" + std::to_string(smtp_port_) +
               "\"]\n  command_timeout: 1s\n  data_timeout: 1s\n  min_rate: 0B\n");
  SmtpDialogue silent = Connect();
  EXPECT_THAT(silent.Reply(), StartsWith("220 "));
  EXPECT_THAT(silent.Reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(silent.WaitForClose());
  SmtpDialogue amid = Hello();
  amid.Ask("MAIL FROM:<a@client.test>");
  amid.Ask("RCPT TO:<b@example.org>");
  amid.Ask("DATA");
  amid.Send("half of a mess");
  EXPECT_THAT(amid.Reply(), StartsWith("421 4.4.2 "));
  EXPECT_EQ(Metric("goniec_inbound_time_closed_total{limit=\"command_timeout\"}"), 1);
  EXPECT_EQ(Metric("goniec_inbound_time_closed_total{limit=\"data_timeout\"}"), 1);
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
}

TEST_F(InboundStop, ConnectionsBeyondTheLimitGet421) {
  StartQueue();
  StartInbound(kTrusted + "smtp:\n  listen: [\"127.0.0.1:" + std::to_string(smtp_port_) +
               "\"]\n  max_connections_per_client: 2\n");
  // The probe of the start may still be counted.
  ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 0; }));
  SmtpDialogue first = Hello();
  const SmtpDialogue second = Hello();
  SmtpDialogue third = Connect();
  EXPECT_THAT(third.Reply(), StartsWith("421 4.7.0 "));
  EXPECT_TRUE(third.WaitForClose());
  EXPECT_EQ(Metric("goniec_inbound_connections_refused_total{limit=\"client\"}"), 1);
  first.Ask("QUIT");
  EXPECT_TRUE(first.WaitForClose());
  ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_sessions") == 1; }));
  EXPECT_THAT(Hello().Ask("NOOP"), StartsWith("250 "));
}

TEST_F(InboundStop, AVanishedClientLeavesNothing) {
  StartQueue();
  StartInbound();
  for (const char* last : {"", "EHLO c\r\n", "EHLO c\r\nMAIL FROM:<a@b.test>\r\n",
                           "EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nhalf"}) {
    SmtpDialogue client = Connect();
    client.Send(last);
    client.Close();
  }
  EXPECT_TRUE(test::WaitUntil([&] {
    return Metric("goniec_inbound_connections_total") >= 4 && Metric("goniec_inbound_sessions") == 0;
  }));
  EXPECT_TRUE(Mails().empty());
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
}

// One line each, that names what is wrong; the exit code is not 0.
TEST_F(InboundStop, ABadStartIsOneLine) {
  const std::string bad = folder_.Write("bad.yaml", "smtp:\n  max_message_size: 25 parsecs\n  lisen: []\n");
  const std::string open = folder_.Write("open.yaml", "relay:\n  trusted_networks: [\"0.0.0.0/0\"]\n");
  const std::string no_key =
      folder_.Write("tls.yaml", "tls: {cert_file: /nonexistent.pem, key_file: /nonexistent.key}\n");
  const struct {
    const char* name;
    std::vector<std::string> arguments;
    std::string line;
    size_t lines;
  } kCases[] = {
      {"no arguments", {}, "goniec-inbound: say where the configuration is: --config FILE", 1},
      {"wrong flag", {"--cofnig", "x"}, "goniec-inbound: unknown argument '--cofnig'; try --help", 1},
      {"no file",
       {"--config", "/nonexistent.yaml"},
       "/nonexistent.yaml: cannot be read: No such file or directory",
       1},
      {"bad values",
       {"--check-config", "--config", bad},
       bad + ":2: smtp.max_message_size: \"25 parsecs\" is not a size; use for example 25MiB",
       2},
      {"unknown key",
       {"--config", bad},
       bad + ":3: smtp.lisen: there is no such setting; did you mean listen?",
       2},
      {"open relay", {"--config", open}, open + ":2: relay.trusted_networks[0]: ", 1},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> argv = {Binary()};
    argv.insert(argv.end(), c.arguments.begin(), c.arguments.end());
    const auto finished = test::RunProcess(argv);
    ASSERT_TRUE(finished.ok()) << c.name;
    EXPECT_NE(finished->status, 0) << c.name;
    EXPECT_THAT(finished->output, HasSubstr(c.line)) << c.name;
    EXPECT_EQ(static_cast<size_t>(std::count(finished->output.begin(), finished->output.end(), '\n')),
              c.lines)
        << c.name << ": " << finished->output;
  }
  const auto tls = test::RunProcess({Binary(), "--config", no_key});
  EXPECT_NE(tls->status, 0);
  EXPECT_THAT(tls->output, HasSubstr("/nonexistent.pem: cannot be read"));
}

// Bound is not enough: somebody else may have begun to listen there meanwhile.
TEST_F(InboundStop, APortThatCannotListenStopsTheStart) {
  const std::string config = folder_.Write("inbound.yaml", Configuration(""));
  const std::string port = std::to_string(smtp_port_);
  const auto start =
      test::RunProcess({Binary(), "--config", config},
                       {.environment = {{"LD_PRELOAD", GONIEC_NO_LISTEN}, {"GONIEC_NO_LISTEN_PORT", port}}});
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(start->status, 1);
  EXPECT_THAT(start->output, HasSubstr("smtp.listen: cannot listen on 127.0.0.1:" + port +
                                       ": Address already in use; stop what uses it"));
}

TEST_F(InboundStop, APortInUseIsOneLine) {
  StartQueue();
  StartInbound();
  const uint16_t other_http = test::FreePort();
  const std::string same_smtp = folder_.Write(
      "smtp.yaml", "hostname: mx.example.test\nhttp: {listen: \"127.0.0.1:" + std::to_string(other_http) +
                       "\"}\nsmtp: {listen: [\"127.0.0.1:" + std::to_string(smtp_port_) + "\"]}\n");
  const auto smtp = test::RunProcess({Binary(), "--config", same_smtp});
  ASSERT_TRUE(smtp.ok()) << smtp.status();
  EXPECT_EQ(smtp->status, 1);
  EXPECT_THAT(smtp->output,
              HasSubstr("smtp.listen: cannot listen on 127.0.0.1:" + std::to_string(smtp_port_) +
                        ": Address already in use; stop what uses it or choose another port"));
  const std::string same_http = folder_.Write("http.yaml", Configuration(""));
  const auto http = test::RunProcess({Binary(), "--config", same_http});
  ASSERT_TRUE(http.ok()) << http.status();
  EXPECT_EQ(http->status, 1);
  EXPECT_THAT(http->output,
              HasSubstr("http.listen: cannot serve HTTP on 127.0.0.1:" + std::to_string(http_port_)));
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "))
      << "the first lives on";
}

TEST_F(InboundStop, AFloorThatIsNotMetMeansUnready) {
  test::NatsServerOptions lazy;
  lazy.fsync = false;
  StartQueue(lazy);
  StartInbound(kTrusted, /*ready=*/false);
  EXPECT_TRUE(test::WaitUntil([&] {
    return HttpGet(http_port_, "/readyz").find("\"condition\":\"durability\"") != std::string::npos &&
           HttpGet(http_port_, "/readyz").find("\"condition\":\"streams\"") == std::string::npos;
  }));
  EXPECT_FALSE(Ready());
}

TEST_F(InboundStop, AddressesAreShownAsConfigured) {
  StartQueue();
  StartInbound("relay: {domains: [example.org]}\nlog: {addresses: domain}\n");
  SmtpDialogue client = Hello();
  ASSERT_THAT(client.SendMail("secret-name@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
  client.Ask("MAIL FROM:<secret-name@client.test>");
  client.Ask("RCPT TO:<secret-name@elsewhere.test>");
  client.Ask("VRFY secret-name");
  client.Ask("secret-name is not a verb");
  EXPECT_EQ(client.Ask("QUIT"), "221 2.0.0 Bye\r\n");
  EXPECT_TRUE(inbound_->WaitForOutput("\"verb\":\"RCPT\""));
  EXPECT_EQ(inbound_->Terminate(), 0);
  EXPECT_THAT(inbound_->output(), AllOf(HasSubstr("*@client.test"), HasSubstr("*@elsewhere.test"),
                                        Not(HasSubstr("secret-name"))));
}

}  // namespace
}  // namespace goniec::inbound
