#include "common/queue/publish/publisher.h"

#include <algorithm>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/base/status.h"
#include "common/mail/ulid.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/model/record_builder.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/store_level.h"

namespace goniec::queue {
namespace {

// Commits in flight of one process, over all lanes, classes and tenants.
constexpr std::size_t kMostInFlight = 4;
using Done = std::function<void(absl::StatusOr<Committed>)>;

struct Waiting {
  v1::Mail mail;
  std::size_t bytes = 0;
  BootTime since;
  Done done;
};

// Mails that may share a record.
struct GroupKey {
  v1::MailClass mail_class;
  std::string tenant;
  bool operator<(const GroupKey& other) const {
    return std::tie(mail_class, tenant) < std::tie(other.mail_class, other.tenant);
  }
};

struct Group {
  std::deque<Waiting> mails;
  BootTime last_turn{};

  // Since when it waits for a turn: a tenant with many mails waits after each of its records like the others,
  // so that the age of its backlog does not put it before them.
  [[nodiscard]] BootTime since() const { return std::max(mails.front().since, last_turn); }
};

// A record on its way: frozen bytes, and those who wait for its fate.
struct Flight {
  GroupKey key;
  int lane = 0;
  OutgoingMessage message;
  BootTime formed;
  std::vector<std::string> ids;
  std::vector<Done> done;
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
        give_up_(broker.executor()),
        silence_(broker.executor()) {
    state_token_ = broker_.OnStateChange([this](bool connected) {
      if (connected) OnConnected();
    });
  }
  ~GroupCommitPublisher() override { broker_.RemoveStateCallback(state_token_); }

  using Publisher::Commit;
  absl::Status Admit(MailClass mail_class) const override;
  void Commit(v1::Mail mail, Done done) override;
  void OnSilence(std::function<void(bool)> changed) override { silence_changed_ = std::move(changed); }
  void Drain(std::function<void()> done) override;
  PublisherStats stats() const override;

 private:
  // Any thread.
  void Refuse(const Done& done, absl::Status status);

  // The broker's thread.
  void TakeIncoming();
  void StartCommits();
  bool StartOne();
  void DropStale(std::deque<Waiting>& group);
  void Form(const GroupKey& key, int lane, std::deque<Waiting>& group);
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
  [[nodiscard]] bool Busy(const GroupKey& key, int lane) const;
  void TellDrained();

  Broker& broker_;
  const QueueConfig& config_;
  StoreLevel* const level_;
  const Clock& clock_;
  int state_token_ = 0;

  std::mutex mutex_;
  std::vector<Waiting> incoming_;  // under mutex_
  bool draining_ = false;          // under mutex_

