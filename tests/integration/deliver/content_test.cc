// What arrives is what was sent, byte for byte.
#include <asio/awaitable.hpp>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ContentCase {
  std::string name;
  std::string head;
  std::string body;
};

class ContentTest : public ::testing::TestWithParam<ContentCase> {};

std::shared_ptr<queue::v1::Mail> MailOf(const ContentCase& content) {
  auto mail = Delivery::MakeMail();
  mail->set_head(content.head);
  mail->set_inline_body(content.body);
  mail->set_size_bytes(content.head.size() + content.body.size());
  return mail;
}

void ExpectIdentical(const ContentCase& content, std::uint64_t chunking_from, const char* chunked) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.chunking_from = ByteCount{chunking_from};
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(MailOf(content), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  const auto log = sink.Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("chunked"), chunked);
  EXPECT_EQ(sink.Content(log[0]), content.head + content.body);
}

TEST_P(ContentTest, ArrivesUnchangedByData) {
  ExpectIdentical(GetParam(), 1ULL << 40, "false");
}
TEST_P(ContentTest, ArrivesUnchangedByBdat) {
  ExpectIdentical(GetParam(), 0, "true");
}

std::string Repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

INSTANTIATE_TEST_SUITE_P(
    All, ContentTest,
    ::testing::Values(
        ContentCase{"Small", "Subject: x\r\n\r\n", "Hi\r\n"},
        ContentCase{"Dots", ".: x\r\n\r\n", ".\r\n..\r\n...\r\n.a\r\n\r\n.\r\n"},
        ContentCase{"OnlyADot", "", ".\r\n"}, ContentCase{"DotAtThePartsBorder", "a\r\n", ".\r\n"},
        ContentCase{"EightBit", "Subject: x\r\n\r\n", "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xff\xfe\r\n"},
        ContentCase{"Large", "Subject: x\r\n\r\n", Repeat(".line of a long message\r\n", 9'000)},
        ContentCase{"OneLongLine", "Subject: x\r\n\r\n", std::string(200'000, 'x') + "\r\n"}),
    [](const auto& param) { return param.param.name; });

// A stored body, whose chunks begin and end in the middle of lines and of CR LF.
class StoredBodyTest : public ::testing::TestWithParam<bool> {};

std::string ChunkOf(const std::string& body, std::uint32_t n, std::size_t size) {
  return body.substr(n * size, size);
}

asio::awaitable<absl::StatusOr<std::string>> ReadChunk(std::shared_ptr<const std::string> body,
                                                       std::size_t size, std::uint32_t n) {
  co_return ChunkOf(*body, n, size);
}

asio::awaitable<absl::StatusOr<std::string>> ReadUpTo(std::shared_ptr<const std::string> body,
                                                      std::size_t size, std::uint32_t gone, std::uint32_t n) {
  if (n >= gone) co_return absl::NotFoundError("chunk is gone");
  co_return ChunkOf(*body, n, size);
}

std::shared_ptr<queue::v1::Mail> StoredMail(const std::string& body, std::size_t chunk) {
  auto mail = Delivery::MakeMail();
  auto* reference = mail->mutable_body_reference();
  reference->set_body_id("body");
  reference->set_chunk_count(static_cast<std::uint32_t>((body.size() + chunk - 1) / chunk));
  reference->set_size_bytes(body.size());
  mail->set_size_bytes(mail->head().size() + body.size());
  return mail;
}

TEST_P(StoredBodyTest, ArrivesUnchanged) {
  SinkProcess sink(
      "", GetParam() ? std::vector<std::string>{} : std::vector<std::string>{"--extensions=PIPELINING"});
  Delivery delivery;
  const auto body = std::make_shared<const std::string>(Repeat(".one\r\ntwo\r\n..\r\n", 200'000));
  constexpr std::size_t kChunk = 100'003;
  EXPECT_THAT(delivery.Run(StoredMail(*body, kChunk), Delivery::RouteTo({sink.port()}),
                           [&](Job& job) {
                             job.read_chunk = [&](std::uint32_t n) { return ReadChunk(body, kChunk, n); };
                           }),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  const auto log = sink.Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("chunked"), GetParam() ? "true" : "false");
  EXPECT_TRUE(sink.Content(log[0]) == "Subject: x\r\n\r\n" + *body);
}

TEST_P(StoredBodyTest, NeverArrivesInPart) {
  SinkProcess sink(
      "", GetParam() ? std::vector<std::string>{} : std::vector<std::string>{"--extensions=PIPELINING"});
  Delivery delivery;
  const auto body = std::make_shared<const std::string>(Repeat("one\r\ntwo\r\n", 100'000));
  constexpr std::size_t kChunk = 100'000;
  EXPECT_THAT(delivery.Run(StoredMail(*body, kChunk), Delivery::RouteTo({sink.port()}),
                           [&](Job& job) {
                             job.read_chunk = [&](std::uint32_t n) { return ReadUpTo(body, kChunk, 5, n); };
                           }),
              ElementsAre("temporary BODY BODY_UNREADABLE [0]"));
  EXPECT_THAT(sink.Log(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, StoredBodyTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "ByBdat" : "ByData"; });

TEST(EnvelopeTest, ParametersArrive) {
  SinkProcess sink;
  Delivery delivery;
  auto mail = Delivery::MakeMail({"zażółć@x.test", "\"a b\"@x.test"});  // of a version that noted less
  mail->set_smtputf8(true);
  mail->set_body_type(queue::v1::BODY_TYPE_8BITMIME);
  EXPECT_THAT(delivery.Run(mail, Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0,1]"));
  const auto log = sink.Log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].at("helo"), "client.test");
  EXPECT_EQ(log[0].at("mail_from"), "s@client.test");
  EXPECT_EQ(log[0].at("rcpts"), "zażółć@x.test,\"a b\"@x.test");
  EXPECT_EQ(log[0].at("mail_parameters"), "SIZE=18,BODY=8BITMIME,SMTPUTF8");
}

TEST(EnvelopeTest, WithoutExtensions) {
  SinkProcess sink("", {"--extensions="});
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail({"a@x.test", "b@x.test"}), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0,1]"));
}

TEST(EnvelopeTest, Utf8IsRefusedHereWhenTheServerLacksIt) {
  SinkProcess sink("", {"--extensions=PIPELINING"});
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail({"ż@x.test"}), Delivery::RouteTo({sink.port()})),
              ElementsAre("permanent MAIL UNSUPPORTED [0]"));
}

TEST(EnvelopeTest, OnlyRecipientsThatNeedUtf8AreReturned) {
  SinkProcess sink("", {"--extensions=PIPELINING"});
  DeliverConfig config = FastConfig();
  config.recipients_per_transaction = 2;
  Delivery delivery(config);
  auto mail = Delivery::MakeMail({"böb@x.test", "anna@x.test", "ola@x.test", "jörg@x.test", "ewa@x.test"});
  mail->set_smtputf8(true);
  mail->set_header_octets(queue::v1::OCTETS_ASCII);
  mail->set_body_octets(queue::v1::OCTETS_ASCII);
  EXPECT_THAT(
      delivery.Run(mail, Delivery::RouteTo({sink.port()})),
      ::testing::UnorderedElementsAre("permanent MAIL UNSUPPORTED [0]", "delivered DOT ACCEPTED 250 [1]",
                                      "permanent MAIL UNSUPPORTED [3]", "delivered DOT ACCEPTED 250 [2]",
                                      "delivered DOT ACCEPTED 250 [4]"));
}

TEST(EnvelopeTest, EightBitContentIsReturnedWhereTheServerLacksIt) {
  SinkProcess plain("", {"--extensions=PIPELINING"});
  SinkProcess able("", {"--extensions=PIPELINING,8BITMIME"});
  Delivery delivery;
  auto mail = Delivery::MakeMail();
  mail->set_header_octets(queue::v1::OCTETS_ASCII);
  mail->set_body_octets(queue::v1::OCTETS_BEYOND_ASCII);
  EXPECT_THAT(delivery.Run(mail, Delivery::RouteTo({plain.port()})),
              ElementsAre("permanent MAIL UNSUPPORTED [0]"));
  EXPECT_EQ(delivery.raw[0].front().outcome.enhanced_code(), "5.6.3");
  EXPECT_THAT(plain.Log(), IsEmpty());
  EXPECT_THAT(delivery.Run(mail, Delivery::RouteTo({able.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(able.Log().at(0).at("mail_parameters"), "BODY=8BITMIME");
}

TEST(EnvelopeTest, MoreRecipientsThanATransactionTakes) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.recipients_per_transaction = 3;
  Delivery delivery(config);
  std::vector<std::string> recipients;
  for (int i = 0; i < 7; ++i) recipients.push_back("r" + std::to_string(i) + "@x.test");
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(recipients), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0,1,2]", "delivered DOT ACCEPTED 250 [3,4,5]",
                          "delivered DOT ACCEPTED 250 [6]"));
  EXPECT_EQ(sink.Log().size(), 3u);
}

TEST(EnvelopeTest, RecipientsThatAreTooManyGoInTheNextTransaction) {
  SinkProcess sink("rules:\n  - {on: rcpt, match: 'b*', first: 1, reply: '452 4.5.3 too many'}\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail({"a@x.test", "b@x.test"}), Delivery::RouteTo({sink.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]", "delivered DOT ACCEPTED 250 [1]"));
}

}  // namespace
}  // namespace goniec::outbound::testing
