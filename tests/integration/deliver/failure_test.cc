// What goes wrong at each phase, at a server that does it for real.
#include <asio/awaitable.hpp>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

struct FailureCase {
  std::string name;
  std::string rule;
  std::vector<std::string> results;
  std::vector<std::string> recipients = {"a@x.test"};
};

class FailureTest : public ::testing::TestWithParam<FailureCase> {};

TEST_P(FailureTest, EndsAsSaidWithPipelining) {
  SinkProcess sink("rules:\n  - {" + GetParam().rule + "}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(GetParam().recipients), Delivery::RouteTo({sink.port()})),
              ElementsAreArray(GetParam().results));
}

TEST_P(FailureTest, EndsAsSaidOneByOne) {
  SinkProcess sink("extensions: []\nrules:\n  - {" + GetParam().rule + "}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(GetParam().recipients), Delivery::RouteTo({sink.port()})),
              ElementsAreArray(GetParam().results));
}

INSTANTIATE_TEST_SUITE_P(
    Replies, FailureTest,
    ::testing::ValuesIn(std::vector<FailureCase>{
        {"Connect421", "on: connect, reply: '421 busy', then: close", {"not_tried CONNECT SITE_BUSY [0]"}},
        {"Connect554", "on: connect, reply: '554 no'", {"temporary GREETING REPLY 554 [0]"}},
        {"Ehlo451", "on: ehlo, reply: '451 later'", {"not_tried CONNECT SITE_BUSY [0]"}},
        {"Ehlo550", "on: ehlo, reply: '550 no'", {"temporary EHLO REPLY 550 [0]"}},
        {"EhloUnknown", "on: ehlo, first: 1, reply: '502 what'", {"delivered DOT ACCEPTED 250 [0]"}},
        {"Mail451", "on: mail, reply: '451 4.3.0 later'", {"temporary MAIL REPLY 451 [0]"}},
        {"Mail550", "on: mail, reply: '550 5.7.1 no'", {"permanent MAIL REPLY 550 [0]"}},
        {"Mail421", "on: mail, reply: '421 bye', then: close", {"temporary MAIL REPLY 421 [0]"}},
        {"Rcpt450", "on: rcpt, reply: '450 later'", {"temporary RCPT REPLY 450 [0]"}},
        {"Rcpt550", "on: rcpt, reply: '550 who'", {"permanent RCPT REPLY 550 [0]"}},
        {"RcptMixed",
         "on: rcpt, match: 'b*', reply: '550 who'",
         {"permanent RCPT REPLY 550 [1]", "delivered DOT ACCEPTED 250 [0,2]"},
         {"a@x.test", "b@x.test", "c@x.test"}},
        {"Data451", "on: data, reply: '451 later'", {"temporary DATA REPLY 451 [0]"}},
        {"Data554", "on: data, reply: '554 no'", {"permanent DATA REPLY 554 [0]"}},
        {"Dot451", "on: dot, reply: '451 later'", {"temporary DOT REPLY 451 [0]"}},
        {"Dot550", "on: dot, reply: '550 spam'", {"permanent DOT REPLY 550 [0]"}},
        {"Dot421", "on: dot, reply: '421 bye', then: close", {"temporary DOT REPLY 421 [0]"}},
        {"SlowReplies", "on: dot, slow: 1ms, reply: '250 2.0.0 at last'", {"delivered DOT ACCEPTED 250 [0]"}},
        {"ContradictionAtRcpt", "on: rcpt, reply: \"550-ok\\n250 no\"", {"temporary RCPT PROTOCOL [0]"}},
        {"ContradictionAtDot",
         "on: dot, reply: \"550-ok\\n250 no\"",
         {"temporary DOT PROTOCOL [0] AMBIGUOUS"}},
        {"LongLine",
         "on: rcpt, reply: '550 " + std::string(2'000, 'x') + "'",
         {"temporary RCPT PROTOCOL [0]"}},
        {"LongReply",
         "on: dot, reply: \"250-one\\n250-two\\n250 three\"",
         {"delivered DOT ACCEPTED 250 [0]"}},
    }),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Cut, FailureTest,
    ::testing::ValuesIn(std::vector<FailureCase>{
        {"AtConnect", "on: connect, then: close", {"temporary GREETING CONNECTION_LOST [0]"}},
        {"AtEhlo", "on: ehlo, then: close", {"temporary EHLO CONNECTION_LOST [0]"}},
        {"AtMail", "on: mail, then: close", {"temporary MAIL CONNECTION_LOST [0]"}},
        {"AtMailByReset", "on: mail, then: reset", {"temporary MAIL CONNECTION_LOST [0]"}},
        {"AtRcpt", "on: rcpt, then: close", {"temporary RCPT CONNECTION_LOST [0]"}},
        {"AtData", "on: data, then: close", {"temporary DATA CONNECTION_LOST [0]"}},
        {"AtDot", "on: dot, then: close", {"temporary DOT CONNECTION_LOST [0] AMBIGUOUS"}},
        {"AtDotByReset", "on: dot, then: reset", {"temporary DOT CONNECTION_LOST [0] AMBIGUOUS"}},
        // The reply is there; that the goodbye fails is nobody's business.
        {"AtQuit", "on: quit, then: reset", {"delivered DOT ACCEPTED 250 [0]"}},
        {"QuitRefused", "on: quit, reply: '500 what'", {"delivered DOT ACCEPTED 250 [0]"}},
    }),
    [](const auto& param) { return param.param.name; });

// In a stored body, more of it than the buffers of both sides hold: no end of data was put out, so nothing is
// ambiguous and the mail may go again.
class CutInTheBodyTest : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

constexpr std::uint32_t kChunks = 40;
constexpr std::size_t kChunkSize = 512 * 1024;

asio::awaitable<absl::StatusOr<std::string>> AnyChunk(std::uint32_t n) {
  co_return std::string(n + 1 < kChunks ? kChunkSize : kChunkSize - 2, 'x') + (n + 1 < kChunks ? "" : "\r\n");
}

TEST_P(CutInTheBodyTest, IsTemporaryAndNotAmbiguous) {
  const auto& [event, how] = GetParam();
  SinkProcess sink("rules:\n  - {on: " + event + ", first: 1, after_bytes: 1000, then: " + how + "}\n",
                   {"--extensions=" + std::string(event == "bdat" ? "CHUNKING" : "PIPELINING")});
  Delivery delivery;
  auto mail = Delivery::MakeMail();
  auto* reference = mail->mutable_body_reference();
  reference->set_body_id("body");
  reference->set_chunk_count(kChunks);
  reference->set_size_bytes(kChunks * kChunkSize);
  mail->set_size_bytes(mail->head().size() + kChunks * kChunkSize);
  const auto route = Delivery::RouteTo({sink.port()});
  const auto with_body = [](Job& job) { job.read_chunk = AnyChunk; };
  // BDAT is blamed for it, and the mail goes by DATA at once.
  if (event != "bdat") {
    EXPECT_THAT(delivery.Run(mail, route, with_body), ElementsAre("temporary BODY CONNECTION_LOST [0]"));
    EXPECT_THAT(sink.Log(), IsEmpty());
  }
  EXPECT_THAT(delivery.Run(mail, route, with_body), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  ASSERT_EQ(sink.Log().size(), 1u);
  EXPECT_EQ(sink.Log()[0].at("chunked"), "false");
}

// A server that says goodbye by FIN and reads on is noticed behind the end of data only.
INSTANTIATE_TEST_SUITE_P(All, CutInTheBodyTest,
                         ::testing::Values(std::pair("data", "reset"), std::pair("bdat", "close"),
                                           std::pair("bdat", "reset")),
                         [](const auto& param) { return param.param.first + "_" + param.param.second; });

struct StallCase {
  std::string name;
  std::string event;
  std::string result;
};

class StallTest : public ::testing::TestWithParam<StallCase> {};

TEST_P(StallTest, TheTimeLimitEndsIt) {
  SinkProcess sink("rules:\n  - {on: " + GetParam().event + ", then: stall}\n");
  DeliverConfig config = FastConfig();
  config.time_limit_percent = 1;  // 1.2 s for DATA, 6 s for the dot
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre(GetParam().result));
}

INSTANTIATE_TEST_SUITE_P(All, StallTest,
                         ::testing::Values(StallCase{"AtData", "data", "temporary DATA TIMEOUT [0]"},
                                           StallCase{"AtDot", "dot", "temporary DOT TIMEOUT [0] AMBIGUOUS"}),
                         [](const auto& param) { return param.param.name; });

TEST(FailureTest, OpeningIsLimitedByTheAttempt) {
  SinkProcess sink("rules:\n  - {on: connect, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.attempt_timeout = std::chrono::milliseconds(200);
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre("temporary GREETING TIMEOUT [0]"));
}

TEST(FailureTest, RefusedConnection) {
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({test::FreePort()})),
              ElementsAre("temporary CONNECT CONNECTION_FAILED [0]"));
  const queue::v1::Outcome& outcome = delivery.raw[0].front().outcome;
  EXPECT_EQ(outcome.remote_host(), "mx.test");
  EXPECT_EQ(outcome.remote_ip(), "127.0.0.1");
  EXPECT_EQ(outcome.enhanced_code(), "4.4.1");
}

