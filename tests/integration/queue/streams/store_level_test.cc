// A store that fills: acceptance stops at its marks and goes on below them, events always find room.
#include "common/queue/streams/store_level.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <chrono>
#include <future>
#include <string>

#include "common/base/task_group.h"
#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/model/admission.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/streams/event_budget.h"
#include "common/queue/streams/waiting_room.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kMail = 8 << 20;  // what mail may take
constexpr std::uint64_t kEvents = 1 << 20;
constexpr std::uint64_t kWaiting = 1 << 20;
constexpr std::size_t kBody = 100 << 10;

class StoreLevelTest : public RealQueue {
 protected:
  void SetUp() override {
    config_.capacity_bytes = kMail + kEvents;
    config_.event_budget_bytes = kEvents;
    config_.waiting_memory_bytes = kWaiting;
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
  EXPECT_GE(bulk, kMail / 100 * 55);
  EXPECT_LE(bulk, kMail / 100 * 60 + kBody);
  const std::uint64_t rest = Fill(v1::MAIL_CLASS_TRANSACTIONAL);
  EXPECT_GE(bulk + rest, kMail / 100 * 75);
  EXPECT_LE(bulk + rest, kMail / 100 * 80 + kBody);
  EXPECT_THAT(std::string(publisher_->Admit(MailClass::kTransactional).message()),
              HasSubstr("the queue is 8"));
  EXPECT_EQ(RoomOf(publisher_->Admit(MailClass::kTransactional)), Room::kQueue);
  EXPECT_THAT(metrics_.Render(), HasSubstr("goniec_store_accepting{class=\"transactional\"} 0"));

  // What is above the mark is for what happened to the mail.
  Store(
      {EventSubject(0, "default", 1), std::make_shared<const std::string>(std::string(200 << 10, 'e')), {}});

  Api("STREAM.PURGE.READY_0");
  EXPECT_TRUE(test::WaitUntil([&] { return publisher_->Admit(MailClass::kTransactional).ok(); }));
  EXPECT_TRUE(Send(v1::MAIL_CLASS_TRANSACTIONAL).ok());
  EXPECT_TRUE(Send(v1::MAIL_CLASS_BULK).ok());
}

// Events do not take the room of mail, and mail not that of events.
TEST_F(StoreLevelTest, EventsThatFillTheirBudgetStopAcceptanceByThemselves) {
  const auto event = std::make_shared<const std::string>(std::string(50 << 10, 'e'));
  for (int i = 0; i < 20; ++i) Store({EventSubject(0, "default", i), event, {}});
  EXPECT_TRUE(test::WaitUntil([&] { return !publisher_->Admit(MailClass::kBulk).ok(); }));
  EXPECT_TRUE(publisher_->Admit(MailClass::kTransactional).ok()) << "bulk stops first";
  Store({EventSubject(0, "default", 20), event, {}});
  EXPECT_TRUE(test::WaitUntil([&] { return !publisher_->Admit(MailClass::kTransactional).ok(); }));
  const absl::Status full = publisher_->Admit(MailClass::kTransactional);
  EXPECT_EQ(RoomOf(full), Room::kEvents) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("queue.event_budget"));
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr("goniec_store_full{room=\"events\"} 1"),
                                       HasSubstr("goniec_store_full{room=\"queue\"} 0")));

  // What happens to mail is stored all the same, and the oldest goes once it may.
  Store({EventSubject(0, "default", 21), event, {}});
  const WallTime in_a_week = std::chrono::system_clock::now() + std::chrono::hours(24 * 7);
  ASSERT_TRUE(RunToEnd(TrimEvents(*broker_, config_, in_a_week, std::nullopt)).ok());
  EXPECT_TRUE(test::WaitUntil([&] { return publisher_->Admit(MailClass::kBulk).ok(); }));
  EXPECT_TRUE(publisher_->Admit(MailClass::kTransactional).ok());
}

TEST_F(StoreLevelTest, TooMuchMailThatWaitsStopsBulkAndThenAll) {
  const auto wait = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      Store({WaitSubject(0, MailClass::kTransactional, "default",
                         mail::NewUlid(std::chrono::system_clock::now()), 1, "sink.test"),
             std::make_shared<const std::string>(std::string(1'000, 'w')),
             {}});
    }
  };
  wait(0, 300);
  EXPECT_TRUE(test::WaitUntil([&] { return !publisher_->Admit(MailClass::kBulk).ok(); }));
  EXPECT_TRUE(publisher_->Admit(MailClass::kTransactional).ok()) << "bulk stops first";
  wait(300, 400);
  EXPECT_TRUE(test::WaitUntil([&] { return !publisher_->Admit(MailClass::kTransactional).ok(); }));
  const absl::Status full = publisher_->Admit(MailClass::kTransactional);
  EXPECT_EQ(RoomOf(full), Room::kWaiting) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("waits for its next attempt"));
  EXPECT_THAT(metrics_.Render(), HasSubstr("goniec_store_full{room=\"waiting\"} 1"));
  EXPECT_TRUE(test::WaitUntil([&] {
    return metrics_.Render().find("goniec_waiting_mails 400\n") != std::string::npos;
  })) << "the mark may be reached before all are there";
  Api("STREAM.PURGE.WAIT_0");
  EXPECT_TRUE(test::WaitUntil([&] { return publisher_->Admit(MailClass::kBulk).ok(); }));
}

// What is in the queue already moves to a shelf instead, before acceptance would stop altogether.
TEST_F(StoreLevelTest, WaitHasNoRoomForMoreFromItsMarkOnUntilBelowIt) {
  TaskGroup tasks;
  const auto executor = threads_.context(0).get_executor();
  WaitingRoom room(*broker_, config_, executor, tasks);
  const auto on_executor = [&](auto function) {
    std::promise<decltype(function())> answer;
    asio::post(executor, [&] { answer.set_value(function()); });
    return answer.get_future().get();
  };
  const auto full = [&] { return on_executor([&] { return room.full(); }); };
  EXPECT_FALSE(full()) << "not before it was read";
  room.Start();
  const std::string waiting(1'000, 'w');
  const auto wait = [&](const std::string& domain) {
    Store({WaitSubject(0, MailClass::kTransactional, "default",
                       mail::NewUlid(std::chrono::system_clock::now()), 1, domain),
           std::make_shared<const std::string>(waiting),
           {}});
  };
  for (int i = 0; i < 200; ++i) wait("first.test");
  EXPECT_FALSE(full()) << "60 %";
  for (int i = 0; i < 120; ++i) wait("second.test");
  EXPECT_TRUE(test::WaitUntil(full));
  Api("STREAM.PURGE.WAIT_0", R"({"filter":"wait.*.*.*.*.*.test.second"})");
  EXPECT_TRUE(test::WaitUntil([&] { return !full(); }));
  for (int i = 0; i < 120; ++i) wait("second.test");
  EXPECT_TRUE(test::WaitUntil(full));
  on_executor([&] {
    room.Stop();
    return 0;
  });
  EXPECT_TRUE(tasks.WaitFor(std::chrono::seconds(20)));
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
