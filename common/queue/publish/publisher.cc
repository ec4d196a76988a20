#include "common/queue/publish/publisher.h"

#include <algorithm>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/mail/ulid.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/record_builder.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/commit_queue.h"
#include "common/queue/streams/store_level.h"

namespace goniec::queue {
namespace {

// Commits in flight of one process, over all lanes, classes and tenants.
constexpr std::size_t kMostInFlight = 4;
using Done = std::function<void(absl::StatusOr<Committed>)>;

// A record on its way: frozen bytes, and those who wait for its fate.
struct Flight {
  GroupKey key;
  int lane = 0;
  OutgoingMessage message;
  BootTime formed;
  std::vector<std::string> ids;
  std::vector<CommitWaiter> waiters;
  std::size_t bytes = 0;
  // True once an answer was lost: it may be stored, so only an answer or the limit ends it.
  bool may_be_stored = false;
  // Nobody led the stream when it was sent, in a cluster: it is sent again until somebody does.
  bool leaderless = false;
  bool waiting_for_connection = false;
};

class GroupCommitPublisher final : public Publisher {
 public:
  GroupCommitPublisher(Broker& broker, const QueueConfig& config, StoreLevel* level, const Clock& clock)
      : broker_(broker),
        config_(config),
        level_(level),
        clock_(clock),
        queue_(config.lanes),
        pause_(broker.executor()),
        give_up_(broker.executor()),
        silence_(broker.executor()) {
    state_token_ = broker_.OnStateChange([this](bool connected) {
      if (connected) OnConnected();
    });
  }
  ~GroupCommitPublisher() override {
    asio::dispatch(broker_.executor(), [this] {
      pause_.cancel();
      give_up_.cancel();
      silence_.cancel();
    });
    // Each waits for what was posted before it: the first until the timers are cancelled, the second until
    // those that had fired by then have run.
    broker_.RemoveStateCallback(state_token_);
    broker_.RemoveStateCallback(state_token_);
  }

  using Publisher::Commit;
  absl::Status Admit(MailClass mail_class) const override;
  void Commit(v1::Mail mail, Done done, asio::any_io_executor home) override;
  void OnSilence(std::function<void(bool)> changed) override { silence_changed_ = std::move(changed); }
  void Drain(std::function<void()> done) override;
  PublisherStats stats() const override;

 private:
  // Any thread.
  void Refuse(const CommitWaiter& waiter, const absl::Status& status);
  [[nodiscard]] bool MustWakeLocked(const GroupKey& key, std::size_t bytes);

  // The broker's thread.
  void TakeIncoming();
  void StartCommits();
  bool StartOne(BootTime now);
  void DropStale(BootTime now);
  void Form(const CommitQueue::Turn& turn);
  void ArmPause(BootTime now);
  void GoQuiet(BootTime now);
  void Send(std::list<Flight>::iterator flight);
  void OnResult(std::list<Flight>::iterator flight, const PublishResult& result);
  void OnConnected();
  void BeginSilence();
  void EndSilence();
  void ArmGiveUp();
  void GiveUpOld();
  void Finish(std::list<Flight>::iterator flight, const absl::Status& status, const PublishResult& result);
  [[nodiscard]] bool TooOld(const Flight& flight) const {
    return clock_.Boot() - flight.formed >= config_.commit_limit;
  }
  void TellDrained();

  Broker& broker_;
  const QueueConfig& config_;
  StoreLevel* const level_;
  const Clock& clock_;
  int state_token_ = 0;

  std::mutex mutex_;  // the next four
  std::vector<WaitingMail> incoming_;
  bool woken_ = false;  // TakeIncoming() is on its way
  // Whose mail the broker's thread comes for by itself.
  std::vector<CommitQueue::Quiet> quiet_;
  bool draining_ = false;

  // Confined to the broker's thread.
  CommitQueue queue_;
  std::list<Flight> flights_;
  bool starting_ = false;
  asio::steady_timer pause_;
  BootTime pause_end_ = BootTime::max();  // what pause_ waits for; max: nothing
  asio::steady_timer give_up_;
  asio::steady_timer silence_;
  std::function<void(bool)> silence_changed_ = [](bool) {};
  std::vector<std::function<void()>> drained_;