TEST(FailureTest, TheNextAddressIsTried) {
  SinkProcess busy("rules:\n  - {on: connect, reply: '421 busy', then: close}\n");
  SinkProcess refusing("rules:\n  - {on: connect, reply: '554 no'}\n");
  SinkProcess good;
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(),
                           Delivery::RouteTo({test::FreePort(), busy.port(), refusing.port(), good.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(delivery.raw[0].front().outcome.remote_port(), good.port());
}

// RFC 5321 §5.1: the backup is there for exactly this.
TEST(FailureTest, ABackupIsTriedThoughTheBestHostHasManyDeadAddresses) {
  SinkProcess backup;
  Route route = *Delivery::RouteTo({test::FreePort(), test::FreePort(), test::FreePort(), test::FreePort(),
                                    test::FreePort(), backup.port()});
  route.candidates.back().host = "backup.test";
  DeliverConfig config = FastConfig();
  config.addresses_per_attempt = 5;
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), std::make_shared<const Route>(route)),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(delivery.raw[0].front().outcome.remote_host(), "backup.test");
}

TEST(FailureTest, WhatAServerSaidIsToldRatherThanThatOneWasSilent) {
  SinkProcess refusing("rules:\n  - {on: connect, reply: '554 no'}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({refusing.port(), test::FreePort()})),
              ElementsAre("temporary GREETING REPLY 554 [0]"));
}

