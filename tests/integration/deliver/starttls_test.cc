// Opportunistic STARTTLS (RFC 3207, RFC 7435) against a real TLS server.
#include "common/net/tls_context.h"
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<net::TlsClientContext> Tls() {
  auto context = net::TlsClientContext::Create({});
  EXPECT_TRUE(context.ok()) << context.status();
  return *context;
}

TEST(StartTlsTest, IsUsedWhenOffered) {
  SinkProcess sink("", {"--tls"});
  Delivery delivery(FastConfig(), Tls());
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  const auto log = sink.Log();
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].at("tls"), "TLSv1.3");
  EXPECT_EQ(log[1].at("connection"), "1");
  const queue::v1::Outcome& outcome = delivery.raw[0].front().outcome;
  EXPECT_EQ(outcome.tls_version(), "TLSv1.3");
  EXPECT_NE(outcome.tls_cipher(), "");
  EXPECT_EQ(outcome.tls_peer(), "");
}

TEST(StartTlsTest, IsNotUsedWhenOff) {
  SinkProcess sink("", {"--tls"});
  DeliverConfig config = FastConfig();
  config.tls = TlsMode::kOff;
  Delivery delivery(config, Tls());
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(sink.Log().at(0).at("tls"), "");
}

struct BrokenCase {
  const char* name;
  const char* action;
};

// Says 220 to STARTTLS, or hangs up at it, and never comes to an agreement.
class BrokenStartTlsTest : public ::testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenStartTlsTest, FallsBackToPlainTextOnce) {
  SinkProcess sink("rules:\n  - {on: starttls, " + std::string(GetParam().action) + "}\n", {"--tls"});
  Delivery delivery(FastConfig(), Tls());
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  const auto log = sink.Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("tls"), "");
  EXPECT_EQ(log[0].at("connection"), "2");
}

INSTANTIATE_TEST_SUITE_P(All, BrokenStartTlsTest,
                         ::testing::Values(BrokenCase{"HangsUp", "then: close"},
                                           BrokenCase{"HangsUpAfterItsReply", "reply: '220 go', then: close"},
                                           BrokenCase{"ResetsAfterItsReply", "reply: '220 go', then: reset"},
                                           BrokenCase{"InjectsAReply", "reply: \"220 go\\n250 injected\""}),
                         [](const auto& param) { return param.param.name; });

TEST(StartTlsTest, IsNotTriedAgainAtOnceWhereItIsBroken) {
  SinkProcess sink("rules:\n  - {on: starttls, then: close}\n", {"--tls"});
  DeliverConfig config = FastConfig();
  config.messages_per_connection = 1;
  Delivery delivery(config, Tls());
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
    delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  }
  EXPECT_EQ(sink.Log().at(1).at("connection"), "3");
}

TEST(StartTlsTest, RefusedStartTlsGoesOnInPlainText) {
  SinkProcess sink("rules:\n  - {on: starttls, reply: '454 4.7.0 not now'}\n", {"--tls"});
  Delivery delivery(FastConfig(), Tls());
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(sink.Log().at(0).at("connection"), "1");
}

// RFC 3207 §4: the server insists on TLS, which it offers, and which came to nothing.
TEST(StartTlsTest, AServerThatInsistsOnTlsThatItRefusedIsTriedAgain) {
  SinkProcess sink(
      "rules:\n  - {on: starttls, first: 1, reply: '454 4.7.0 not now'}\n"
      "  - {on: mail, first: 1, reply: '530 5.7.0 Must issue a STARTTLS command first'}\n",
      {"--tls"});
  Delivery delivery(FastConfig(), Tls());
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("temporary MAIL TLS_FAILED 530 [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(sink.Log().at(0).at("tls"), "TLSv1.3");
  EXPECT_EQ(sink.Log().at(0).at("connection"), "2");
}

TEST(StartTlsTest, AServerThatInsistsOnTlsThatBrokeIsAskedForItAgain) {
  SinkProcess sink(
      "rules:\n  - {on: starttls, first: 1, then: reset}\n"
      "  - {on: mail, first: 1, reply: '530 5.7.0 Must issue a STARTTLS command first'}\n",
      {"--tls"});
  Delivery delivery(FastConfig(), Tls());
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("temporary MAIL TLS_FAILED 530 [0]"));
  EXPECT_THAT(delivery.raw[0].front().outcome.text(), ::testing::HasSubstr("the handshake failed"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(sink.Log().at(0).at("tls"), "TLSv1.3");
}

}  // namespace
}  // namespace goniec::outbound::testing
