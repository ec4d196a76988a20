// Connections of a site: reuse, limits, pipelining across mails, sites that are down.
#include <set>
#include <stdexcept>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";

std::set<std::string> ConnectionsOf(const SinkProcess& sink) {
  std::set<std::string> connections;
  for (const LogEntry& entry : sink.Log()) connections.insert(entry.at("connection"));
  return connections;
}

// Every mail with a subject of its own; each must arrive exactly once.
class NumberedMails {
 public:
  std::shared_ptr<queue::v1::Mail> Next() {
    auto mail = Delivery::MakeMail();
    mail->set_head("Subject: mail " + std::to_string(count_++) + "\r\n\r\n");
    mail->set_size_bytes(mail->head().size() + mail->inline_body().size());
    return mail;
  }
  std::map<std::string, int> Arrived(const SinkProcess& sink) const {
    std::map<std::string, int> arrived;
    for (const LogEntry& entry : sink.Log()) {
      if (entry.at("accepted") == "true") ++arrived[sink.Content(entry)];
    }
    return arrived;
  }

 private:
  int count_ = 0;
};

TEST(PoolTest, OneConnectionServesMailsOneAfterTheOther) {
  SinkProcess sink;
  Delivery delivery;
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
                ElementsAre(kDelivered));
  }
  EXPECT_THAT(ConnectionsOf(sink), SizeIs(1));
}

TEST(PoolTest, ManyMailsArriveOnceEachOverFewConnections) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.connections_per_site = 4;
  Delivery delivery(config);
  NumberedMails mails;
  for (int i = 0; i < 500; ++i) delivery.Send(mails.Next(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(::testing::Pair(::testing::_, ElementsAre(kDelivered))));
  EXPECT_THAT(mails.Arrived(sink), SizeIs(500));
  EXPECT_LE(ConnectionsOf(sink).size(), 4u);
}

TEST(PoolTest, SitesShareNoConnections) {
  SinkProcess one;
  SinkProcess two;
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({one.port()})), ElementsAre(kDelivered));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({two.port()})), ElementsAre(kDelivered));
  EXPECT_THAT(one.Log(), SizeIs(1));
  EXPECT_THAT(two.Log(), SizeIs(1));
}

TEST(PoolTest, ConnectionIsClosedAfterItsMessages) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.messages_per_connection = 3;
  config.connections_per_site = 1;
  Delivery delivery(config);
  for (int i = 0; i < 7; ++i) delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntilDone();
  EXPECT_THAT(ConnectionsOf(sink), SizeIs(3));
}

TEST(PoolTest, IdleConnectionIsClosed) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.idle_timeout = milliseconds(20);
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kDelivered));
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kDelivered));
  EXPECT_THAT(ConnectionsOf(sink), SizeIs(2));
}

TEST(PoolTest, IdleConnectionMakesRoomForAnotherSite) {
  SinkProcess one;
  SinkProcess two;
  DeliverConfig config = FastConfig();
  config.connections = 1;
  config.idle_timeout = milliseconds(60'000);
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({one.port()})), ElementsAre(kDelivered));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({two.port()})), ElementsAre(kDelivered));
  EXPECT_EQ(delivery.dispatcher->connections(), 1u);
}

// Servers that close connections at all the times at which a mail may be caught behind another's end of data.
struct ClosingCase {
  std::string name;
  std::string rule;
};

class ClosingServerTest : public ::testing::TestWithParam<ClosingCase> {};

