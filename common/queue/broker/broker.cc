#include "common/queue/broker/broker.h"

#include <algorithm>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <condition_variable>
#include <map>
#include <random>
#include <thread>
#include <unordered_map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/inbox.h"
#include "common/queue/broker/leader_silence.h"
#include "common/queue/broker/nats_connection.h"
#include "common/queue/broker/shown_server.h"
#include "common/queue/model/config.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kFirstReconnectWait{50};
// Below a twelfth of queue.ack_wait: by then all workers are to be back at a server that has come back.
constexpr std::chrono::milliseconds kLongestReconnectWait{1'000};

struct SubscriptionEntry {
  std::string subject;
  std::shared_ptr<MessageSink> sink;
  void* handle = nullptr;  // of the connection at hand; confined to the broker's thread
};

class NatsBroker final : public Broker {
 public:
  NatsBroker(QueueConfig config, std::string name)
      : config_(std::move(config)),
        name_(std::move(name)),
        inbox_prefix_(InboxPrefix(config_.user)),
        work_(asio::make_work_guard(io_)),
        timer_(io_) {}
  ~NatsBroker() override { Stop(); }

  void Run() {
    replies_ = AddSubscription(absl::StrCat(inbox_prefix_, "r.*"), [this](IncomingMessage message) {
      asio::post(io_, [this, message = std::move(message)]() mutable { OnReply(std::move(message)); });
    });
    thread_ = std::thread([this] { io_.run(); });
    connector_ = std::thread([this] { ConnectForEver(); });
  }

  asio::any_io_executor executor() const override {
    return const_cast<asio::io_context&>(io_).get_executor();
  }
  bool connected() const override { return connected_; }
  std::string server_version() const override { return Locked(server_version_); }
  std::int64_t max_payload() const override { return max_payload_; }
  std::string last_error() const override { return connected_ ? std::string() : Locked(last_error_); }
  BootTime last_answer() const override { return BootTime(BootClock::duration(last_answer_)); }
  BootTime last_confirmed() const override { return BootTime(BootClock::duration(last_confirmed_)); }
  bool clustered() const override { return clustered_; }
  std::string NewInbox() override { return absl::StrCat(inbox_prefix_, "s.", next_inbox_++); }

  int OnStateChange(std::function<void(bool)> callback) override;
  void RemoveStateCallback(int token) override;
  void Publish(OutgoingMessage message) override;
  void Request(OutgoingMessage message, std::chrono::milliseconds limit, std::function<void(Reply)> done,
               std::function<bool()> may_send) override;
  void RequestMany(OutgoingMessage message, std::chrono::milliseconds limit,
                   std::function<bool(Reply)> each) override;
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(
      const std::string& subject, std::function<void(IncomingMessage)> handler) override;

 private:
  class OwnedSubscription;
  struct Waiter {
    std::function<bool(Reply)> each;
    std::multimap<BootTime, std::uint64_t>::iterator deadline;
    LeaderSilence::Kind kind = LeaderSilence::Kind::kNone;
    BootTime sent;
  };

  std::string Locked(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return text;
  }
  void Stop();

  // The connector's thread.
  void ConnectForEver();
  void WaitForClose();

  // The broker's thread.
  void Adopt(std::shared_ptr<NatsConnection> connection);
  void OnClosed();
  void EndSubscriptions();
  std::shared_ptr<SubscriptionEntry> AddSubscription(const std::string& subject,
                                                     std::function<void(IncomingMessage)> handler);
  void DropSubscription(const std::shared_ptr<SubscriptionEntry>& entry);
  void Send(OutgoingMessage message, std::chrono::milliseconds limit, std::function<bool(Reply)> each,
            const std::function<bool()>& may_send);
  void OnReply(IncomingMessage message);
  void Note(const Waiter& waiter, const IncomingMessage& message);
  void LeaveIfSilent();
  void ArmTimer();
  void OnTimer();
  void FailAll(const absl::Status& status);
  void Tell(bool connected);

  const QueueConfig config_;
  const std::string name_;
  const std::string inbox_prefix_;
  std::atomic<std::uint64_t> next_inbox_{0};

  std::atomic<bool> connected_{false};
  std::atomic<std::int64_t> max_payload_{0};
  std::atomic<BootClock::rep> last_answer_{0};
  std::atomic<BootClock::rep> last_confirmed_{0};
  std::atomic<bool> clustered_{false};

  mutable std::mutex mutex_;  // below
  std::condition_variable state_;
  bool stopping_ = false;
  bool closed_ = false;  // the connection at hand has ended
  std::string left_;     // the server that was left of our own will
  std::string server_version_;
  std::string last_error_ = "not connected yet";

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;

  // Confined to the broker's thread.
  std::shared_ptr<NatsConnection> connection_;
  LeaderSilence silence_;
  std::vector<std::shared_ptr<SubscriptionEntry>> subscriptions_;
  std::shared_ptr<SubscriptionEntry> replies_;
  std::unordered_map<std::uint64_t, Waiter> waiters_;
  std::multimap<BootTime, std::uint64_t> deadlines_;
  asio::steady_timer timer_;
  BootTime timer_for_ = BootTime::max();
  std::uint64_t next_token_ = 0;
  std::map<int, std::function<void(bool)>> state_callbacks_;
  int next_state_token_ = 0;

  std::thread thread_;
  std::thread connector_;
};

class NatsBroker::OwnedSubscription final : public Subscription {
 public:
  OwnedSubscription(NatsBroker& broker, std::shared_ptr<SubscriptionEntry> entry)
      : broker_(broker), entry_(std::move(entry)) {}
  ~OwnedSubscription() override {
    {
      const std::lock_guard lock(entry_->sink->mutex);
      entry_->sink->active = false;
    }
    asio::post(broker_.io_, [&broker = broker_, entry = entry_] { broker.DropSubscription(entry); });
  }
  const std::string& subject() const override { return entry_->subject; }

 private:
  NatsBroker& broker_;
  std::shared_ptr<SubscriptionEntry> entry_;
};

void NatsBroker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    state_.notify_all();
  }
  if (connector_.joinable()) connector_.join();
  if (thread_.joinable()) {
    asio::post(io_, [this] {
      FailAll(absl::CancelledError("the broker connection was stopped"));
      EndSubscriptions();
      connection_.reset();
      work_.reset();
      timer_.cancel();
    });
    thread_.join();
  }
}

