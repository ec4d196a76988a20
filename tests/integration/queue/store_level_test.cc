// A store that fills: acceptance stops at its marks and goes on below them, events always find room.
#include "common/queue/store_level.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/publisher.h"
#include "common/queue/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kCapacity = 8 << 20;
constexpr std::size_t kBody = 100 << 10;

class StoreLevelTest : public RealQueue {
 protected:
  void SetUp() override {
    config_.capacity_bytes = kCapacity;
    StartServer();
    ProvisionAll();
    level_ = std::make_unique<StoreLevel>(*broker_, config_, metrics_, threads_.context(0).get_executor());
    level_->Start();
    publisher_ = Publisher::Create(*broker_, config_, level_.get());
  }
  void TearDown() override {
    publisher_.reset();
    level_->Stop();
    threads_.Stop();
  }

  static v1::Mail MailOf(v1::MailClass mail_class) {
    v1::Mail mail;
    mail.set_mail_class(mail_class);
    mail.set_tenant("default");
    mail.set_mail_from("sender@source.test");
    mail.add_recipients()->set_address("recipient@sink.test");
    mail.set_inline_body(std::string(kBody, 'x'));
    return mail;
  }

  absl::Status Send(v1::MailClass mail_class) {
    return RunToEnd(publisher_->Commit(MailOf(mail_class))).status();
  }

  // Sends until it is refused; the bytes that were taken.
  std::uint64_t Fill(v1::MailClass mail_class) {
    std::uint64_t taken = 0;
    for (;; taken += kBody) {
      const absl::Status sent = Send(mail_class);
      if (!sent.ok()) {
        EXPECT_TRUE(absl::IsResourceExhausted(sent)) << sent;
        return taken;
      }
    }
  }

  observe::Metrics metrics_;
  net::IoThreads threads_{1, "test"};
  std::unique_ptr<StoreLevel> level_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(StoreLevelTest, AcceptanceStopsAtItsMarksAndGoesOnBelowThem) {
  const std::uint64_t bulk = Fill(v1::MAIL_CLASS_BULK);
  EXPECT_GE(bulk, kCapacity / 100 * 55);
  EXPECT_LE(bulk, kCapacity / 100 * 60 + kBody);
  const std::uint64_t rest = Fill(v1::MAIL_CLASS_TRANSACTIONAL);
  EXPECT_GE(bulk + rest, kCapacity / 100 * 75);
  EXPECT_LE(bulk + rest, kCapacity / 100 * 80 + kBody);
  EXPECT_THAT(std::string(publisher_->Admit(MailClass::kTransactional).message()), HasSubstr("% full"));
  EXPECT_THAT(metrics_.Render(), HasSubstr("goniec_store_accepting{class=\"transactional\"} 0"));

  // What is above the mark is for what happened to the mail.
  Store(
      {EventSubject(0, "default", 1), std::make_shared<const std::string>(std::string(200 << 10, 'e')), {}});

  Api("STREAM.PURGE.READY_0");
  EXPECT_TRUE(test::WaitUntil([&] { return publisher_->Admit(MailClass::kTransactional).ok(); }));
  EXPECT_TRUE(Send(v1::MAIL_CLASS_TRANSACTIONAL).ok());
  EXPECT_TRUE(Send(v1::MAIL_CLASS_BULK).ok());
}

// Mail that others have put there counts as well.
TEST_F(StoreLevelTest, WhatOthersStoreIsSeen) {
  ASSERT_TRUE(publisher_->Admit(MailClass::kTransactional).ok());
  const auto other = Publisher::Create(*broker_, config_);
  while (RunToEnd(other->Commit(MailOf(v1::MAIL_CLASS_TRANSACTIONAL))).ok()) {
  }
  EXPECT_TRUE(test::WaitUntil(
      [&] { return absl::IsResourceExhausted(publisher_->Admit(MailClass::kTransactional)); }));
}

TEST_F(StoreLevelTest, WithoutABrokerWhatIsKnownStands) {
  Fill(v1::MAIL_CLASS_TRANSACTIONAL);
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_TRUE(absl::IsResourceExhausted(publisher_->Admit(MailClass::kTransactional)));
}

}  // namespace
}  // namespace goniec::queue
