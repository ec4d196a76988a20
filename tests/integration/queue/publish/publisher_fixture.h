// A publisher on a real queue, with clocks and a broker that a test holds.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <mutex>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/model/record_builder.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/publisher.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {

using testing::IsEmpty;

// A boot clock that the test moves on; wall time is real.
class JumpingClock final : public Clock {
 public:
  WallTime Wall() const override { return std::chrono::system_clock::now(); }
  BootTime Boot() const override { return BootClock::now() + BootClock::duration(ahead_); }
  void Jump(std::chrono::nanoseconds span) { ahead_ += span.count(); }

 private:
  std::atomic<std::int64_t> ahead_{0};
};

// Each look at it finds it a good part of a pause later.
class StridingClock final : public Clock {
 public:
  WallTime Wall() const override { return std::chrono::system_clock::now(); }
  BootTime Boot() const override { return kBegin + kStride * ++looks_; }

 private:
  static constexpr BootTime kBegin{std::chrono::hours(1)};
  static constexpr std::chrono::microseconds kStride{70};
  mutable std::atomic<std::int64_t> looks_{0};
};

// Keeps publishes into READY until Release(), and remembers whose they were.
class HoldingBroker final : public WatchedBroker {
 public:
  using WatchedBroker::WatchedBroker;

  void Request(OutgoingMessage message, std::chrono::milliseconds limit, std::function<void(Reply)> done,
               std::function<bool()> may_send) override {
    if (!message.subject.starts_with("ready.")) {
      return WatchedBroker::Request(std::move(message), limit, std::move(done), std::move(may_send));
    }
    const std::lock_guard lock(mutex_);
    const std::size_t slot = message.subject.rfind('.');
    const std::size_t tenant = message.subject.rfind('.', slot - 1) + 1;
    tenants_.push_back(message.subject.substr(tenant, slot - tenant));
    auto send = [this, message = std::move(message), limit, done = std::move(done),
                 may_send = std::move(may_send)]() mutable {
      WatchedBroker::Request(std::move(message), limit, std::move(done), std::move(may_send));
    };
    if (holding_) {
      held_.emplace_back(std::move(send));
    } else {
      asio::post(executor(), std::move(send));
    }
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    for (auto& send : held_) asio::post(executor(), std::move(send));
    held_.clear();
  }
  [[nodiscard]] std::vector<std::string> tenants() const {
    const std::lock_guard lock(mutex_);
    return tenants_;
  }

 private:
  mutable std::mutex mutex_;
  bool holding_ = true;
  std::vector<std::function<void()>> held_;
  std::vector<std::string> tenants_;
};

// What Commit's callbacks said, in order of their coming.
class Answers {
 public:
  std::function<void(absl::StatusOr<Committed>)> Take() {
    return [this](absl::StatusOr<Committed> answer) {
      const std::lock_guard lock(mutex_);
      all_.push_back(std::move(answer));
    };
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  [[nodiscard]] std::vector<absl::StatusOr<Committed>> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<absl::StatusOr<Committed>> all_;
};

class PublisherTest : public RealQueue {
 protected:
  void SetUp() override { Begin({}); }

  void Begin(test::NatsServerOptions options) {
    StartServer(std::move(options));
    ProvisionAll();
    lossy_ = std::make_unique<LossyBroker>(*broker_, "ready.");
  }

  void Make() { publisher_ = Publisher::Create(*lossy_, config_, nullptr, clock_); }
  LeaderlessBroker& MakeLeaderless() {
    leaderless_ = std::make_unique<LeaderlessBroker>(*broker_, "ready.");
    return *leaderless_;
  }

  static v1::Mail MakeMail(std::size_t body = 1'000,
                           v1::MailClass mail_class = v1::MAIL_CLASS_TRANSACTIONAL) {
    v1::Mail mail;
    mail.set_tenant("acme");
    mail.set_mail_class(mail_class);
    mail.set_mail_from("sender@example.org");
    mail.add_recipients()->set_address("someone@example.net");
    std::string head = "X-Id: ";
    head += kMessageIdPlaceholder;
    mail.set_head(head + "\r\n");
    mail.set_inline_body(std::string(body, 'x'));
    mail.set_size_bytes(body);
    return mail;
  }

  std::vector<v1::Record> StoredRecords() {
    std::vector<v1::Record> records;
    std::uint64_t sequence = 1;
    for (;;) {
      const auto stored = RunToEnd(GetNextMessage(*broker_, ReadyStream(0), "ready.>", sequence));
      if (!stored.ok()) {
        EXPECT_TRUE(absl::IsNotFound(stored.status())) << stored.status();
        return records;
      }
      sequence = stored->sequence + 1;
      EXPECT_TRUE(records.emplace_back().ParseFromString(stored->data));
    }
  }

  absl::StatusOr<Committed> CommitOne(v1::Mail mail) { return RunToEnd(publisher_->Commit(std::move(mail))); }

  JumpingClock clock_;
  std::unique_ptr<LossyBroker> lossy_;
  std::unique_ptr<LeaderlessBroker> leaderless_;
  std::unique_ptr<Publisher> publisher_;
};

}  // namespace goniec::queue
