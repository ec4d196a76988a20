#include "common/queue/publish/body_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "common/queue/model/subjects.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/streams/stream_state.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

class BodyStoreTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }

  static std::string Bytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + i / 251);
    return bytes;
  }

  std::string ReadAll(const v1::BodyReference& reference) {
    std::string all;
    for (std::uint32_t n = 0; n < reference.chunk_count(); ++n) {
      const auto chunk = RunToEnd(ReadBodyChunk(*broker_, reference.body_id(), n));
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (chunk.ok()) all += *chunk;
    }
    return all;
  }
};

TEST_F(BodyStoreTest, ASmallBodyStaysInTheMail) {
  BodyWriter writer(*broker_, std::chrono::hours(1));
  v1::Mail mail;
  const std::string body = Bytes(kMaxInlineBody);
  EXPECT_TRUE(writer.FitsInline(body.size()));
  ASSERT_TRUE(RunToEnd(writer.Append(body)).ok());
  ASSERT_TRUE(RunToEnd(writer.Finish(mail)).ok());
  writer.Keep();
  EXPECT_EQ(mail.inline_body(), body);
  EXPECT_EQ(mail.size_bytes(), body.size());
}

TEST_F(BodyStoreTest, ALargeBodyComesBackByteForByte) {
  const std::string body = Bytes(kMaxInlineBody * 3 + 77);
  v1::Mail mail;
  BodyWriter writer(*broker_, std::chrono::hours(1));
  for (std::size_t at = 0; at < body.size(); at += 10'007) {
    ASSERT_TRUE(RunToEnd(writer.Append(std::string_view(body).substr(at, 10'007))).ok());
    EXPECT_LE(writer.memory(), kMaxInlineBody * 2)
        << "no more than a chunk is held (and what a string reserves)";
  }
  ASSERT_TRUE(RunToEnd(writer.Finish(mail)).ok());
  writer.Keep();
  ASSERT_TRUE(mail.has_body_reference());
  EXPECT_EQ(mail.body_reference().size_bytes(), body.size());
  EXPECT_EQ(ReadAll(mail.body_reference()), body);
  ASSERT_TRUE(RunToEnd(DeleteBody(*broker_, mail.body_reference().body_id())).ok());
  EXPECT_TRUE(
      absl::IsNotFound(RunToEnd(ReadBodyChunk(*broker_, mail.body_reference().body_id(), 0)).status()));
}

// Base64 in JSON would cost the delivery thread more than sending it.
TEST_F(BodyStoreTest, ChunksAreReadAsTheyAre) {
  v1::Mail mail;
  mail.set_message_id("01arz3ndektsv4rrffq69g5fav");
  mail.set_inline_body(Bytes(40'000));
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, mail, std::chrono::hours(1))).ok());
  WatchedBroker watched(*broker_);
  const auto chunk = RunToEnd(ReadBodyChunk(watched, mail.body_reference().body_id(), 0));
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(*chunk, Bytes(40'000));
  EXPECT_THAT(watched.requests(),
              testing::ElementsAre(testing::StartsWith("$JS.API.DIRECT.GET.BODIES.body.")));
}

struct ReplicaCase {
  const char* name;
  int status;
  const char* data;
};

class ReplicaTest : public BodyStoreTest, public testing::WithParamInterface<ReplicaCase> {};

TEST_P(ReplicaTest, WhatAReplicaCannotGiveTheLeaderIsAskedFor) {
  v1::Mail mail;
  mail.set_message_id("01arz3ndektsv4rrffq69g5fav");
  mail.set_inline_body(Bytes(40'000));
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, mail, std::chrono::hours(1))).ok());
  WatchedBroker watched(*broker_);
  watched.answer = [](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("$JS.API.DIRECT.GET.")) return std::nullopt;
    IncomingMessage message;
    message.status = GetParam().status;
    message.data = GetParam().data;
    return message;
  };
  const auto chunk = RunToEnd(ReadBodyChunk(watched, mail.body_reference().body_id(), 0));
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(*chunk, Bytes(40'000));
}

INSTANTIATE_TEST_SUITE_P(All, ReplicaTest,
                         testing::Values(ReplicaCase{"ItLags", 404, ""},
                                         ReplicaCase{"NobodyIsThere", 503, ""},
                                         ReplicaCase{"ItsAnswerIsNoChunk", 0, "something"}),
                         [](const auto& param) { return param.param.name; });

TEST_F(BodyStoreTest, InAClusterAChunkWaitsForTheStreamsNextLeader) {
  LeaderlessBroker broker(*broker_, "body.");
  const std::string body = Bytes(kMaxInlineBody + 1);
  BodyWriter writer(broker, std::chrono::hours(1));
  broker.leaderless = 3;
  ASSERT_TRUE(RunToEnd(writer.Append(body)).ok());
  v1::Mail mail;
  ASSERT_TRUE(RunToEnd(writer.Finish(mail)).ok());
  writer.Keep();
  EXPECT_LE(broker.leaderless, 0);
  EXPECT_EQ(ReadAll(mail.body_reference()), body);
}

TEST_F(BodyStoreTest, OnASingleServerNobodyWaitsForALeader) {
  LeaderlessBroker broker(*broker_, "body.");
  broker.in_cluster = false;
  broker.leaderless = 1'000'000;
  BodyWriter writer(broker, std::chrono::hours(1));
  EXPECT_FALSE(RunToEnd(writer.Append(Bytes(kMaxInlineBody + 1))).ok());
  EXPECT_EQ(broker.requests().size(), 1U);
}

TEST_F(BodyStoreTest, AnAbandonedBodyIsReported) {
  std::mutex mutex;
  std::string reported;
  const auto subscription = broker_->Subscribe("abandoned.*", [&](const IncomingMessage& message) {
    const std::lock_guard lock(mutex);
    reported = message.subject;
  });
  ASSERT_TRUE(subscription.ok());
  {
    BodyWriter writer(*broker_, std::chrono::hours(1));
    ASSERT_TRUE(RunToEnd(writer.Append(Bytes(kMaxInlineBody + 1))).ok());
  }  // neither kept nor abandoned by name
  EXPECT_TRUE(test::WaitUntil([&] {
    const std::lock_guard lock(mutex);
    return !reported.empty();
  }));
}

v1::Mail MailWith(const std::string& body) {
  v1::Mail mail;
  mail.set_message_id("01arz3ndektsv4rrffq69g5fav");
  mail.set_head("Received: x\r\n");
  mail.set_inline_body(body);
  mail.set_size_bytes(mail.head().size() + body.size());
  return mail;
}

TEST_F(BodyStoreTest, MovingABodyLeavesAReferenceOfTheSameContent) {
  const std::string body = Bytes(40'000);
  v1::Mail mail = MailWith(body);
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, mail, std::chrono::hours(1))).ok());
  ASSERT_TRUE(mail.has_body_reference());
  EXPECT_EQ(ReadAll(mail.body_reference()), body);
  EXPECT_EQ(mail.size_bytes(), mail.head().size() + body.size());
}

TEST_F(BodyStoreTest, ABodyThatIsMovedTwiceIsStoredOnce) {
  v1::Mail first = MailWith(Bytes(40'000));
  v1::Mail second = first;
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, first, std::chrono::hours(1))).ok());
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, second, std::chrono::hours(1))).ok());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  const auto state = RunToEnd(ReadStreamState(*broker_, kBodiesStream));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->last_sequence, 1U);
}

