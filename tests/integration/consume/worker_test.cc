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
#include "common/queue/events.h"
#include "common/queue/message_finder.h"
#include "common/queue/subjects.h"
#include "common/queue/watchdog.h"
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
  std::string StoreMail(const std::map<std::string, std::string>& headers = {}) {
    const WallTime now = std::chrono::system_clock::now();
    queue::v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    queue::v1::Mail& mail = *record.add_mails();
    mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
    mail.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address("somebody@[127.0.0.1]");
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
  EXPECT_GT(lives, 2) << "it was left alone for ack_wait";
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
