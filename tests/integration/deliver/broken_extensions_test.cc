// Servers that offer an extension and refuse it, or break at it: the mail arrives without it, in the same
// attempt, and the address is remembered.
#include <asio/awaitable.hpp>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";

struct BrokenCase {
  std::string name;
  std::string rule;
};

class BrokenChunkingTest : public ::testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenChunkingTest, MailGoesByData) {
  SinkProcess sink("rules:\n  - {" + GetParam().rule + "}\n");
  DeliverConfig config = FastConfig();
  config.chunking_from = ByteCount{0};
  config.time_limit_percent = 1;  // 1.8 s for a chunk
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  const auto log = sink.Log();
  ASSERT_THAT(log, SizeIs(2));
  EXPECT_EQ(log[0].at("chunked"), "false");
  EXPECT_EQ(log[0].at("connection"), "2");
  EXPECT_EQ(log[1].at("chunked"), "false");
  EXPECT_EQ(log[1].at("connection"), "3") << "nothing was tried in vain";
}

INSTANTIATE_TEST_SUITE_P(All, BrokenChunkingTest,
                         ::testing::Values(BrokenCase{"Unknown", "on: bdat, reply: '500 what is that'"},
                                           BrokenCase{"NotImplemented",
                                                      "on: bdat, reply: '502 5.5.1 not here'"},
                                           BrokenCase{"NoParameter", "on: bdat, reply: '504 5.5.4 no LAST'"}),
                         [](const auto& param) { return param.param.name; });

asio::awaitable<absl::StatusOr<std::string>> TwoChunks(std::uint32_t n) {
  co_return n == 0 ? std::string(100'000, 'x') : "\r\n";
}

std::shared_ptr<queue::v1::Mail> StoredMail() {
  auto mail = Delivery::MakeMail();
  mail->mutable_body_reference()->set_body_id("body");
  mail->mutable_body_reference()->set_chunk_count(2);
  mail->mutable_body_reference()->set_size_bytes(100'002);
  mail->set_size_bytes(mail->head().size() + 100'002);
  return mail;
}

class BreaksInAChunkTest : public ::testing::TestWithParam<BrokenCase> {};

TEST_P(BreaksInAChunkTest, MailGoesByData) {
  SinkProcess sink("rules:\n  - {" + GetParam().rule + "}\n");
  DeliverConfig config = FastConfig();
  config.chunking_from = ByteCount{0};
  config.time_limit_percent = 1;
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(StoredMail(), Delivery::RouteTo({sink.port()}),
                           [](Job& job) { job.read_chunk = TwoChunks; }),
              ElementsAre(kDelivered));
  ASSERT_THAT(sink.Log(), SizeIs(1));
  EXPECT_EQ(sink.Log()[0].at("chunked"), "false");
}

INSTANTIATE_TEST_SUITE_P(All, BreaksInAChunkTest,
                         ::testing::Values(BrokenCase{"Refuses", "on: bdat, reply: '502 not here'"},
                                           BrokenCase{"HangsUp", "on: bdat, then: close"},
                                           BrokenCase{"Resets", "on: bdat, then: reset"},
                                           BrokenCase{"Hangs", "on: bdat, then: stall"}),
                         [](const auto& param) { return param.param.name; });

// No end of data was sent, so the server cannot have taken it; when it was, nobody knows.
TEST(BreaksInAChunkTest, TheLastOneLeavesItOpen) {
  SinkProcess sink("rules:\n  - {on: dot, first: 1, then: close}\n");
  DeliverConfig config = FastConfig();
  config.chunking_from = ByteCount{0};
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route),
              ElementsAre("temporary DOT CONNECTION_LOST [0] AMBIGUOUS"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  EXPECT_EQ(sink.Log().back().at("chunked"), "false");
}

class RefusedParametersTest : public ::testing::TestWithParam<BrokenCase> {};

TEST_P(RefusedParametersTest, MailGoesWithoutThem) {
  SinkProcess sink("rules:\n  - {" + GetParam().rule + "}\n");
  Delivery delivery;
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  ASSERT_THAT(sink.Log(), SizeIs(2));
  EXPECT_EQ(sink.Log()[0].at("mail_parameters"), "");
  EXPECT_EQ(sink.Log()[1].at("mail_parameters"), "");
  EXPECT_EQ(sink.Log()[1].at("connection"), "1");
}

INSTANTIATE_TEST_SUITE_P(All, RefusedParametersTest,
                         ::testing::Values(BrokenCase{"By555", "on: mail, first: 1, reply: '555 5.5.4 what'"},
                                           BrokenCase{"By501", "on: mail, first: 1, reply: '501 syntax'"}),
                         [](const auto& param) { return param.param.name; });

// 8BITMIME is offered, needed and refused: as if it were not offered, for this mail. The address may stand
// for several servers, and they may learn: nothing is held against the next one.
class NeededParameterTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(NeededParameterTest, IsTakenForNotOffered) {
  // As it is in a group, without SIZE, and then it is asked about.
  SinkProcess sink("rules:\n  - {on: mail, first: 2, reply: '555 5.5.4 what is BODY'}\n");
  DeliverConfig config = FastConfig();
  config.messages_per_connection = GetParam();
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  auto mail = Delivery::MakeMail();
  mail->set_header_octets(queue::v1::OCTETS_ASCII);
  mail->set_body_octets(queue::v1::OCTETS_BEYOND_ASCII);
  EXPECT_THAT(delivery.Run(mail, route), ElementsAre("permanent MAIL UNSUPPORTED [0]"));
  EXPECT_EQ(delivery.raw[0].front().outcome.enhanced_code(), "5.6.3");
  EXPECT_THAT(delivery.Run(mail, route), ElementsAre(kDelivered));
  ASSERT_THAT(sink.Log(), SizeIs(1));
  EXPECT_EQ(sink.Log()[0].at("mail_parameters"), "SIZE=18,BODY=8BITMIME");
}

INSTANTIATE_TEST_SUITE_P(MailsOnAConnection, NeededParameterTest, ::testing::Values(1, 100));

// Each address of the site refuses what it offers, and has no second connection for the mail.
TEST(RefusedExtensionsTest, HaveWordsOfTheirOwnWhenThereIsNoEndOfThem) {
  const std::string refuses =
      "rules:\n"
      "  - {on: bdat, reply: '502 5.5.1 not here'}\n"
      "  - {on: connect, after: 1, then: close}\n";
  SinkProcess sinks[] = {SinkProcess(refuses), SinkProcess(refuses), SinkProcess(refuses),
                         SinkProcess(refuses)};
  DeliverConfig config = FastConfig();
  config.chunking_from = ByteCount{0};
  Delivery delivery(config);
  std::vector<std::uint16_t> ports;
  for (const SinkProcess& sink : sinks) ports.push_back(sink.port());
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo(ports)),
              ElementsAre("temporary CONNECT PROTOCOL [0]"));
  EXPECT_EQ(delivery.raw[0].front().outcome.text(), "the server refused what it offers, several times");
}

