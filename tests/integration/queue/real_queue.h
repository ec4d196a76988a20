// A provisioned nats-server for one test, and coroutines run to their end on the test's thread. Also a broker
// connection that lets a test act, count or answer between the steps of what it tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/run_to_end.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/streams/provision.h"
#include "tests/support/nats_server.h"

namespace goniec::queue {

class RealQueue : public testing::Test {
 protected:
  void StartServer(test::NatsServerOptions options = {}) {
    auto server = test::NatsServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    config_.servers = {server_->url()};
    // The server offers 2 GiB.
    if (config_.capacity_bytes == QueueConfig().capacity_bytes) config_.capacity_bytes = 512ULL << 20;
    if (!server_->monitor_url().empty()) config_.monitor_urls = {server_->monitor_url()};
    broker_ = Connect(config_);
  }

  std::unique_ptr<Broker> Connect(const QueueConfig& config) {
    auto broker = Broker::Start(config, "test");
    EXPECT_TRUE(broker.ok()) << broker.status();
    EXPECT_TRUE(test::WaitUntil([&] { return (*broker)->connected(); })) << (*broker)->last_error();
    return *std::move(broker);
  }

  void ProvisionAll() {
    const auto changes = RunToEnd(Provision(*broker_, config_));
    ASSERT_TRUE(changes.ok()) << changes.status();
  }

  std::string Api(const std::string& call, const std::string& json = "") {
    const auto answer = RunToEnd(CallApi(*broker_, call, json));
    EXPECT_TRUE(answer.ok()) << call << ": " << answer.status();
    return answer.ok() ? *answer : std::string();
  }

  // Publishes and expects it to be stored.
  void Store(OutgoingMessage message) {
    const std::string subject = message.subject;
    const PublishResult result =
        RunToEnd(PublishAcknowledged(*broker_, std::move(message), std::chrono::seconds(5)));
    EXPECT_EQ(result.state, PublishState::kStored) << subject << ": " << result.status;
  }

  std::unique_ptr<test::NatsServer> server_;
  QueueConfig config_;
  std::unique_ptr<Broker> broker_;
};

// Hands everything to another connection; the test sees each request before it is sent and may answer it
// itself.
class WatchedBroker : public Broker {
 public:
  explicit WatchedBroker(Broker& real) : real_(real) {}

  // Called with the subject of every request, before it is sent.
  std::function<void(const std::string& subject)> before = [](const std::string&) {};
  // Where it returns a message, that is the answer and nothing is sent.
  std::function<std::optional<IncomingMessage>(const std::string& subject)> answer =
      [](const std::string&) -> std::optional<IncomingMessage> { return std::nullopt; };

  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }

  asio::any_io_executor executor() const override { return real_.executor(); }
  bool connected() const override { return real_.connected(); }
  std::string server_version() const override { return real_.server_version(); }
  std::int64_t max_payload() const override { return real_.max_payload(); }
  std::string last_error() const override { return real_.last_error(); }
  BootTime last_answer() const override { return real_.last_answer(); }
  BootTime last_confirmed() const override { return real_.last_confirmed(); }
  bool clustered() const override { return real_.clustered(); }
  int OnStateChange(std::function<void(bool)> callback) override {
    return real_.OnStateChange(std::move(callback));
  }
  void RemoveStateCallback(int token) override { real_.RemoveStateCallback(token); }
  void Publish(OutgoingMessage message) override { real_.Publish(std::move(message)); }

  void Request(OutgoingMessage message, std::chrono::milliseconds limit, std::function<void(Reply)> done,
               std::function<bool()> may_send) override {
    See(message.subject);
    if (auto given = answer(message.subject)) return done(Reply{*std::move(given)});
    real_.Request(std::move(message), limit, std::move(done), std::move(may_send));
  }
  void RequestMany(OutgoingMessage message, std::chrono::milliseconds limit,
                   std::function<bool(Reply)> each) override {
    See(message.subject);
    if (auto given = answer(message.subject)) {
      each(Reply{*std::move(given)});
      return;
    }
    real_.RequestMany(std::move(message), limit, std::move(each));
  }
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(
      const std::string& subject, std::function<void(IncomingMessage)> handler) override {
    return real_.Subscribe(subject, std::move(handler));
  }
  std::string NewInbox() override { return real_.NewInbox(); }

 private:
  void See(const std::string& subject) {
    requests_.push_back(subject);
    before(subject);
  }

  Broker& real_;
  std::vector<std::string> requests_;
};

// Lets requests through and loses the answers to the first `lose` under `prefix`.
class LossyBroker final : public WatchedBroker {
 public:
  LossyBroker(Broker& real, std::string prefix) : WatchedBroker(real), prefix_(std::move(prefix)) {}
  std::atomic<int> lose{0};

  void Request(OutgoingMessage message, std::chrono::milliseconds limit, std::function<void(Reply)> done,
               std::function<bool()> may_send) override {
    const bool lost = message.subject.starts_with(prefix_) && lose.fetch_sub(1) > 0;
    auto deliver = [done = std::move(done), lost](Reply reply) {
      done(lost ? Reply{absl::DeadlineExceededError("lost by the test"), Sent::kMaybe} : std::move(reply));
    };
    WatchedBroker::Request(std::move(message), limit, std::move(deliver), std::move(may_send));
  }

 private:
  const std::string prefix_;
};

// Between two leaders of a cluster's streams: nobody listens to the first `leaderless` publishes under
// `prefix`.
class LeaderlessBroker final : public WatchedBroker {
 public:
  LeaderlessBroker(Broker& real, std::string prefix) : WatchedBroker(real) {
    answer = [this,
              prefix = std::move(prefix)](const std::string& subject) -> std::optional<IncomingMessage> {
      if (!subject.starts_with(prefix) || leaderless.fetch_sub(1) <= 0) return std::nullopt;
      IncomingMessage nobody;
      nobody.status = 503;
      return nobody;
    };
  }
  bool clustered() const override { return in_cluster; }
  std::atomic<int> leaderless{0};
  std::atomic<bool> in_cluster{true};
};

// Loses one message of each answer of several: the `lost`th, from 0 on.
class GappyBroker final : public WatchedBroker {
 public:
  using WatchedBroker::WatchedBroker;
  int lost = -1;

  void RequestMany(OutgoingMessage message, std::chrono::milliseconds limit,
                   std::function<bool(Reply)> each) override {
    WatchedBroker::RequestMany(std::move(message), limit,
                               [each = std::move(each), left = lost](Reply reply) mutable {
                                 return left-- != 0 && each(std::move(reply));
                               });
  }
};

}  // namespace goniec::queue
