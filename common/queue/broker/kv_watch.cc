// A watch by an ephemeral push consumer that is never acknowledged: in order, or made anew. What it was told
// carries the consumer's own sequence, so a gap shows; a heartbeat shows one at the end.
#include <algorithm>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/broker/kv.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kHeartbeat{1'000};
constexpr std::chrono::milliseconds kSilence{2'500};  // two heartbeats and a half
constexpr std::chrono::milliseconds kRetry{250};
// A consumer that nobody listens to goes after this.
constexpr std::chrono::seconds kInactive{30};
constexpr int kStatusControl = 100;

// What the acknowledgement subject says of a message, though it is never acknowledged.
struct Place {
  std::uint64_t stream_sequence = 0;
  std::uint64_t consumer_sequence = 0;
  WallTime stored_at;
  // Messages of these keys that come after it.
  std::uint64_t pending = 0;
};

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time, ns>.<pending>, or the same with
// domain and account hash behind "ACK" and a token at the end.
std::optional<Place> ParsePlace(const std::string& subject) {
  const std::vector<std::string> tokens = absl::StrSplit(subject, '.');
  if (tokens.size() < 9 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const std::size_t at = tokens.size() == 9 ? 2 : 4;
  Place place;
  std::int64_t nanoseconds = 0;
  if (tokens.size() < at + 7 || !absl::SimpleAtoi(tokens[at + 3], &place.stream_sequence) ||
      !absl::SimpleAtoi(tokens[at + 4], &place.consumer_sequence) ||
      !absl::SimpleAtoi(tokens[at + 5], &nanoseconds) || !absl::SimpleAtoi(tokens[at + 6], &place.pending)) {
    return std::nullopt;
  }
  place.stored_at =
      WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(nanoseconds)));
  return place;
}

std::int64_t Nanoseconds(std::chrono::milliseconds span) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
}

std::string CreateJson(const std::string& stream, const std::string& name, const std::string& filter,
                       const std::string& inbox) {
  return Json{{"stream_name", stream},
              {"action", "create"},
              {"config",
               {{"name", name},
                {"deliver_subject", inbox},
                {"deliver_policy", "last_per_subject"},
                {"filter_subject", filter},
                {"ack_policy", "none"},
                {"replay_policy", "instant"},
                {"max_deliver", 1},
                {"flow_control", true},
                {"idle_heartbeat", Nanoseconds(kHeartbeat)},
                {"inactive_threshold", Nanoseconds(kInactive)},
                {"mem_storage", true},
                {"num_replicas", 1}}}}
      .dump();
}

// Whether there is nothing to tell: what was told already counts as well, for the answer may come after it.
bool IsEmpty(const std::string& created) {
  const Json info = Json::parse(created, nullptr, false);
  if (!info.is_object() || !info.contains("num_pending") || !info["num_pending"].is_number()) return false;
  std::uint64_t told = 0;
  if (const auto delivered = info.find("delivered"); delivered != info.end() && delivered->is_object()) {
    told = delivered->value("consumer_seq", std::uint64_t{0});
  }
  return info["num_pending"].get<std::uint64_t>() + told == 0;
}

}  // namespace

struct KvWatch::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, asio::any_io_executor the_executor, TaskGroup& the_tasks)
      : broker(the_broker), executor(std::move(the_executor)), tasks(the_tasks), timer(executor) {}

  Broker& broker;
  asio::any_io_executor executor;
  TaskGroup& tasks;
  std::string stream;
  std::string prefix;  // of the keys' subjects
  std::string filter;
  Events events;
  int state_token = -1;
  asio::steady_timer timer;

  bool stopped = false;
  bool connected = false;
  // Of the consumer at hand. What belongs to an earlier life is dropped.
  std::uint64_t life = 0;
  std::string consumer;  // empty: there is none
  std::unique_ptr<Subscription> subscription;
  std::uint64_t last = 0;  // consumer sequence of what was told last
  bool creating = false;
  bool current = false;
  BootTime last_sign = BootClock::now();
  std::string shown;  // the same failure is told once

  void Start();
  void Stop();
  void OnState(bool now_connected);
  void Lose();
  void Begin();
  static asio::awaitable<void> Create(std::shared_ptr<State> self, std::uint64_t of, std::string json);
  void OnCreated(const absl::StatusOr<std::string>& answer);
  void OnMessage(std::uint64_t of, const IncomingMessage& message);
  void OnStatus(const IncomingMessage& message);
  void Tell(const IncomingMessage& message, const Place& place);
  void BecomeCurrent();
  void Answer(const std::string& subject);
  void Tick();
};

void KvWatch::State::Start() {
  const std::weak_ptr<State> weak = weak_from_this();
  state_token = broker.OnStateChange([weak, executor = executor](bool now_connected) {
    asio::post(executor, [weak, now_connected] {
      if (const auto self = weak.lock()) self->OnState(now_connected);
    });
  });
  Tick();
}

void KvWatch::State::Stop() {
  if (stopped) return;
  stopped = true;
  current = false;
  timer.cancel();
  Lose();
}

void KvWatch::State::OnState(bool now_connected) {
  if (stopped) return;
  connected = now_connected;
  Lose();
  if (!stopped && connected) Begin();
}

