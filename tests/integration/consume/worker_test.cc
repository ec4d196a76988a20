// The worker on a real queue, in this process: what a test of whole processes cannot time.
#include "outbound/consume/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "common/queue/tend/watchdog.h"
#include "tests/integration/consume/worker_fixture.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

// Its lives are shorter than ack_wait, and the record is older than all of them.
class RestartingServerTest : public WorkerTest {
 protected:
  void SetUp() override {
    config_.ack_wait = std::chrono::seconds(6);
    StartServer();
    ProvisionAll();
  }
  bool HasEnded() {
    return metrics_.Render().find("\ngoniec_recipients_total{result=\"bounced\"} 1\n") != std::string::npos;
  }
};

TEST_F(RestartingServerTest, AnOldRecordIsServedAllTheSame) {
  StoreMail();
  server_->Kill();
  ASSERT_TRUE(server_->StartAgain().ok());
  StartWorker();
  const auto put_back = [&] {
    return metrics_.Render().find("\ngoniec_records_put_back_total 0\n") == std::string::npos;
  };
  ASSERT_TRUE(test::WaitUntil(put_back)) << "the first life may have given it to somebody";
  constexpr int kMostLives = 20;
  int lives = 1;
  while (!test::WaitUntil([&] { return HasEnded(); }, std::chrono::milliseconds(1'500))) {
    ASSERT_LE(++lives, kMostLives) << metrics_.Render();
    server_->Kill();
    ASSERT_TRUE(server_->StartAgain().ok());
    ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  }
}

// A consumer that was reset calls old records new.
TEST_F(WorkerTest, RecordsFromBeforeAResetAreLookedAt) {
  ASSERT_TRUE(test::WaitUntil([&] { return Consumer()["num_waiting"] > 0; }));
  ASSERT_TRUE(RunToEnd(queue::Announce(*broker_, {"READY_0", "transactional", 1, broker_->Now()})).ok());
  const auto looked = [&] { return metrics_.Render().find("\ngoniec_records_looked_total 1\n"); };
  StoreMail();
  ASSERT_TRUE(test::WaitUntil([&] { return Stored("EVENTS_0") == 1; }));
  EXPECT_NE(looked(), std::string::npos) << metrics_.Render();
  StoreMail();
  ASSERT_TRUE(test::WaitUntil([&] { return Stored("EVENTS_0") == 2; }));
  EXPECT_NE(looked(), std::string::npos) << "the second is younger than the reset";
}

// The worker that ends a mail has not made its last attempt: the events know.
TEST_F(WorkerTest, AnExpiredMailEndsWithTheCauseOfItsLastAttempt) {
  queue::v1::Outcome outcome;
  outcome.set_remote_host("mx.full.test");
  outcome.set_remote_ip("192.0.2.1");
  outcome.set_phase(queue::v1::PHASE_RCPT);
  outcome.set_reply_code(452);
  outcome.set_enhanced_code("4.2.2");
  outcome.set_text("mailbox full");
  outcome.set_reason(queue::v1::REASON_REPLY);
  const std::string id = StoreExpiredCopy(outcome);
  queue::RecipientStatus ended;
  ASSERT_TRUE(test::WaitUntil([&] {
    const auto status = RunToEnd(finder_->Find("default", id));
    if (!status.ok() || !status->AllTerminal()) return false;
    ended = status->recipients.at(0);
    return true;
  }));
  EXPECT_EQ(ended.state, queue::RecipientState::kExpired);
  EXPECT_EQ(ended.attempts, 3U);
  ASSERT_TRUE(ended.last_outcome.has_value());
  outcome.set_reason(queue::v1::REASON_EXPIRED);
  outcome.set_last_reason(queue::v1::REASON_REPLY);
  EXPECT_EQ(ended.last_outcome->ShortDebugString(), outcome.ShortDebugString());
}

// Our own limits are nothing that a mail has done.
TEST_F(WorkerTest, MailWhoseLookupWasNotMadeIsMovedWithoutAnAttempt) {
  resolver_.NotAsked("busy.test");
  const std::string id = StoreMail({}, "somebody@busy.test");
  queue::RecipientStatus moved;
  ASSERT_TRUE(test::WaitUntil([&] {
    const auto status = RunToEnd(finder_->Find("default", id));
    if (!status.ok() || status->recipients.empty()) return false;
    moved = status->recipients.at(0);
    return moved.state == queue::RecipientState::kDeferred && moved.last_outcome.has_value();
  }));
  EXPECT_EQ(moved.attempts, 0U);
  EXPECT_EQ(moved.last_outcome->reason(), queue::v1::REASON_LOOKUP_BUSY);
  ASSERT_TRUE(moved.next_attempt_time.has_value());
  EXPECT_LT(*moved.next_attempt_time, std::chrono::system_clock::now() + 2 * retry_.not_tried_delay);
}

// Looking fails for as long as nobody answers for the events: the record does not spin meanwhile.
TEST_F(WorkerTest, WhatCannotBeLookedAtComesBackLater) {
  const std::unique_ptr<queue::Broker> other = Connect(config_);
  std::mutex mutex;
  std::vector<std::string> signs;
  const auto heard =
      other->Subscribe("$JS.ACK.READY_0.transactional.*.1.>", [&](const queue::IncomingMessage& sign) {
        const std::lock_guard lock(mutex);
        signs.emplace_back(sign.data);
      });
  ASSERT_TRUE(heard.ok());
  Api("STREAM.DELETE.EVENTS_0");
  StoreMail({{queue::kHeaderResend, "1"}});
  // It may have been put back before, for the server's youth.
  const auto given_back = testing::Contains(R"(-NAK {"delay": 1000000000})");
  EXPECT_TRUE(test::WaitUntil([&] {
    const std::lock_guard lock(mutex);
    return testing::Value(signs, given_back) || testing::Value(signs, testing::Contains("-NAK"));
  }));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(signs, given_back);
}

// To the server the record was with this worker from the beginning of the standstill; by its end somebody
// else has it. Whatever the worker says about it then would take it from that one.
TEST_F(WorkerTest, WhatCameDuringAStandstillIsNotTouched) {
  // About the first delivery of the first record: a later one the worker may well take.
  const std::unique_ptr<queue::Broker> other = Connect(config_);
  std::mutex mutex;
  std::vector<std::string> signs;
  const auto heard =
      other->Subscribe("$JS.ACK.READY_0.transactional.1.1.>", [&](const queue::IncomingMessage& sign) {
        const std::lock_guard lock(mutex);
        signs.emplace_back(sign.data);
      });
  ASSERT_TRUE(heard.ok());
  ASSERT_TRUE(test::WaitUntil([&] { return Consumer()["num_waiting"] > 0; }));

  std::promise<void> blocked;
  std::promise<void> go_on;
  asio::post(executor_, [&] {
    blocked.set_value();
    go_on.get_future().wait();
  });
  blocked.get_future().wait();
  StoreMail();
  ASSERT_TRUE(test::WaitUntil([&] { return Consumer()["num_ack_pending"] == 1; }));
  Api("INFO");  // whatever the server had sent before this answer is there
  // Long enough that the worker must notice: it takes over what it has for two thirds of ack_wait.
  ASSERT_TRUE(test::WaitUntil([&] { return Consumer()["num_redelivered"] == 1; }));
  go_on.set_value();

  StoreMail();
  ASSERT_TRUE(test::WaitUntil([&] { return Stored("EVENTS_0") >= 1; }));  // the worker goes on with others
  Api("INFO");
  ASSERT_TRUE(RunToEnd(queue::CallApi(*other, "INFO", "")).ok());
  const std::lock_guard lock(mutex);
  EXPECT_THAT(signs, testing::IsEmpty());
}

}  // namespace
}  // namespace goniec::outbound