// Two messages that a broken sender gave one id.
TEST_F(BodyStoreTest, OtherContentUnderTheSameMessageIdIsAnotherBody) {
  v1::Mail first = MailWith(Bytes(2'000));
  v1::Mail second = MailWith(Bytes(2'001));
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, first, std::chrono::hours(1))).ok());
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, second, std::chrono::hours(1))).ok());
  EXPECT_EQ(ReadAll(first.body_reference()), Bytes(2'000));
  EXPECT_EQ(ReadAll(second.body_reference()), Bytes(2'001));
}

// Whoever moved it before may refer to it already.
TEST_F(BodyStoreTest, AMoveWithoutAnswerTakesNothingAway) {
  std::atomic<int> reported = 0;
  auto subscription = broker_->Subscribe("abandoned.*", [&](const IncomingMessage&) { ++reported; });
  ASSERT_TRUE(subscription.ok());
  LossyBroker lossy(*broker_, "body.");
  lossy.lose = 1'000;
  v1::Mail mail = MailWith(Bytes(2'000));
  EXPECT_FALSE(RunToEnd(MoveBodyToStore(lossy, mail, std::chrono::hours(1))).ok());
  EXPECT_EQ(mail.inline_body(), Bytes(2'000)) << "it is as it was";
  Api("STREAM.INFO.BODIES");  // behind whatever the connection had to say
  EXPECT_EQ(reported, 0);
  lossy.lose = 0;
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(lossy, mail, std::chrono::hours(1))).ok());
  EXPECT_EQ(ReadAll(mail.body_reference()), Bytes(2'000));
}

TEST_F(BodyStoreTest, WithoutABrokerTheBodyIsRefused) {
  BodyWriter writer(*broker_, std::chrono::hours(1));
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(writer.Append(Bytes(kMaxInlineBody + 1)))));
}

}  // namespace
}  // namespace goniec::queue