// The consumer at hand is of no use any more. The next one, made with the next tick, begins from the
// beginning.
void KvWatch::State::Lose() {
  if (consumer.empty()) return;
  // Should the deletion be lost, it goes by itself.
  broker.Request(
      {absl::StrCat("$JS.API.CONSUMER.DELETE.", stream, ".", consumer), nullptr, {}}, std::chrono::seconds(5),
      [](const Reply&) {}, nullptr);
  consumer.clear();
  subscription.reset();
  creating = false;
  current = false;
  ++life;
  if (!stopped && events.on_restart) events.on_restart();
}

void KvWatch::State::Begin() {
  const std::string inbox = broker.NewInbox();
  consumer = inbox;
  std::replace(consumer.begin(), consumer.end(), '.', '-');
  last = 0;
  creating = true;
  last_sign = BootClock::now();
  const std::weak_ptr<State> weak = weak_from_this();
  auto subscribed = broker.Subscribe(inbox, [weak, of = life, executor = executor](IncomingMessage message) {
    asio::post(executor, [weak, of, message = std::move(message)] {
      if (const auto self = weak.lock()) self->OnMessage(of, message);
    });
  });
  if (subscribed.ok()) subscription = *std::move(subscribed);
  SpawnLogged(executor, tasks, "watch of keys",
              Create(shared_from_this(), life, CreateJson(stream, consumer, filter, inbox)));
}

asio::awaitable<void> KvWatch::State::Create(std::shared_ptr<State> self, std::uint64_t of,
                                             std::string json) {
  const absl::StatusOr<std::string> answer = co_await CallApi(
      self->broker, absl::StrCat("CONSUMER.CREATE.", self->stream, ".", self->consumer, ".", self->filter),
      std::move(json));
  if (of == self->life && !self->stopped) self->OnCreated(answer);
}

void KvWatch::State::OnCreated(const absl::StatusOr<std::string>& answer) {
  creating = false;
  last_sign = BootClock::now();
  if (answer.ok()) {
    shown.clear();
    if (!current && last == 0 && IsEmpty(*answer)) BecomeCurrent();
    return;
  }
  Lose();
  if (std::string why(Message(answer.status())); connected && why != shown) {
    observe::Warn("keys cannot be followed", {{"keys", filter}, {"error", why}});
    shown = std::move(why);
  }
}

void KvWatch::State::OnMessage(std::uint64_t of, const IncomingMessage& message) {
  if (stopped || of != life) return;
  last_sign = BootClock::now();
  if (message.status != 0) return OnStatus(message);
  const std::optional<Place> place = ParsePlace(message.reply);
  if (!place || place->consumer_sequence != last + 1) return Lose();
  last = place->consumer_sequence;
  Tell(message, *place);
  if (of == life && !stopped && !current && place->pending == 0) BecomeCurrent();
}

void KvWatch::State::OnStatus(const IncomingMessage& message) {
  if (message.status != kStatusControl) {
    observe::Debug("watch ended",
                   {{"keys", filter}, {"status", message.status}, {"reason", message.description}});
    return Lose();
  }
  // Flow control: the server sends on once this is answered. A heartbeat of one that waits for it says so.
  Answer(message.reply);
  const std::string stalled = message.Header("Nats-Consumer-Stalled");
  Answer(stalled);
  std::uint64_t told = 0;
  if (!absl::SimpleAtoi(message.Header("Nats-Last-Consumer"), &told)) return;
  if (told != last) return Lose();
  // It has nothing more to tell. A key that goes while it tells may have kept its count from reaching zero.
  if (stalled.empty() && !creating && !current) BecomeCurrent();
}

void KvWatch::State::Answer(const std::string& subject) {
  if (!subject.empty()) broker.Publish({subject, nullptr, {}});
}

void KvWatch::State::Tell(const IncomingMessage& message, const Place& place) {
  if (!message.subject.starts_with(prefix)) return;
  KvEntry entry;
  entry.key = message.subject.substr(prefix.size());
  entry.value = std::string(message.data);
  entry.revision = place.stream_sequence;
  entry.deleted = IsKvDeletion(message.Header(kHeaderKvOperation));
  entry.stored_at = place.stored_at;
  events.on_entry(entry);
}

void KvWatch::State::BecomeCurrent() {
  current = true;
  if (events.on_current) events.on_current();
}

void KvWatch::State::Tick() {
  timer.expires_after(kRetry);
  timer.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->stopped) return;
    const bool silent = !self->creating && BootClock::now() - self->last_sign > kSilence;
    if (silent && self->connected) self->Lose();
    if (!self->stopped && self->connected && self->consumer.empty()) self->Begin();
    if (!self->stopped) self->Tick();
  });
}

KvWatch::KvWatch(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string bucket,
                 std::string keys, Events events)
    : state_(std::make_shared<State>(broker, std::move(executor), tasks)) {
  state_->stream = absl::StrCat("KV_", bucket);
  state_->prefix = absl::StrCat("$KV.", bucket, ".");
  state_->filter = absl::StrCat(state_->prefix, keys);
  state_->events = std::move(events);
}

KvWatch::~KvWatch() {
  Stop();
  if (state_->state_token >= 0) state_->broker.RemoveStateCallback(state_->state_token);
}

void KvWatch::Start() {
  state_->Start();
}

void KvWatch::Stop() {
  state_->Stop();
}

bool KvWatch::current() const {
  return state_->current;
}

}  // namespace goniec::queue