void NatsBroker::ConnectForEver() {
  std::chrono::milliseconds wait = kFirstReconnectWait;
  std::minstd_rand jitter(std::random_device{}());
  std::string shown;  // the same failure is told once
  for (;;) {
    std::string left;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      closed_ = false;
      left = left_;
    }
    auto connection = NatsConnection::Connect(config_, name_, left, [this] {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      state_.notify_all();
    });
    if (connection.ok()) {
      {
        const std::lock_guard lock(mutex_);
        server_version_ = (*connection)->server_version();
      }
      shown.clear();
      wait = kFirstReconnectWait;
      asio::post(io_, [this, made = *std::move(connection)]() mutable { Adopt(std::move(made)); });
      WaitForClose();
      continue;
    }
    if (const std::string why(Message(connection.status())); why != shown) {
      shown = why;
      observe::Warn("broker unreachable", {{"server", ShownServer(config_.servers.front())}, {"error", why}});
    }
    std::unique_lock lock(mutex_);
    last_error_ = std::string(Message(connection.status()));
    state_.wait_for(lock, wait + std::chrono::milliseconds(jitter() % 50), [this] { return stopping_; });
    wait = std::min(wait * 2, kLongestReconnectWait);
  }
}

void NatsBroker::WaitForClose() {
  std::unique_lock lock(mutex_);
  state_.wait(lock, [this] { return stopping_ || closed_; });
  if (stopping_) return;
  last_error_ = "the connection was lost";
  lock.unlock();
  asio::post(io_, [this] { OnClosed(); });
}

void NatsBroker::Adopt(std::shared_ptr<NatsConnection> connection) {
  connection_ = std::move(connection);
  silence_.Reset();
  last_confirmed_ = 0;
  clustered_ = connection_->clustered() || config_.replicas > 1;  // its INFO may have been unreadable
  max_payload_ = connection_->max_payload();
  for (const auto& entry : subscriptions_) {
    absl::StatusOr<void*> handle = connection_->Subscribe(entry->subject, entry->sink);
    entry->handle = handle.ok() ? *handle : nullptr;
    // It fails only on a connection that has just ended; the next one subscribes again.
    if (!handle.ok()) {
      observe::Warn("subscription not made",
                    {{"subject", entry->subject}, {"error", Message(handle.status())}});
    }
  }
  connected_ = connection_->open();
  observe::Info("broker connected",
                {{"name", name_}, {"url", ShownServer(connection_->url())}, {"version", server_version()}});
  if (connected_) Tell(true);
}

void NatsBroker::OnClosed() {
  if (connection_ == nullptr || connection_->open()) return;
  connected_ = false;
  EndSubscriptions();
  connection_.reset();
  observe::Warn("broker disconnected", {{"name", name_}, {"waiting", waiters_.size()}});
  FailAll(absl::UnavailableError("the connection to the broker was lost"));
  Tell(false);
}

