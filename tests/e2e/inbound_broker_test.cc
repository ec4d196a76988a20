// inbound and a broker that goes away, freezes or is full: 250 only for what is stored, and no restart
// needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <string>

#include "common/base/run_to_end.h"
#include "common/queue/broker/jetstream.h"
#include "tests/e2e/inbound_fixture.h"

namespace goniec::inbound {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kBody = "Subject: x\r\n\r\nbody\r\n";
const std::string kTrusted = "relay: {trusted_networks: [\"127.0.0.1/32\"]}\n";

using InboundBroker = InboundTest;

TEST_F(InboundBroker, DownMeans451AndUpMeans250OnTheSameConnection) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  ASSERT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
  nats_->Kill();
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("451 4."));
  client.Ask("RSET");
  EXPECT_TRUE(test::WaitUntil([&] { return !Ready(); }));
  EXPECT_THAT(HttpGet(http_port_, "/readyz"), HasSubstr("\"condition\":\"broker\""));
  ASSERT_TRUE(nats_->StartAgain().ok());
  EXPECT_TRUE(test::WaitUntil([&] {
    client.Ask("RSET");
    return client.SendMail("a@client.test", {"c@example.org"}, kBody).starts_with("250 ");
  }));
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << HttpGet(http_port_, "/readyz");
  EXPECT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  EXPECT_EQ(Mails().size(), 2U);
}

TEST_F(InboundBroker, AwayAtStartMeansUnreadyAnd451UntilItComes) {
  StartQueue();
  nats_->Kill();
  StartInbound(kTrusted, /*ready=*/false);
  EXPECT_FALSE(Ready());
  SmtpDialogue client = Hello();
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("451 4."));
  ASSERT_TRUE(nats_->StartAgain().ok());
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << HttpGet(http_port_, "/readyz");
  client.Ask("RSET");
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
}

TEST_F(InboundBroker, NotProvisionedMeansUnreadyAnd451) {
  auto server = test::NatsServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  nats_ = *std::move(server);
  StartInbound(kTrusted, /*ready=*/false);
  EXPECT_TRUE(test::WaitUntil([&] {
    return HttpGet(http_port_, "/readyz").find("goniec provision") != std::string::npos;
  })) << HttpGet(http_port_, "/readyz");
  SmtpDialogue client = Hello();
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("451 4."));
}

TEST_F(InboundBroker, NoReplyBeforeTheAcknowledgement) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  client.Ask("MAIL FROM:<a@client.test>");
  client.Ask("RCPT TO:<b@example.org>");
  client.Ask("DATA");
  nats_->Freeze();
  client.Send(kBody + ".\r\n");
  // Whatever came in this time would be a yes that nothing stands behind.
  pollfd ready{client.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, 300), 0);
  nats_->Thaw();
  EXPECT_THAT(client.Reply(), StartsWith("250 "));
  EXPECT_EQ(Mails().size(), 1U) << "one record, though it may have been sent twice";
}