  std::atomic<bool> silent_{false};
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> mails_{0};
  std::atomic<std::uint64_t> resends_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> pending_bytes_{0};
};

void Tell(const CommitWaiter& waiter, absl::StatusOr<Committed> answer) {
  if (waiter.home == nullptr) return waiter.done(std::move(answer));
  asio::post(waiter.home,
             [done = waiter.done, answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

// One wake-up for each executor, however many wait on it.
void TellAll(const Flight& flight, const std::function<absl::StatusOr<Committed>(std::size_t)>& answer) {
  struct Home {
    asio::any_io_executor executor;
    std::vector<std::pair<Done, absl::StatusOr<Committed>>> answers;
  };
  std::vector<Home> homes;
  for (std::size_t i = 0; i < flight.waiters.size(); ++i) {
    const CommitWaiter& waiter = flight.waiters[i];
    if (waiter.home == nullptr) {
      waiter.done(answer(i));
      continue;
    }
    auto home = std::find_if(homes.begin(), homes.end(),
                             [&waiter](const Home& known) { return known.executor == waiter.home; });
    if (home == homes.end()) home = homes.insert(homes.end(), {waiter.home, {}});
    home->answers.emplace_back(waiter.done, answer(i));
  }
  for (Home& home : homes) {
    asio::post(home.executor, [answers = std::move(home.answers)]() mutable {
      for (auto& [done, told] : answers) done(std::move(told));
    });
  }
}

void GroupCommitPublisher::Refuse(const CommitWaiter& waiter, const absl::Status& status) {
  ++refused_;
  Tell(waiter, status);
}

absl::Status GroupCommitPublisher::Admit(MailClass mail_class) const {
  if (silent_) return absl::UnavailableError("the broker does not confirm what it is sent");
  return level_ == nullptr ? absl::OkStatus() : level_->Admit(mail_class);
}

void GroupCommitPublisher::Commit(v1::Mail mail, Done done, asio::any_io_executor home) {
  const CommitWaiter waiter{std::move(done), std::move(home)};
  if (absl::Status admitted = Admit(ClassOf(mail)); !admitted.ok()) return Refuse(waiter, admitted);
  const std::size_t bytes = mail.ByteSizeLong();
  const std::size_t body = mail.inline_body().size();
  if (body > kMaxInlineBody || bytes - body > kMaxEnvelopeBytes) {
    return Refuse(waiter, absl::InvalidArgumentError(
                              absl::StrCat("recipients, headers and metadata of a mail may have ",
                                           kMaxEnvelopeBytes, " bytes, not ", bytes - body)));
  }
  if (pending_bytes_ + bytes > config_.pending_bytes) {
    return Refuse(waiter, absl::ResourceExhaustedError("too many mails wait for the broker"));
  }
  pending_bytes_ += bytes;
  GroupKey key{mail.mail_class(), mail.tenant()};
  bool taken = false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    taken = !draining_;
    if (taken) {
      incoming_.push_back({std::move(mail), bytes, clock_.Boot(), waiter});
      wake = MustWakeLocked(key, bytes);
      woken_ = woken_ || wake;
    }
  }
  if (!taken) {
    pending_bytes_ -= bytes;
    return Refuse(waiter, absl::UnavailableError("shutting down"));
  }
  if (wake) asio::post(broker_.executor(), [this] { TakeIncoming(); });
}

// One wake-up for all that comes before the broker's thread gets to it, and none for mail of a group that
// begins no record before that thread wakes by itself.
bool GroupCommitPublisher::MustWakeLocked(const GroupKey& key, std::size_t bytes) {
  if (woken_) return false;
  const auto quiet = std::find_if(quiet_.begin(), quiet_.end(),
                                  [&key](const CommitQueue::Quiet& group) { return group.key == key; });
  if (quiet == quiet_.end()) return true;
  return quiet->room.has_value() && quiet->room->IsFilledBy(bytes);
}

void GroupCommitPublisher::TakeIncoming() {
  std::vector<WaitingMail> incoming;
  {
    const std::lock_guard lock(mutex_);
    incoming.swap(incoming_);
    woken_ = false;
    quiet_.clear();
  }
  for (WaitingMail& waiting : incoming) queue_.Add(std::move(waiting));
  StartCommits();
}

void GroupCommitPublisher::StartCommits() {
  // A commit that fails while it is being started ends up here again; the loop goes on with what is left.
  if (starting_) return;
  starting_ = true;
  // One instant for the last decision and for what rests on it: a pause that ended in between had no timer.
  BootTime now = clock_.Boot();
  while (flights_.size() < kMostInFlight && StartOne(now)) now = clock_.Boot();
  starting_ = false;
  ArmPause(now);
  GoQuiet(now);
  TellDrained();
}

// False if no group may begin a record.
bool GroupCommitPublisher::StartOne(BootTime now) {
  DropStale(now);
  const std::optional<CommitQueue::Turn> turn = queue_.Next(now);
  if (!turn.has_value()) return false;
  Form(*turn);
  return true;
}

// What has waited for as long as a commit may take was never sent: its sender is told so.
void GroupCommitPublisher::DropStale(BootTime now) {
  for (const WaitingMail& stale : queue_.TakeStale(now - config_.commit_limit)) {
    pending_bytes_ -= stale.bytes;
    Refuse(stale.waiter, absl::UnavailableError("the broker is too slow: the mail was not sent to it"));
  }
}

void GroupCommitPublisher::ArmPause(BootTime now) {
  const std::optional<BootTime> end = queue_.PauseEnd(now);
  if (!end.has_value() || *end >= pause_end_) return;  // an earlier one looks again
  pause_end_ = *end;
  pause_.expires_after(*end - now);
  pause_.async_wait([this](std::error_code error) {
    if (error) return;
    pause_end_ = BootTime::max();
    TakeIncoming();
  });
}

// From here on mail of these groups wakes nobody: the end of their record, or of their pause, takes it along.
void GroupCommitPublisher::GoQuiet(BootTime now) {
  std::vector<CommitQueue::Quiet> quiet = queue_.QuietGroups(now);
  const std::lock_guard lock(mutex_);
  // What has come meanwhile has woken this thread: it decides anew.
  if (!woken_) quiet_ = std::move(quiet);
}

void GroupCommitPublisher::Form(const CommitQueue::Turn& turn) {
  std::size_t limit = kMaxRecordBytes;
  if (const std::int64_t most = broker_.max_payload(); most > 0) {
    limit = std::min(limit, static_cast<std::size_t>(most));
  }
  RecordBuilder builder(broker_.Now(clock_), clock_.Wall(), limit);
  flights_.emplace_back();
  const auto flight = std::prev(flights_.end());
  flight->key = turn.key;
  flight->lane = turn.lane;
  flight->formed = clock_.Boot();
  for (std::optional<std::size_t> next = queue_.FrontBytes(turn.key);
       next.has_value() && builder.HasRoomFor(*next); next = queue_.FrontBytes(turn.key)) {
    WaitingMail waiting = queue_.TakeFront(turn.key);
    flight->bytes += waiting.bytes;
    flight->ids.push_back(builder.Add(std::move(waiting.mail), waiting.bytes));
    flight->waiters.push_back(std::move(waiting.waiter));
  }
  const v1::Record& record = builder.record();
  flight->message.subject =
      ReadySubject(turn.lane, ClassOf(record.mails(0)), turn.key.tenant, SlotOf(record.record_id()));
  flight->message.payload = std::make_shared<const std::string>(record.SerializeAsString());
  flight->message.headers = {{kHeaderMessageId, record.record_id()}};
  Send(flight);
}

void GroupCommitPublisher::Send(std::list<Flight>::iterator flight) {
  flight->waiting_for_connection = false;
  broker_.Request(
      flight->message, config_.commit_repeat,
      [this, flight](Reply reply) { OnResult(flight, ReadPublishReply(reply)); },
      [this, flight] { return !TooOld(*flight); });
}

void GroupCommitPublisher::OnResult(std::list<Flight>::iterator flight, const PublishResult& result) {
  if (result.state == PublishState::kStored) {
    EndSilence();
    return Finish(flight, absl::OkStatus(), result);
  }
  if (result.state == PublishState::kUnknown) flight->may_be_stored = true;
  // In a cluster nobody listens between two leaders of a stream. That passes, and costs no mail.
  if (result.no_stream && broker_.clustered()) flight->leaderless = true;
  // Certain: the sender may try again at once.
  const bool not_stored = !flight->may_be_stored && (!flight->leaderless || TooOld(*flight));
  if (not_stored) {
    return Finish(
        flight,
        result.status.code() == absl::StatusCode::kDeadlineExceeded
            ? absl::UnavailableError(flight->leaderless
                                         ? "the queue had no leader for too long: the mail is not stored"
                                         : "this process was stopped for too long: the mail was not sent")
            : result.status,
        result);
  }
  if (TooOld(*flight)) {
    unknown_ += flight->ids.size();
    observe::Warn("commit not confirmed, its mails may be stored",
                  {{"record", flight->ids.front().substr(0, kRecordIdLength)},
                   {"mails", flight->ids.size()},
                   {"error", Message(result.status)}});
    return Finish(
        flight, absl::DeadlineExceededError("the broker did not confirm the mail; it may be stored"), result);
  }
  if (broker_.connected() && clock_.Boot() - flight->formed >= config_.commit_limit / 3) BeginSilence();
  if (flight->may_be_stored && flight->message.headers.size() == 1) {
    flight->message.headers.emplace_back(kHeaderResend, "1");
  }
  if (broker_.connected()) {
    ++resends_;
    // An answer that came at once would come at once again.
    auto timer = std::make_shared<asio::steady_timer>(broker_.executor(), std::chrono::milliseconds(100));
    timer->async_wait([this, flight, timer](std::error_code) { Send(flight); });
    return;
  }
  flight->waiting_for_connection = true;
  ArmGiveUp();
}

void GroupCommitPublisher::BeginSilence() {
  if (!silent_.exchange(true)) {
    observe::Warn("broker confirms no commit; mail is refused until it does", {});
    silence_changed_(true);
  }
  silence_.expires_after(config_.commit_limit);
  silence_.async_wait([this](std::error_code error) {
    if (!error) EndSilence();
  });
}

void GroupCommitPublisher::EndSilence() {
  if (!silent_.exchange(false)) return;
  silence_.cancel();
  silence_changed_(false);
}

void GroupCommitPublisher::OnConnected() {
  EndSilence();
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    const auto next = std::next(flight);
    if (flight->waiting_for_connection) {
      ++resends_;
      Send(flight);
    }
    flight = next;
  }
}

// Wakes up when the oldest record that waits for a connection reaches the limit.
void GroupCommitPublisher::ArmGiveUp() {
  give_up_.expires_after(std::chrono::milliseconds(500));
  give_up_.async_wait([this](std::error_code error) {
    if (!error) GiveUpOld();
  });
}

void GroupCommitPublisher::GiveUpOld() {
  bool waiting = false;
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    const auto next = std::next(flight);
    if (flight->waiting_for_connection) {
      if (TooOld(*flight)) {
        PublishResult lost;
        if (!flight->may_be_stored) lost.state = PublishState::kNotStored;
        lost.status = absl::UnavailableError("no connection to the broker");
        OnResult(flight, lost);
      } else {
        waiting = true;
      }
    }
    flight = next;
  }
  if (waiting) ArmGiveUp();
}

void GroupCommitPublisher::Finish(std::list<Flight>::iterator flight, const absl::Status& status,
                                  const PublishResult& result) {
  const Flight ended = std::move(*flight);
  flights_.erase(flight);
  pending_bytes_ -= ended.bytes;
  if (status.ok()) {
    ++records_;
    mails_ += ended.ids.size();
    if (level_ != nullptr) level_->Added(ended.bytes);
  } else {
    refused_ += ended.ids.size();
  }
  const BootTime now = clock_.Boot();
  queue_.Ended(ended.key, ended.lane, ended.ids.size(), now - ended.formed, now);
  TellAll(ended, [&](std::size_t i) -> absl::StatusOr<Committed> {
    if (!status.ok()) return status;
    return Committed{ended.ids[i], result.stream, result.sequence};
  });
  // In the middle of starting others the loop goes on by itself: what has come meanwhile has its own wake-up,
  // and lets this thread see to the connection before.
  if (!starting_) TakeIncoming();
}

void GroupCommitPublisher::Drain(std::function<void()> done) {
  asio::post(broker_.executor(), [this, done = std::move(done)]() mutable {
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    drained_.push_back(std::move(done));
    TakeIncoming();
  });
}

void GroupCommitPublisher::TellDrained() {
  if (drained_.empty() || !flights_.empty() || !queue_.empty()) return;
  const auto callbacks = std::exchange(drained_, {});
  for (const auto& done : callbacks) done();
}

PublisherStats GroupCommitPublisher::stats() const {
  return {.records = records_,
          .mails = mails_,
          .resends = resends_,
          .unknown = unknown_,
          .refused = refused_,
          .pending_bytes = pending_bytes_};
}

}  // namespace

asio::awaitable<absl::StatusOr<Committed>> Publisher::Commit(v1::Mail mail) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  auto initiate = [this, home, mail = std::move(mail)](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    Commit(
        std::move(mail), [shared](absl::StatusOr<Committed> answer) { (*shared)(std::move(answer)); }, home);
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(absl::StatusOr<Committed>)>(
      std::move(initiate), asio::use_awaitable);
}

std::unique_ptr<Publisher> Publisher::Create(Broker& broker, const QueueConfig& config, StoreLevel* level,
                                             const Clock& clock) {
  return std::make_unique<GroupCommitPublisher>(broker, config, level, clock);
}

}  // namespace goniec::queue
