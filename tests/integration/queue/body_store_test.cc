#include "common/queue/body_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "common/queue/publisher.h"
#include "common/queue/subjects.h"
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

TEST_F(BodyStoreTest, MovingABodyLeavesAReferenceOfTheSameContent) {
  v1::Mail mail;
  mail.set_head("Received: x\r\n");
  const std::string body = Bytes(40'000);
  mail.set_inline_body(body);
  mail.set_size_bytes(mail.head().size() + body.size());
  ASSERT_TRUE(RunToEnd(MoveBodyToStore(*broker_, mail, std::chrono::hours(1))).ok());
  ASSERT_TRUE(mail.has_body_reference());
  EXPECT_EQ(ReadAll(mail.body_reference()), body);
  EXPECT_EQ(mail.size_bytes(), mail.head().size() + body.size());
}

TEST_F(BodyStoreTest, WithoutABrokerTheBodyIsRefused) {
  BodyWriter writer(*broker_, std::chrono::hours(1));
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsUnavailable(RunToEnd(writer.Append(Bytes(kMaxInlineBody + 1)))));
}

}  // namespace
}  // namespace goniec::queue