// Those of the connection at hand; the next one makes them anew.
void NatsBroker::EndSubscriptions() {
  for (const auto& entry : subscriptions_) {
    if (entry->handle != nullptr) connection_->Unsubscribe(entry->handle);
    entry->handle = nullptr;
  }
}

void NatsBroker::Tell(bool connected) {
  const auto callbacks = state_callbacks_;  // one may remove itself
  for (const auto& [token, callback] : callbacks) callback(connected);
}

int NatsBroker::OnStateChange(std::function<void(bool)> callback) {
  int token = 0;
  {
    const std::lock_guard lock(mutex_);
    token = next_state_token_++;
  }
  asio::post(io_, [this, token, callback = std::move(callback)]() mutable {
    auto& stored = state_callbacks_[token] = std::move(callback);
    if (connected_) stored(true);
  });
  return token;
}

void NatsBroker::RemoveStateCallback(int token) {
  // Waits, so that no callback runs once this has returned (unless called from one).
  if (std::this_thread::get_id() == thread_.get_id()) {
    state_callbacks_.erase(token);
    return;
  }
  std::mutex done_mutex;
  std::condition_variable done;
  bool removed = false;
  asio::post(io_, [&] {
    state_callbacks_.erase(token);
    const std::lock_guard lock(done_mutex);
    removed = true;
    done.notify_all();
  });
  std::unique_lock lock(done_mutex);
  done.wait(lock, [&] { return removed; });
}

std::shared_ptr<SubscriptionEntry> NatsBroker::AddSubscription(const std::string& subject,
                                                               std::function<void(IncomingMessage)> handler) {
  auto entry = std::make_shared<SubscriptionEntry>();
  entry->subject = subject;
  entry->sink = std::make_shared<MessageSink>();
  entry->sink->handler = std::move(handler);
  subscriptions_.push_back(entry);
  return entry;
}

void NatsBroker::DropSubscription(const std::shared_ptr<SubscriptionEntry>& entry) {
  if (entry->handle != nullptr && connection_ != nullptr) connection_->Unsubscribe(entry->handle);
  entry->handle = nullptr;
  std::erase(subscriptions_, entry);
}

absl::StatusOr<std::unique_ptr<Subscription>> NatsBroker::Subscribe(
    const std::string& subject, std::function<void(IncomingMessage)> handler) {
  auto entry = std::make_shared<SubscriptionEntry>();
  entry->subject = subject;
  entry->sink = std::make_shared<MessageSink>();
  entry->sink->handler = std::move(handler);
  asio::post(io_, [this, entry] {
    subscriptions_.push_back(entry);
    if (connection_ == nullptr) return;
    absl::StatusOr<void*> handle = connection_->Subscribe(entry->subject, entry->sink);
    if (handle.ok()) entry->handle = *handle;
  });
  return std::make_unique<OwnedSubscription>(*this, std::move(entry));
}

void NatsBroker::Publish(OutgoingMessage message) {
  asio::dispatch(io_, [this, message = std::move(message)] {
    if (connection_ == nullptr || !connected_) return;
    if (const auto sent = connection_->Send(message, message.reply); !sent.status.ok()) {
      observe::Debug("message not sent", {{"subject", message.subject}, {"error", Message(sent.status)}});
    }
  });
}

void NatsBroker::Request(OutgoingMessage message, std::chrono::milliseconds limit,
                         std::function<void(Reply)> done, std::function<bool()> may_send) {
  asio::dispatch(io_, [this, message = std::move(message), limit, done = std::move(done),
                       may_send = std::move(may_send)]() mutable {
    auto each = [done = std::move(done)](Reply reply) {
      done(std::move(reply));
      return true;
    };
    Send(std::move(message), limit, std::move(each), may_send);
  });
}

void NatsBroker::RequestMany(OutgoingMessage message, std::chrono::milliseconds limit,
                             std::function<bool(Reply)> each) {
  asio::dispatch(io_, [this, message = std::move(message), limit, each = std::move(each)]() mutable {
    Send(std::move(message), limit, std::move(each), nullptr);
  });
}