TEST_F(InboundBroker, WithoutAnAnswerTheSenderIsToldToTryAgain) {
  StartQueue();
  StartInbound(kTrusted + "queue:\n  servers: [\"" + nats_->url() + "\"]\n  monitor_urls: [\"" +
               nats_->monitor_url() +
               "\"]\n  capacity: 512MiB\n  commit_limit: 1s\n  commit_repeat: 200ms\n");
  SmtpDialogue client = Hello();
  client.Ask("MAIL FROM:<a@client.test>");
  client.Ask("RCPT TO:<b@example.org>");
  client.Ask("DATA");
  nats_->Freeze();
  client.Send(kBody + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("451 4."));
  EXPECT_EQ(client.Ask("NOOP"), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(Metric("goniec_commit_unknown_total"), 1);
  nats_->Thaw();
}

TEST_F(InboundBroker, AFullQueueMeans451AndTheConnectionGoesOn) {
  queue_.capacity_bytes = 4 << 20;
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  const std::string large = "Subject: x\r\n\r\n" + std::string(200'000, 'x') + "\r\n";
  std::string reply;
  for (int i = 0; i < 60; ++i) {
    reply = client.SendMail("a@client.test", {"b@example.org"}, large);
    if (!reply.starts_with("250")) break;
  }
  EXPECT_THAT(reply, StartsWith("451 4.3.1 "));
  EXPECT_EQ(client.Ask("NOOP"), "250 2.0.0 Ok\r\n");
  // Deliveries make room; here somebody empties the stream.
  const uint64_t full = StoredIn("READY_0");
  ASSERT_TRUE(RunToEnd(queue::CallApi(*broker_, "STREAM.PURGE.READY_0", "")).ok());
  EXPECT_TRUE(test::WaitUntil([&] {
    return client.SendMail("a@client.test", {"b@example.org"}, large).starts_with("250 ");
  })) << "there is room again, for the same connection of the same process";
  EXPECT_GT(full, 1U);
}

TEST_F(InboundBroker, TheReplyNamesWhatIsFull) {
  StartQueue();
  StartInbound(kTrusted + "queue:\n  servers: [\"" + nats_->url() + "\"]\n  monitor_urls: [\"" +
               nats_->monitor_url() +
               "\"]\n  capacity: 512MiB\n  event_budget: 1MiB\n  waiting_memory: 1MiB\n");
  SmtpDialogue client = Hello();
  const auto reply = [&] { return client.SendMail("a@client.test", {"b@example.org"}, kBody); };
  const auto fill = [&](const std::string& subject, int count, std::size_t size) {
    for (int i = 0; i < count; ++i) {
      const auto stored = RunToEnd(queue::PublishAcknowledged(
          *broker_, {subject + std::to_string(i), std::make_shared<const std::string>(size, 'x'), {}},
          std::chrono::seconds(10)));
      ASSERT_EQ(stored.state, queue::PublishState::kStored) << stored.status;
    }
  };
  ASSERT_THAT(reply(), StartsWith("250 "));
  fill("event.0.default.", 11, 100'000);
  EXPECT_TRUE(test::WaitUntil([&] {
    return reply() == "451 4.3.1 The store of events is full, try again later\r\n";
  })) << reply();
  EXPECT_THAT(HttpGet(http_port_, "/readyz"), StartsWith("HTTP/1.1 200"))
      << "it answers, so it stays in service";
  ASSERT_TRUE(RunToEnd(queue::CallApi(*broker_, "STREAM.PURGE.EVENTS_0", "")).ok());
  EXPECT_TRUE(test::WaitUntil([&] { return reply().starts_with("250 "); }));
  fill("wait.0.transactional.default.", 11, 100'000);
  EXPECT_TRUE(test::WaitUntil([&] {
    return reply() == "451 4.3.1 Too much mail waits for its next attempt, try again later\r\n";
  })) << reply();
  EXPECT_EQ(Metric("goniec_store_full{room=\"waiting\"}"), 1);
}

TEST_F(InboundBroker, ALargeBodyThatLosesTheBrokerIs451AndLeavesNoTransaction) {
  StartQueue();
  StartInbound();
  SmtpDialogue client = Hello();
  client.Ask("MAIL FROM:<a@client.test>");
  client.Ask("RCPT TO:<b@example.org>");
  client.Ask("DATA");
  std::string part;
  while (part.size() < 2'000'000) part += std::string(70, 'x') + "\r\n";
  client.Send(part);
  ASSERT_TRUE(test::WaitUntil([&] { return StoredIn("BODIES") > 0; }));
  nats_->Kill();
  client.Send(part + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("451 4."));
  EXPECT_EQ(Metric("goniec_inbound_memory_bytes{part=\"bodies\"}"), 0);
  ASSERT_TRUE(nats_->StartAgain().ok());
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); }));
  EXPECT_THAT(client.SendMail("a@client.test", {"b@example.org"}, kBody), StartsWith("250 "));
  EXPECT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  EXPECT_EQ(Mails().size(), 1U);
}

}  // namespace
}  // namespace goniec::inbound
