// A real queue with records that a worker would have in hand: stored, pulled, and settled on an executor of
// their own.
#pragma once

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/task_group.h"
#include "common/mail/ulid.h"
#include "common/net/io_threads.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/puller.h"
#include "common/queue/hold/settlement.h"
#include "common/queue/model/subjects.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {

class HoldFixture : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
    finder_ = std::make_unique<MessageFinder>(*broker_, config_);
    watched_ = std::make_unique<WatchedBroker>(*broker_);
    context_ = std::make_unique<SettlementContext>(
        SettlementContext{*watched_, *finder_, config_, tasks_, stalled_, executor_,
                          [](const std::string& address) { return address.substr(address.find('@') + 1); },
                          [] { return false; }});
  }
  void TearDown() override {
    OnExecutor([this] {
      if (puller_ != nullptr) puller_->Stop();
    });
    EXPECT_TRUE(tasks_.WaitFor(std::chrono::seconds(10)));
    OnExecutor([this] { puller_.reset(); });
  }

  // A record of `mails` mails, each for a recipient at first.test and one at second.test.
  static v1::Record MakeRecord(int mails, std::uint32_t generation = 0, std::size_t body = 10) {
    const WallTime now = std::chrono::system_clock::now();
    v1::Record record;
    record.set_record_id(mail::NewRecordId(now));
    for (int i = 0; i < mails; ++i) {
      v1::Mail& mail = *record.add_mails();
      mail.set_message_id(mail::MessageIdOf(record.record_id(), i));
      mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
      mail.set_tenant("default");
      mail.set_generation(generation);
      for (const char* domain : {"first.test", "second.test"}) {
        v1::Recipient& recipient = *mail.add_recipients();
        recipient.set_index(static_cast<std::uint32_t>(mail.recipients_size() - 1));
        recipient.set_address(absl::StrCat("somebody@", domain));
      }
      mail.set_recipient_count(2);
      *mail.mutable_accept_time() = ToProto(now);
      *mail.mutable_expire_time() = ToProto(now + std::chrono::hours(24 + i));
      mail.set_inline_body(std::string(body, 'b'));
    }
    return record;
  }
  // Only the mails at these places.
  static v1::Record PartOf(const v1::Record& record, const std::vector<int>& mails) {
    v1::Record part = record;
    part.clear_mails();
    for (const int place : mails) *part.add_mails() = record.mails(place);
    return part;
  }

  static std::string ReadySubjectOf(const v1::Record& record) {
    return ReadySubject(0, MailClass::kTransactional, "default", SlotOf(record.record_id()));
  }
  static std::string ReleasedSubjectOf(const v1::Record& record) {
    return ReleasedSubject(HeldSubject({0, MailClass::kTransactional, "site1", "default"},
                                       SlotOf(record.record_id()),
                                       MinuteOf(FromProto(record.mails(0).expire_time()))));
  }
  static std::string DueSubjectOf(const v1::Record& record) {
    const v1::Mail& mail = record.mails(0);
    return DueSubject(WaitSubject(0, MailClass::kTransactional, "default", mail.message_id(),
                                  mail.generation(), "first.test"));
  }
  void StoreAt(const std::string& subject, const v1::Record& record, Headers headers = {}) {
    Store({subject, std::make_shared<const std::string>(record.SerializeAsString()), std::move(headers)});
  }

  // Pulls what the consumer has, until so many records were delivered; the last of them.
  std::shared_ptr<Delivery> Pull(const std::string& stream, const std::string& consumer, std::size_t count) {
    OnExecutor([&] {
      if (puller_ != nullptr) return;
      puller_ = std::make_unique<Puller>(
          *broker_, executor_, tasks_, stream, consumer, config_.ack_wait, [] { return 32; },
          [this](std::shared_ptr<Delivery> delivery) {
            const std::lock_guard lock(mutex_);
            delivered_.push_back(std::move(delivery));
          });
      puller_->Resume();
    });
    EXPECT_TRUE(test::WaitUntil([&] {
      const std::lock_guard lock(mutex_);
      return delivered_.size() >= count;
    }));
    const std::lock_guard lock(mutex_);
    return delivered_.size() < count ? nullptr : delivered_[count - 1];
  }

  void OnExecutor(const std::function<void()>& what) {
    std::promise<void> done;
    asio::post(executor_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  nlohmann::json StateOf(const std::string& stream) {
    return nlohmann::json::parse(Api("STREAM.INFO." + stream))["state"];
  }
  std::uint64_t Stored(const std::string& stream) { return StateOf(stream)["messages"]; }
  StoredMessage First(const std::string& stream, std::uint64_t from = 1) {
    auto stored = RunToEnd(GetNextMessage(*broker_, stream, ">", from));
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored.ok() ? *std::move(stored) : StoredMessage();
  }
  v1::Record RecordIn(const std::string& stream, std::uint64_t from = 1) {
    v1::Record record;
    EXPECT_TRUE(record.ParseFromString(First(stream, from).data));
    return record;
  }

  net::IoThreads thread_{1};
  asio::any_io_executor executor_ = thread_.context(0).get_executor();
  TaskGroup tasks_;
  StalledWrites stalled_{[] {}};
  std::unique_ptr<MessageFinder> finder_;
  std::unique_ptr<WatchedBroker> watched_;
  std::unique_ptr<SettlementContext> context_;
  std::unique_ptr<Puller> puller_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Delivery>> delivered_;
};

}  // namespace goniec::queue