void NatsBroker::Send(OutgoingMessage message, std::chrono::milliseconds limit,
                      std::function<bool(Reply)> each, const std::function<bool()>& may_send) {
  if (connection_ == nullptr || !connected_) {
    each(Reply{absl::UnavailableError(absl::StrCat("no connection to the broker: ", last_error())),
               Sent::kNo});
    return;
  }
  if (may_send && !may_send()) {
    each(Reply{absl::DeadlineExceededError("too old to be sent"), Sent::kNo});
    return;
  }
  const std::uint64_t token = next_token_++;
  const auto sent = connection_->Send(message, absl::StrCat(inbox_prefix_, "r.", token));
  if (!sent.status.ok()) {
    each(Reply{sent.status, sent.sent});
    return;
  }
  const BootTime now = BootClock::now();
  const auto deadline = deadlines_.emplace(now + limit, token);
  const LeaderSilence::Kind kind = LeaderSilence::KindOf(message.subject);
  silence_.Asked(kind, now);
  waiters_.emplace(token, Waiter{std::move(each), deadline, kind, now});
  ArmTimer();
}

void NatsBroker::OnReply(IncomingMessage message) {
  last_answer_ = BootClock::now().time_since_epoch().count();
  std::uint64_t token = 0;
  const std::size_t dot = message.subject.rfind('.');
  if (!absl::SimpleAtoi(message.subject.substr(dot + 1), &token)) return;
  const auto found = waiters_.find(token);
  if (found == waiters_.end()) return;  // came after its time limit
  const bool single_failure = message.status == 503;
  Waiter waiter = std::move(found->second);
  waiters_.erase(found);
  Note(waiter, message);
  const bool last = waiter.each(Reply{std::move(message), Sent::kMaybe}) || single_failure;
  if (last) {
    deadlines_.erase(waiter.deadline);
  } else {
    waiters_.emplace(token, std::move(waiter));
  }
}

void NatsBroker::Note(const Waiter& waiter, const IncomingMessage& message) {
  if (!LeaderSilence::FromLeader(waiter.kind, message.status, message.data)) return LeaveIfSilent();
  silence_.Answered(waiter.kind);
  if (waiter.kind == LeaderSilence::Kind::kWrite && LeaderSilence::Confirmed(message.status, message.data)) {
    const BootClock::rep sent = waiter.sent.time_since_epoch().count();
    last_confirmed_ = std::max<BootClock::rep>(last_confirmed_, sent);
  }
}

// Called when a request had no answer of a leader.
void NatsBroker::LeaveIfSilent() {
  if (!clustered_ || connection_ == nullptr || !silence_.TooLong(BootClock::now())) return;
  const std::string url = connection_->url();
  observe::Warn("broker left: no stream's leader answers there",
                {{"name", name_}, {"url", ShownServer(url)}});
  silence_.Reset();
  {
    const std::lock_guard lock(mutex_);
    left_ = url;
  }
  connection_->Close();
}

void NatsBroker::ArmTimer() {
  if (deadlines_.empty()) return;
  const BootTime next = deadlines_.begin()->first;
  if (next >= timer_for_) return;  // an earlier wake-up is under way
  timer_for_ = next;
  timer_.expires_after(std::max(next - BootClock::now(), BootClock::duration(0)));
  timer_.async_wait([this](std::error_code error) {
    if (!error) OnTimer();
  });
}

void NatsBroker::OnTimer() {
  timer_for_ = BootTime::max();
  while (!deadlines_.empty() && deadlines_.begin()->first <= BootClock::now()) {
    const std::uint64_t token = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = waiters_.find(token);
    Waiter waiter = std::move(found->second);
    waiters_.erase(found);
    waiter.each(Reply{absl::DeadlineExceededError("the broker did not answer in time"), Sent::kMaybe});
    if (waiter.kind != LeaderSilence::Kind::kNone) LeaveIfSilent();
  }
  ArmTimer();
}

void NatsBroker::FailAll(const absl::Status& status) {
  auto waiters = std::move(waiters_);
  waiters_.clear();
  deadlines_.clear();
  for (auto& [token, waiter] : waiters) waiter.each(Reply{status, Sent::kMaybe});
}

}  // namespace

asio::awaitable<Reply> Broker::Request(OutgoingMessage message, std::chrono::milliseconds limit) {
  co_return co_await AwaitCallback<Reply>(
      [this, message = std::move(message), limit](std::function<void(Reply)> done) mutable {
        Request(std::move(message), limit, std::move(done));
      });
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(const QueueConfig& config, const std::string& name) {
  if (config.servers.empty()) return absl::InvalidArgumentError("queue.servers: name at least one server");
  if (absl::Status bad = CheckNatsOptions(config, name); !bad.ok()) return bad;
  auto broker = std::make_unique<NatsBroker>(config, name);
  broker->Run();
  return broker;
}

}  // namespace goniec::queue
