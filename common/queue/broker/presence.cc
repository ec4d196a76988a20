#include "common/queue/broker/presence.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/broker/kv.h"
#include "common/queue/broker/membership.h"
#include "common/queue/model/stream_settings.h"

namespace goniec::queue {
namespace {

constexpr int kMostDeletions = 3;

std::string Shown(const Members& members) {
  std::string shown;
  for (const std::string& name : members.names) absl::StrAppend(&shown, shown.empty() ? "" : ",", name);
  return shown;
}

// The names that have a key in the bucket, in an answer to STREAM.INFO.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& info) {
  const auto answer = nlohmann::json::parse(info, nullptr, false);
  const auto state = answer.find("state");
  if (state == answer.end() || !state->is_object()) return absl::UnavailableError("no state of the bucket");
  std::vector<std::string> names;
  const auto subjects = state->find("subjects");
  if (subjects == state->end() || subjects->is_null()) return names;
  if (!subjects->is_object()) return absl::UnavailableError("the bucket's keys cannot be read");
  const std::string prefix = absl::StrCat("$KV.", kPresenceBucket, ".", kWorkerPrefix);
  for (const auto& [subject, messages] : subjects->items()) {
    if (subject.starts_with(prefix)) names.push_back(subject.substr(prefix.size()));
  }
  return names;
}

}  // namespace

struct Presence::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, asio::any_io_executor the_executor, TaskGroup& the_tasks, std::string the_name,
        std::chrono::milliseconds the_period)
      : broker(the_broker),
        executor(std::move(the_executor)),
        tasks(the_tasks),
        name(std::move(the_name)),
        period(the_period),
        membership(name, period),
        turn(executor),
        change(executor),
        said(executor) {
    told = membership.At(BootClock::now());
  }

  Broker& broker;
  asio::any_io_executor executor;
  TaskGroup& tasks;
  const std::string name;
  const std::chrono::milliseconds period;
  Membership membership;
  Members told;
  std::unique_ptr<KvWatch> watch;
  std::function<void()> on_change;
  asio::steady_timer turn;    // until our next word
  asio::steady_timer change;  // until time alone changes something
  asio::steady_timer said;    // never ends: cancelled when the last word has been said
  bool saying = false;
  bool asking = false;
  bool leaving = false;
  bool stopped = false;
  bool update_posted = false;
  std::uint64_t stored = 0;  // the revision of our word, as far as its answers told
  std::string shown;         // the same failure is told once

  [[nodiscard]] std::string Key() const { return absl::StrCat(kWorkerPrefix, name); }
  void Start();
  void Stop();
  void OnEntry(const KvEntry& entry);
  void Update();
  void UpdateSoon();
  void AskIfAlone();
  void Show(const absl::Status& status);
  static asio::awaitable<void> Say(std::shared_ptr<State> self);
  static asio::awaitable<void> Ask(std::shared_ptr<State> self, std::uint64_t question);
  static asio::awaitable<void> Leave(std::shared_ptr<State> self);
};

void Presence::State::Start() {
  const std::weak_ptr<State> weak = weak_from_this();
  KvWatch::Events events;
  events.on_entry = [weak](const KvEntry& entry) {
    if (const auto self = weak.lock()) self->OnEntry(entry);
  };
  // Whoever waits for our word need not wait for its turn.
  events.on_current = [weak] {
    if (const auto self = weak.lock()) self->turn.cancel();
  };
  watch = std::make_unique<KvWatch>(broker, executor, tasks, kPresenceBucket,
                                    absl::StrCat(kWorkerPrefix, "*"), std::move(events));
  watch->Start();
  saying = true;
  SpawnLogged(executor, tasks, "presence", Say(shared_from_this()));
}

void Presence::State::Stop() {
  if (stopped) return;
  stopped = true;
  if (watch != nullptr) watch->Stop();
  turn.cancel();
  change.cancel();
}

void Presence::State::OnEntry(const KvEntry& entry) {
  if (!std::string_view(entry.key).starts_with(kWorkerPrefix)) return;
  membership.Heard(entry.key.substr(std::string_view(kWorkerPrefix).size()), entry.revision, entry.value,
                   entry.deleted, BootClock::now());
  Update();
  AskIfAlone();
}