// A refused connection names no mail, so none is returned for it, and all fare alike.
class RefusedConnectionTest : public ::testing::TestWithParam<std::string> {};

TEST_P(RefusedConnectionTest, IsTemporaryForAllMailsOfTheSite) {
  SinkProcess sink("rules:\n  - {" + GetParam() + "}\n");
  DeliverConfig config = FastConfig();
  config.failed_site_pause = std::chrono::milliseconds(1);
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port(), sink.port()});
  for (int i = 0; i < 10; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  for (const auto& [number, lines] : delivery.results) {
    EXPECT_THAT(lines, ElementsAre(::testing::StartsWith("temporary "))) << number;
    EXPECT_EQ(delivery.raw[number].front().outcome.text(), "never");
  }
}

INSTANTIATE_TEST_SUITE_P(All, RefusedConnectionTest,
                         ::testing::Values("on: connect, reply: '554 never'",
                                           "on: connect, reply: '521 never'",
                                           "on: ehlo, reply: '550 never'"));

TEST(FailureTest, NoMoreAddressesThanAllowed) {
  SinkProcess good;
  DeliverConfig config = FastConfig();
  config.addresses_per_attempt = 2;
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(),
                           Delivery::RouteTo({test::FreePort(), test::FreePort(), good.port()})),
              ElementsAre("temporary CONNECT CONNECTION_FAILED [0]"));
}

TEST(FailureTest, SilentBrokerStopsTheDot) {
  SinkProcess sink;
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}),
                           [](Job& job) { job.may_finish = [] { return false; }; }),
              ElementsAre("not_tried BODY BROKER [0]"));
  EXPECT_THAT(sink.Log(), IsEmpty());
}

TEST(FailureTest, ConnectionIsUsedAgainAfterRefusals) {
  SinkProcess sink(
      "rules:\n"
      "  - {on: rcpt, match: 'bad*', reply: '550 who'}\n"
      "  - {on: mail, nth: 2, reply: '451 later'}\n"
      "  - {on: dot, first: 1, reply: '550 spam'}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;  // while the first one is being reset, another would be opened
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail({"bad@x.test"}), route),
              ElementsAre("permanent RCPT REPLY 550 [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("temporary MAIL REPLY 451 [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("permanent DOT REPLY 550 [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(sink.Log().back().at("connection"), "1");
}

}  // namespace
}  // namespace goniec::outbound::testing