TEST_P(ClosingServerTest, NoMailIsLostTwiceOrBlamed) {
  SinkProcess sink("rules:\n  - {" + GetParam().rule + "}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 2;
  Delivery delivery(config);
  NumberedMails mails;
  for (int i = 0; i < 200; ++i) delivery.Send(mails.Next(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(::testing::Pair(::testing::_, ElementsAre(kDelivered))));
  const auto arrived = mails.Arrived(sink);
  EXPECT_THAT(arrived, SizeIs(200));
  EXPECT_THAT(arrived, Each(::testing::Pair(::testing::_, 1)));
}

INSTANTIATE_TEST_SUITE_P(
    All, ClosingServerTest,
    ::testing::Values(
        ClosingCase{"AfterItsReplyToTheDot", "on: dot, every: 7, reply: '250 enough', then: close"},
        ClosingCase{"GoodbyeAfterItsReply", "on: dot, every: 7, reply: \"250 ok\\n421 enough\", then: close"},
        // From the second transaction of a connection on, 421 to MAIL is about the connection.
        ClosingCase{"SilentlyAfterIdling", "on: dot, every: 5, reply: '250 enough', then: reset"}),
    [](const auto& param) { return param.param.name; });

TEST(PoolTest, AGoodbyeInsteadOfAnAnswerMovesTheMailToAnotherConnection) {
  SinkProcess sink("rules:\n  - {on: mail, first: 2, reply: '421 4.3.2 not on this one', then: close}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kDelivered));
  EXPECT_EQ(sink.Log().back().at("connection"), "3");
}

// The server has hung up while nothing was to be done: no MAIL is sent there, and no attempt is counted.
TEST(PoolTest, AnIdleConnectionThatWasClosedIsFoundBeforeItIsUsed) {
  SinkProcess sink("rules:\n  - {on: dot, reply: '250 ok', then: close}\n");
  DeliverConfig config = FastConfig();
  config.idle_timeout = milliseconds(60'000);
  Delivery delivery(config);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
                ElementsAre(kDelivered));
  }
  EXPECT_THAT(ConnectionsOf(sink), SizeIs(3));
}

TEST(PoolTest, OnlyTheMailWithoutReplyIsAmbiguous) {
  SinkProcess sink("rules:\n  - {on: dot, every: 20, then: close}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 2;
  Delivery delivery(config);
  NumberedMails mails;
  for (int i = 0; i < 200; ++i) delivery.Send(mails.Next(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntilDone();
  int ambiguous = 0;
  for (const auto& [number, lines] : delivery.results) {
    ASSERT_THAT(lines, SizeIs(1));
    if (lines[0] != kDelivered) {
      EXPECT_EQ(lines[0], "temporary DOT CONNECTION_LOST [0] AMBIGUOUS");
      ++ambiguous;
    }
  }
  EXPECT_EQ(ambiguous, 10);
  EXPECT_THAT(sink.Log(), SizeIs(200));  // each end of data was seen once
}

TEST(PoolTest, ASiteThatIsDownFailsAllItsMailsAtOnce) {
  Delivery delivery;
  const auto route = Delivery::RouteTo({test::FreePort()});
  for (int i = 0; i < 100; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results,
              Each(::testing::Pair(::testing::_, ElementsAre("temporary CONNECT CONNECTION_FAILED [0]"))));
  // Within the pause it is not tried again.
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route),
              ElementsAre("temporary CONNECT CONNECTION_FAILED [0]"));
  EXPECT_EQ(delivery.dispatcher->connections(), 0u);
  EXPECT_THAT(delivery.metrics.Render(),
              ::testing::HasSubstr("goniec_delivery_connection_failures_total 1\n"));
}

TEST(PoolTest, ASiteThatWasDownIsTriedAgainAfterThePause) {
  const std::uint16_t port = test::FreePort();
  DeliverConfig config = FastConfig();
  config.failed_site_pause = milliseconds(50);
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({port});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route),
              ElementsAre("temporary CONNECT CONNECTION_FAILED [0]"));
  SinkProcess sink("", {}, port);
  std::vector<std::string> last;
  delivery.RunUntil([&] {
    last = delivery.Run(Delivery::MakeMail(), route);
    return last == std::vector<std::string>{kDelivered};
  });
}

TEST(PoolTest, AMailBegunIsToldOnce) {
  SinkProcess sink;
  Delivery delivery;
  std::vector<bool> told;
  delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}),
               [&](Job& job) { job.on_begin = [&](bool begun) { told.push_back(begun); }; });
  EXPECT_THAT(told, ElementsAre(true));
}

// An error in the middle of a connection's life ends the connection, and no mail.
TEST(PoolTest, AMailWhosePutBackFailsGoesOn) {
  SinkProcess sink("rules:\n  - {on: rcpt, first: 1, reply: '503 5.5.0 one by one'}\n");
  Delivery delivery;
  int thrown = 0;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}),
                           [&](Job& job) {
                             job.on_begin = [&](bool begun) {
                               if (!begun && thrown++ == 0) throw std::runtime_error("injected");
                             };
                           }),
              ElementsAre(kDelivered));
  EXPECT_EQ(thrown, 1);
}

TEST(PoolTest, ASiteThatWaitsForAConnectionGetsTheOneThatBecomesIdle) {
  SinkProcess one("rules:\n  - {on: dot, wait: 200ms}\n");
  SinkProcess two;
  DeliverConfig config = FastConfig();
  config.connections = 1;
  config.idle_timeout = milliseconds(60'000);
  Delivery delivery(config);
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({one.port()}));
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({two.port()}));
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(::testing::Pair(::testing::_, ElementsAre(kDelivered))));
}

TEST(PoolTest, ARefusedSecondConnectionLeavesTheFirstItsWork) {
  SinkProcess sink("rules:\n  - {on: connect, after: 1, reply: '421 one is enough', then: close}\n");
  Delivery delivery;
  for (int i = 0; i < 100; ++i) delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(::testing::Pair(::testing::_, ElementsAre(kDelivered))));
  EXPECT_THAT(ConnectionsOf(sink), SizeIs(1));
}

}  // namespace
}  // namespace goniec::outbound::testing