// Tells a change, and sees to it that the next that time brings is told.
void Presence::State::Update() {
  if (stopped) return;
  const BootTime now = BootClock::now();
  const Members& members = membership.At(now);
  if (const auto next = membership.NextChange()) {
    change.expires_after(std::max(*next - now, BootClock::duration(0)) + std::chrono::milliseconds(1));
    change.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Update();
    });
  }
  if (members == told) return;
  if (members.names != told.names) {
    observe::Info("workers", {{"count", members.names.size()}, {"names", Shown(members)}});
  }
  told = members;
  if (on_change) on_change();
}

void Presence::State::UpdateSoon() {
  if (update_posted || stopped) return;
  update_posted = true;
  asio::post(executor, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->update_posted = false;
    self->Update();
  });
}

void Presence::State::AskIfAlone() {
  const auto question = membership.MayBeAlone(BootClock::now());
  if (!question || asking || stopped) return;
  asking = true;
  SpawnLogged(executor, tasks, "presence", Ask(shared_from_this(), *question));
}

asio::awaitable<void> Presence::State::Ask(std::shared_ptr<State> self, std::uint64_t question) {
  const std::string filter =
      absl::StrCat("{\"subjects_filter\":\"$KV.", kPresenceBucket, ".", kWorkerPrefix, "*\"}");
  const absl::StatusOr<std::string> info =
      co_await CallApi(self->broker, absl::StrCat("STREAM.INFO.KV_", kPresenceBucket), filter, self->period);
  self->asking = false;
  if (self->stopped || !info.ok()) co_return;  // with our next word it is asked again
  const auto names = NamesIn(*info);
  if (!names.ok()) co_return;
  self->membership.LeaderListed(question, *names);
  self->Update();
}

// Again sooner if it was not stored.
asio::awaitable<void> Presence::State::Say(std::shared_ptr<State> self) {
  while (!self->stopped && !self->leaving) {
    const BootTime began = BootClock::now();
    std::string word = self->membership.NextWord(began);
    const absl::StatusOr<std::uint64_t> put = co_await KvPut(self->broker, kPresenceBucket, self->Key(),
                                                             std::move(word), std::nullopt, self->period / 2);
    if (put.ok()) self->stored = std::max(self->stored, *put);
    self->Show(put.status());
    if (self->stopped || self->leaving) break;
    const auto wait = put.ok() ? BootClock::duration(began + self->period - BootClock::now())
                               : BootClock::duration(self->period / 8);
    self->turn.expires_after(std::max(wait, BootClock::duration(0)));
    std::error_code ignored;
    co_await self->turn.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  self->saying = false;
  self->said.cancel();
}

void Presence::State::Show(const absl::Status& status) {
  std::string why(status.ok() ? "" : Message(status));
  if (!why.empty() && why != shown && broker.connected()) {
    observe::Warn("our presence cannot be stored", {{"error", why}});
  }
  shown = std::move(why);
}

asio::awaitable<void> Presence::State::Leave(std::shared_ptr<State> self) {
  self->leaving = true;
  self->membership.Leave();
  self->Update();
  self->turn.cancel();
  while (self->saying) {
    self->said.expires_at(asio::steady_timer::time_point::max());
    std::error_code ignored;
    co_await self->said.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  std::uint64_t revision = std::max(self->stored, self->membership.own_revision());
  for (int i = 0; i < kMostDeletions; ++i) {
    const absl::Status gone = co_await KvDelete(self->broker, kPresenceBucket, self->Key(), revision);
    if (gone.code() != absl::StatusCode::kAborted) co_return;  // or it goes by its age
    // A word whose answer was lost is there.
    const absl::StatusOr<KvEntry> entry = co_await KvGet(self->broker, kPresenceBucket, self->Key());
    if (!entry.ok() || entry->deleted) co_return;
    revision = entry->revision;
  }
}

Presence::Presence(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string name,
                   std::chrono::milliseconds period)
    : state_(std::make_shared<State>(broker, std::move(executor), tasks, std::move(name), period)) {}

Presence::~Presence() {
  Stop();
}

void Presence::Start(std::function<void()> on_change) {
  state_->on_change = std::move(on_change);
  state_->Start();
}

const Members& Presence::Now() const {
  const Members& members = state_->membership.At(BootClock::now());
  if (members != state_->told) state_->UpdateSoon();
  return members;
}

asio::awaitable<void> Presence::Leave() {
  return State::Leave(state_);
}

void Presence::Stop() {
  state_->Stop();
}

}  // namespace goniec::queue