TEST(RefusedPipeliningTest, MailGoesCommandByCommand) {
  SinkProcess sink("rules:\n  - {on: rcpt, first: 1, reply: '503 5.5.0 one by one'}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kDelivered));
  ASSERT_THAT(sink.Log(), SizeIs(1));
  EXPECT_EQ(sink.Log()[0].at("connection"), "2");
}

// One connection is about to put a mail behind another's end when a second one finds out that PIPELINING is
// broken there: that mail waits for its turn instead, and is not lost.
TEST(RefusedPipeliningTest, AMailThatWasToFollowIsServedInItsTurn) {
  SinkProcess sink(
      "rules:\n"
      "  - {on: data, match: 'slow@*', wait: 1500ms}\n"
      "  - {on: rcpt, match: 'odd@*', first: 1, reply: '503 5.5.0 one by one'}\n"
      "  - {on: connect, nth: 3, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 2;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
  const std::size_t slow = delivery.Send(Delivery::MakeMail({"slow@x.test"}), route);
  delivery.Send(Delivery::MakeMail({"odd@x.test"}), route);  // goes on at the third connection, in vain
  const std::size_t next = delivery.Send(Delivery::MakeMail({"next@x.test"}), route);
  delivery.RunUntil([&] { return delivery.results.contains(slow) && delivery.results.contains(next); },
                    std::chrono::seconds(15));
  EXPECT_THAT(delivery.results[slow], ElementsAre(kDelivered));
  EXPECT_THAT(delivery.results[next], ElementsAre(kDelivered));
  ASSERT_THAT(sink.Log(), SizeIs(3));
  EXPECT_EQ(sink.Log()[2].at("connection"), "1");
}

TEST(RefusedPipeliningTest, ARefusalThatStaysIsAVerdict) {
  SinkProcess sink("rules:\n  - {on: rcpt, reply: '503 5.5.0 never'}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre("permanent RCPT REPLY 503 [0]"));
  EXPECT_THAT(sink.Log(), IsEmpty());
}

}  // namespace
}  // namespace goniec::outbound::testing
