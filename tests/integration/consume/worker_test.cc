// The worker on a real queue, in this process: what a test of whole processes cannot time.
#include "outbound/consume/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/model/subjects.h"
#include "common/queue/tend/watchdog.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/route/router.h"
#include "tests/integration/queue/real_queue.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

class WorkerTest : public queue::RealQueue {
 protected:
  void SetUp() override {
    config_.ack_wait = std::chrono::seconds(2);
    StartServer();
    ProvisionAll();
    StartWorker();
  }
  void StartWorker() {
    finder_ = std::make_unique<queue::MessageFinder>(*broker_, config_);
    dispatcher_ = std::make_unique<Dispatcher>(executor_, DeliverConfig(), nullptr, metrics_);
    worker_ = std::make_unique<Worker>(WorkerParts{executor_, *broker_, *finder_, config_, router_,
                                                   *dispatcher_, retry_, worker_config_, metrics_});
    worker_->Start();
  }
  void TearDown() override {
    if (worker_ != nullptr) (void)worker_->Drain(std::chrono::seconds(20));
    worker_.reset();
    dispatcher_.reset();
  }

  // A record with one mail for an address that routing refuses: it ends without a connection.
  std::string StoreMail(const std::map<std::string, std::string>& headers = {},
                        const std::string& recipient = "somebody@[127.0.0.1]") {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address(recipient);
    mail.set_recipient_count(1);
    *mail.mutable_accept_time() = queue::ToProto(now);
    *mail.mutable_expire_time() = queue::ToProto(now + std::chrono::hours(1));
    mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    Store({queue::ReadySubject(0, queue::MailClass::kTransactional, "default",
                               queue::SlotOf(record.record_id())),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {headers.begin(), headers.end()}});
    return mail.message_id();
  }

  // A copy of a mail whose time is over, as another worker moved it after an attempt with this outcome.
  std::string StoreExpiredCopy(const queue::v1::Outcome& outcome) {
    const WallTime accepted = std::chrono::system_clock::now() - std::chrono::minutes(10);
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(accepted));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address("somebody@full.test");
    mail.set_recipient_count(1);
    mail.set_generation(1);
    mail.set_attempts(3);
    *mail.mutable_accept_time() = queue::ToProto(accepted);
    *mail.mutable_expire_time() = queue::ToProto(accepted + std::chrono::minutes(5));
    mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    queue::v1::EventRecord events;
    *events.add_events() =
        queue::MakeEvent(mail, queue::v1::EVENT_TYPE_DEFERRED, {0}, accepted + std::chrono::minutes(4));
    events.mutable_events(0)->set_attempts(3);
    *events.mutable_events(0)->mutable_outcome() = outcome;
    const int slot = queue::SlotOf(mail.message_id());
    Store({queue::LateEventSubject(queue::ShardOf(slot, config_.event_shards), "default", slot),
           std::make_shared<const std::string>(events.SerializeAsString()),
           {}});
    Store({queue::DueSubject(queue::WaitSubject(0, queue::MailClass::kTransactional, "default",
                                                mail.message_id(), 1, "full.test")),
           std::make_shared<const std::string>(record.SerializeAsString()),
           {}});
    return mail.message_id();
  }

  nlohmann::json Consumer() { return nlohmann::json::parse(Api("CONSUMER.INFO.READY_0.transactional")); }
  std::uint64_t Stored(const std::string& stream) {
    return nlohmann::json::parse(Api("STREAM.INFO." + stream))["state"]["messages"];
  }

  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  observe::Metrics metrics_;
  test::FakeResolver resolver_;
  Router router_{RouteConfig(), resolver_, {}};
  RetryPolicy retry_;
  WorkerConfig worker_config_;
  std::unique_ptr<queue::MessageFinder> finder_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Worker> worker_;
};

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

class ReleasedRecordTest : public WorkerTest {
 protected:
  // The worker comes when all is stored.
  void SetUp() override {
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<queue::MessageFinder>(*broker_, config_);
  }

  // Mails of one record that have moved to a shelf, each to an address that routing refuses.
  static queue::v1::Record MakeRecord(int mails) {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    for (int i = 0; i < mails; ++i) {
      queue::v1::Mail& mail = *record.add_mails();
      mail.set_message_id(mail::MessageIdOf(record.record_id(), i));
      mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
      mail.set_tenant("default");
      mail.set_generation(1);
      mail.add_recipients()->set_address("somebody@[127.0.0.1]");
      mail.set_recipient_count(1);
      *mail.mutable_accept_time() = queue::ToProto(now);
      *mail.mutable_expire_time() = queue::ToProto(now + std::chrono::hours(1));
      mail.set_inline_body("Subject: x\r\n\r\nx\r\n");
    }
    return record;
  }
  // Back from the shelf: only the mails at these places of `record`.
  void Release(const queue::v1::Record& record, const std::vector<int>& mails) {
    queue::v1::Record part = record;
    part.clear_mails();
    for (const int place : mails) *part.add_mails() = record.mails(place);
    Store({queue::ReleasedSubject(queue::HeldSubject(0, queue::MailClass::kTransactional, "site1", "default",
                                                     queue::SlotOf(record.record_id()),
                                                     queue::FromProto(record.mails(0).expire_time()))),
           std::make_shared<const std::string>(part.SerializeAsString()),
           {}});
  }
  // All have ended, each once, and nothing is left.
  void ExpectServed(const queue::v1::Record& record) {
    EXPECT_TRUE(test::WaitUntil([&] { return Stored("WAIT_0") == 0; }));
    EXPECT_NE(metrics_.Render().find("\ngoniec_recipients_total{result=\"bounced\"} " +
                                     std::to_string(record.mails_size()) + "\n"),
              std::string::npos)
        << metrics_.Render();
    for (const queue::v1::Mail& mail : record.mails()) {
      const auto status = RunToEnd(finder_->Find("default", mail.message_id()));
      ASSERT_TRUE(status.ok()) << status.status();
      EXPECT_EQ(status->recipients.at(0).state, queue::RecipientState::kBounced) << mail.message_id();
    }
  }
};

TEST_F(ReleasedRecordTest, EveryMailOfARecordIsServed) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0, 1, 2});
  StartWorker();
  ExpectServed(record);
  EXPECT_EQ(Stored("QUARANTINE"), 0U);
}

// By its subject the second would be the first once more.
TEST_F(ReleasedRecordTest, RecordsThatShareASubjectAreAllServed) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0});
  Release(record, {1, 2});
  StartWorker();
  ExpectServed(record);
}

TEST_F(ReleasedRecordTest, OneThatCameBackTwiceIsServedOnce) {
  const queue::v1::Record record = MakeRecord(2);
  Release(record, {0, 1});
  Release(record, {0, 1});
  StartWorker();
  ExpectServed(record);
}

TEST_F(ReleasedRecordTest, OfTwoThatHoldSomeOfTheSameMailsEachIsServedOnce) {
  const queue::v1::Record record = MakeRecord(3);
  Release(record, {0, 1});
  Release(record, {1, 2});
  StartWorker();
  ExpectServed(record);
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