  // Confined to the broker's thread.
  std::map<GroupKey, Group> groups_;
  std::list<Flight> flights_;
  bool starting_ = false;
  int next_lane_ = 0;
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

void GroupCommitPublisher::Refuse(const Done& done, absl::Status status) {
  ++refused_;
  done(std::move(status));
}

absl::Status GroupCommitPublisher::Admit(MailClass mail_class) const {
  if (silent_) return absl::UnavailableError("the broker does not confirm what it is sent");
  return level_ == nullptr ? absl::OkStatus() : level_->Admit(mail_class);
}

void GroupCommitPublisher::Commit(v1::Mail mail, Done done) {
  if (absl::Status admitted = Admit(ClassOf(mail)); !admitted.ok()) return Refuse(done, std::move(admitted));
  const std::size_t bytes = mail.ByteSizeLong();
  const std::size_t body = mail.inline_body().size();
  if (body > kMaxInlineBody || bytes - body > kMaxEnvelopeBytes) {
    return Refuse(
        done, absl::InvalidArgumentError(absl::StrCat("recipients, headers and metadata of a mail may have ",
                                                      kMaxEnvelopeBytes, " bytes, not ", bytes - body)));
  }
  if (pending_bytes_ + bytes > config_.pending_bytes) {
    return Refuse(done, absl::ResourceExhaustedError("too many mails wait for the broker"));
  }
  pending_bytes_ += bytes;
  Waiting waiting{std::move(mail), bytes, clock_.Boot(), std::move(done)};
  bool first = false;
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    taken = !draining_;
    first = taken && incoming_.empty();
    if (taken) incoming_.push_back(std::move(waiting));
  }
  if (!taken) {
    pending_bytes_ -= bytes;
    // NOLINTNEXTLINE(bugprone-use-after-move): it was not taken, so it was not moved
    return Refuse(waiting.done, absl::UnavailableError("shutting down"));
  }
  // One wake-up for all that comes before the broker's thread gets to it.
  if (first) asio::post(broker_.executor(), [this] { TakeIncoming(); });
}

void GroupCommitPublisher::TakeIncoming() {
  std::vector<Waiting> incoming;
  {
    const std::lock_guard lock(mutex_);
    incoming.swap(incoming_);
  }
  for (Waiting& waiting : incoming) {
    GroupKey key{waiting.mail.mail_class(), waiting.mail.tenant()};
    groups_[std::move(key)].mails.push_back(std::move(waiting));
  }
  StartCommits();
}

void GroupCommitPublisher::StartCommits() {
  // A commit that fails while it is being started ends up here again; the loop goes on with what is left.
  if (starting_) return;
  starting_ = true;
  while (flights_.size() < kMostInFlight && StartOne()) {
  }
  starting_ = false;
  TellDrained();
}

bool GroupCommitPublisher::Busy(const GroupKey& key, int lane) const {
  return std::any_of(flights_.begin(), flights_.end(), [&](const Flight& flight) {
    return flight.lane == lane && flight.key.mail_class == key.mail_class && flight.key.tenant == key.tenant;
  });
}

// Starts the commit of the group that waits longest for a turn and has a free lane; false if there is none.
bool GroupCommitPublisher::StartOne() {
  auto chosen = groups_.end();
  int chosen_lane = 0;
  for (auto group = groups_.begin(); group != groups_.end();) {
    DropStale(group->second.mails);
    if (group->second.mails.empty()) {
      group = groups_.erase(group);
      continue;
    }
    for (int i = 0; i < config_.lanes; ++i) {
      const int lane = (next_lane_ + i) % config_.lanes;
      if (Busy(group->first, lane)) continue;
      if (chosen == groups_.end() || group->second.since() < chosen->second.since()) {
        chosen = group;
        chosen_lane = lane;
      }
      break;
    }
    ++group;
  }
  if (chosen == groups_.end()) return false;
  next_lane_ = (chosen_lane + 1) % config_.lanes;
  chosen->second.last_turn = clock_.Boot();
  Form(chosen->first, chosen_lane, chosen->second.mails);
  return true;
}

// What has waited for as long as a commit may take was never sent: its sender is told so.
void GroupCommitPublisher::DropStale(std::deque<Waiting>& group) {
  while (!group.empty() && clock_.Boot() - group.front().since >= config_.commit_limit) {
    pending_bytes_ -= group.front().bytes;
    Refuse(group.front().done, absl::UnavailableError("the broker is too slow: the mail was not sent to it"));
    group.pop_front();
  }
}

void GroupCommitPublisher::Form(const GroupKey& key, int lane, std::deque<Waiting>& group) {
  std::size_t limit = kMaxRecordBytes;
  if (const std::int64_t most = broker_.max_payload(); most > 0) {
    limit = std::min(limit, static_cast<std::size_t>(most));
  }
  RecordBuilder builder(broker_.Now(clock_), clock_.Wall(), limit);
  flights_.emplace_back();
  const auto flight = std::prev(flights_.end());
  flight->key = key;
  flight->lane = lane;
  flight->formed = clock_.Boot();
  while (!group.empty() && builder.HasRoomFor(group.front().bytes)) {
    Waiting& waiting = group.front();
    flight->bytes += waiting.bytes;
    flight->ids.push_back(builder.Add(std::move(waiting.mail), waiting.bytes));
    flight->done.push_back(std::move(waiting.done));
    group.pop_front();
  }
  const v1::Record& record = builder.record();
  flight->message.subject =
      ReadySubject(lane, ClassOf(record.mails(0)), key.tenant, SlotOf(record.record_id()));
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
  for (std::size_t i = 0; i < ended.ids.size(); ++i) {
    if (status.ok()) {
      ended.done[i](Committed{ended.ids[i], result.stream, result.sequence});
    } else {
      ended.done[i](status);
    }
  }
  StartCommits();
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
  if (drained_.empty() || !flights_.empty()) return;  // no flight: StartOne found all groups empty
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
  co_return co_await AwaitCallback<absl::StatusOr<Committed>>(
      [this, mail = std::move(mail)](Done done) mutable { Commit(std::move(mail), std::move(done)); });
}

std::unique_ptr<Publisher> Publisher::Create(Broker& broker, const QueueConfig& config, StoreLevel* level,
                                             const Clock& clock) {
  return std::make_unique<GroupCommitPublisher>(broker, config, level, clock);
}

}  // namespace goniec::queue
