#include "outbound/consume/worker.h"

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/puller.h"
#include "common/queue/hold/quarantine.h"
#include "common/queue/hold/server_starts.h"
#include "common/queue/hold/settlement.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/body_store.h"
#include "common/queue/tend/watchdog.h"
#include "common/smtp/address.h"
#include "outbound/consume/record_work.h"
#include "outbound/consume/restart_guard.h"
#include "outbound/consume/slots.h"
#include "outbound/deliver/dispatcher.h"

namespace goniec::outbound {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr int kMostPutBack = 1'000;
// What cannot be read and, at the moment, not be set aside either.
constexpr std::chrono::minutes kUnreadableDelay{1};

}  // namespace

struct Worker::State : std::enable_shared_from_this<State> {
  // One consumer and what of it is in hand.
  struct Source {
    Kind kind;
    std::unique_ptr<queue::Puller> puller;
    std::unique_ptr<WorkContext> context;
    int put_back = 0;  // since the connection was made
    // Its consumer is or was reset (common/queue/tend/watchdog.h): records up to here are looked at, and none
    // is asked for before this time.
    std::uint64_t look_up_to = 0;
    WallTime rest_until{};
  };

  explicit State(WorkerParts the_parts);
  void Start();
  void AddSource(Kind kind, std::string stream, std::string consumer);
  void OnStateChange();
  asio::awaitable<void> LearnThenResume();
  void OnResetNotice(const queue::ResetNotice& notice);
  void ResumeAfterRest(Source& source);
  void PutBack(Source& source, queue::Delivery& delivery, std::chrono::milliseconds delay);
  void OnDelivery(Source& source, std::shared_ptr<queue::Delivery> delivery);
  void Take(Source& source, const std::shared_ptr<queue::Delivery>& delivery);
  void Count(Kind kind, const InHand& change);
  asio::awaitable<void> SetAside(std::shared_ptr<queue::Delivery> delivery, std::string why);
  [[nodiscard]] int Wanted(const Source& source) const;
  void Rebalance();
  void OnStall();
  bool GiveUpAfterThaw();
  void Tick();
  void OnAbandoned(const std::string& body_id);
  asio::awaitable<void> PurgeAbandoned(std::string body_id);
  asio::awaitable<void> Finish(std::chrono::milliseconds limit);
  [[nodiscard]] bool Thawed() const {
    return BootClock::now() - last_tick > std::max<BootClock::duration>(parts.queue.ack_wait / 3, 2 * kTick);
  }

  WorkerParts parts;
  TaskGroup tasks;
  queue::StalledWrites stalled;
  queue::SettlementContext settlement;
  WorkMetrics metrics;
  observe::Gauge mails_gauge;
  observe::Gauge waiting_gauge;
  observe::Gauge bytes_gauge;
  observe::Gauge records_gauge;
  observe::Counter put_back;
  observe::Counter unreadable;
  observe::Gauge stalled_gauge;
  RestartGuard guard;
  queue::LeaseProof proof;
  InHandByKind counts{};
  std::array<RecordSize, kKinds> sizes{};
  std::vector<std::unique_ptr<Source>> sources;
  std::set<std::shared_ptr<queue::Delivery>> in_hand;
  std::unique_ptr<queue::Subscription> abandoned;
  std::unique_ptr<queue::Subscription> reset_notices;
  asio::steady_timer ticker;
  BootTime last_tick = BootClock::now();
  int state_token = -1;
  bool learning = false;
  std::uint64_t connection = 0;  // counts connections and disconnections
  bool draining = false;
  std::atomic<bool> give_up{false};
  std::atomic<std::size_t> records{0};
};

Worker::State::State(WorkerParts the_parts)
    : parts(the_parts),
      stalled([this] { OnStall(); }),
      settlement{parts.broker, parts.finder,   parts.queue,     tasks,
                 stalled,      parts.executor, &smtp::DomainOf, [this] { return give_up.load(); }},
      metrics(parts.metrics),
      mails_gauge(parts.metrics.AddGauge("goniec_mails_in_hand", "Mails that this worker has in hand.")),
      waiting_gauge(
          parts.metrics.AddGauge("goniec_mails_waiting", "Mails in hand that no connection has yet.")),
      bytes_gauge(parts.metrics.AddGauge("goniec_mail_bytes_in_hand",
                                         "Memory for the mails that this worker has in hand, about.")),
      records_gauge(
          parts.metrics.AddGauge("goniec_records_in_hand", "Records that this worker has in hand.")),
      put_back(parts.metrics.AddCounter("goniec_records_put_back_total",
                                        "Records put back once after a restart of a single nats-server.")),
      unreadable(parts.metrics.AddCounter("goniec_records_unreadable_total",
                                          "Records that are none of ours and were set aside in QUARANTINE.")),
      stalled_gauge(
          parts.metrics.AddGauge("goniec_outcomes_stalled",
                                 "1 while the broker does not take outcomes and so nothing new is started.")),
      guard(parts.queue.ack_wait),
      proof(parts.broker, parts.queue.ack_wait),
      ticker(parts.executor) {}

void Worker::State::Start() {
  for (int lane = 0; lane < parts.queue.lanes; ++lane) {
    AddSource(Kind::kTransactional, queue::ReadyStream(lane),
              queue::ReadyConsumer(queue::MailClass::kTransactional));
    AddSource(Kind::kBulk, queue::ReadyStream(lane), queue::ReadyConsumer(queue::MailClass::kBulk));
    AddSource(Kind::kDue, queue::WaitStream(lane), queue::kDueConsumer);
  }
  const std::weak_ptr<State> weak = weak_from_this();
  auto subscribed = parts.broker.Subscribe(
      "abandoned.*", [weak, executor = parts.executor](const queue::IncomingMessage& message) {
        asio::post(executor, [weak, id = message.subject.substr(message.subject.find('.') + 1)] {
          if (const auto self = weak.lock()) self->OnAbandoned(id);
        });
      });
  if (subscribed.ok()) abandoned = *std::move(subscribed);
  auto notices = parts.broker.Subscribe(
      queue::kResetNotices, [weak, executor = parts.executor](const queue::IncomingMessage& message) {
        const auto notice = queue::ParseResetNotice(message.subject, message.data);
        if (!notice) return;
        asio::post(executor, [weak, notice = *notice] {
          if (const auto self = weak.lock()) self->OnResetNotice(notice);
        });
      });
  if (notices.ok()) reset_notices = *std::move(notices);
  state_token = parts.broker.OnStateChange([weak, executor = parts.executor](bool) {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->OnStateChange();
    });
  });
  Tick();
}

void Worker::State::AddSource(Kind kind, std::string stream, std::string consumer) {
  auto source = std::make_unique<Source>();
  Source* raw = source.get();
  raw->kind = kind;
  raw->context =
      std::make_unique<WorkContext>(WorkContext{settlement, parts.router, parts.dispatcher, parts.retry,
                                                metrics, [this] { return !draining && !Thawed(); },
                                                [weak = weak_from_this(), kind](const InHand& change) {
                                                  if (const auto self = weak.lock())
                                                    self->Count(kind, change);
                                                }});
  raw->puller = std::make_unique<queue::Puller>(
      parts.broker, parts.executor, tasks, std::move(stream), std::move(consumer), parts.queue.ack_wait,
      [this, raw] { return Wanted(*raw); },
      [this, raw](std::shared_ptr<queue::Delivery> delivery) { OnDelivery(*raw, std::move(delivery)); });
  sources.push_back(std::move(source));
}

// Whatever was learnt was about the connection before: a server that came back may have forgotten deliveries.
void Worker::State::OnStateChange() {
  ++connection;
  for (const auto& source : sources) source->puller->Pause();
  for (const auto& delivery : in_hand) delivery->StopRenewing();
  if (learning || draining || !parts.broker.connected()) return;
  learning = true;
  SpawnLogged(parts.executor, tasks, "learn", LearnThenResume());
}

asio::awaitable<void> Worker::State::LearnThenResume() {
  const auto self = shared_from_this();
  while (!draining && parts.broker.connected()) {
    const std::uint64_t about = connection;
    const queue::Durability durability =
        co_await queue::ReadDurability(parts.broker, parts.queue, queue::ServiceRole::kOutbound);
    const auto notices = co_await queue::ReadResetNotices(parts.broker, parts.queue);
    if (about != connection) continue;
    if (!notices.ok()) {
      observe::Warn("notices of resets cannot be read; nothing is pulled without",
                    {{"error", Message(notices.status())}});
      asio::steady_timer pause(parts.executor, kTick);
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    // Before anything is pulled in this life of the server.
    std::vector<WallTime> starts;
    if (durability.replicas <= 1 && durability.latest_start) {
      auto recorded =
          co_await queue::RecordStart(parts.broker, *durability.latest_start, parts.queue.ack_wait);
      // Another worker may have written it just then: once more, and it is only read.
      if (!recorded.ok() && about == connection) {
        recorded = co_await queue::RecordStart(parts.broker, *durability.latest_start, parts.queue.ack_wait);
      }
      if (about != connection) continue;
      if (recorded.ok()) {
        starts = *std::move(recorded);
      } else {
        observe::Warn("the server's start is not recorded; records from before wait all their time",
                      {{"error", Message(recorded.status())}});
      }
    }
    for (const queue::ResetNotice& notice : *notices) OnResetNotice(notice);
    guard.Learn(durability, starts, parts.broker.Now());
    for (const auto& source : sources) {
      source->put_back = 0;
      ResumeAfterRest(*source);
    }
    break;
  }
  learning = false;
}

// Whoever resets a consumer waits until nobody holds its records: leases run out, none is begun.
void Worker::State::OnResetNotice(const queue::ResetNotice& notice) {
  for (const auto& source : sources) {
    if (source->puller->stream() != notice.stream || source->puller->consumer() != notice.consumer) continue;
    source->look_up_to = std::max(source->look_up_to, notice.last_sequence);
    const WallTime now = parts.broker.Now();
    const WallTime until = queue::RestEnd(notice, now, parts.queue.ack_wait);
    if (until <= std::max(source->rest_until, now)) continue;
    observe::Warn("consumer is about to be reset; its records are let go",
                  {{"stream", notice.stream}, {"consumer", notice.consumer}});
    source->rest_until = until;
    for (const auto& delivery : in_hand) {
      if (delivery->info().stream == notice.stream && delivery->info().consumer == notice.consumer) {
        delivery->StopRenewing();
      }
    }
    source->puller->Pause();
    if (!learning) ResumeAfterRest(*source);
  }
}

void Worker::State::ResumeAfterRest(Source& source) {
  const WallTime now = parts.broker.Now();
  if (source.rest_until <= now) return source.puller->Resume();
  auto timer = std::make_shared<asio::steady_timer>(parts.executor, source.rest_until - now);
  timer->async_wait(
      [weak = weak_from_this(), raw = &source, about = connection, timer](std::error_code error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->draining || about != self->connection) return;
        self->ResumeAfterRest(*raw);
      });
}

void Worker::State::PutBack(Source& source, queue::Delivery& delivery, std::chrono::milliseconds delay) {
  put_back.Add();
  delivery.GiveBack(tasks, delay);
  if (++source.put_back < kMostPutBack) return;
  // A long backlog is not fetched just to be put back: this source rests until it may be touched.
  source.puller->Pause();
  auto timer = std::make_shared<asio::steady_timer>(parts.executor, delay);
  timer->async_wait(
      [weak = weak_from_this(), raw = &source, about = connection, timer](std::error_code error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->draining || about != self->connection) return;
        raw->put_back = 0;
        self->ResumeAfterRest(*raw);
      });
}

void Worker::State::OnDelivery(Source& source, std::shared_ptr<queue::Delivery> delivery) {
  if (draining) return delivery->GiveBack(tasks);
  // It may have lain in the connection for as long: its lease is not as fresh as it looks.
  if (GiveUpAfterThaw()) return;
  // Asked for before the notice came: the reset brings it back.
  if (parts.broker.Now() < source.rest_until) return;
  if (const auto delay = guard.PutBackFor(delivery->info(), parts.broker.Now())) {
    return PutBack(source, *delivery, *delay);
  }
  Take(source, delivery);
}

void Worker::State::Take(Source& source, const std::shared_ptr<queue::Delivery>& delivery) {
  const bool must_look = source.kind == Kind::kDue || delivery->info().delivery_count > 1 ||
                         delivery->resend() || guard.MustLook(delivery->info()) ||
                         delivery->info().stream_sequence <= source.look_up_to;
  const auto bytes = static_cast<std::int64_t>(delivery->payload().size());
  auto work = std::make_shared<RecordWork>(*source.context, delivery, [this, kind = source.kind, delivery] {
    in_hand.erase(delivery);
    Count(kind, {.records = -1});
  });
  if (absl::Status readable = work->Parse(); !readable.ok()) {
    SpawnLogged(parts.executor, tasks, "quarantine", SetAside(delivery, std::string(readable.message())));
    return;
  }
  sizes[static_cast<std::size_t>(source.kind)].Note(work->mails(), bytes + work->mails() * kBytesAMail);
  in_hand.insert(delivery);
  Count(source.kind, {.records = 1});
  work->Begin(must_look);
}

void Worker::State::Count(Kind kind, const InHand& change) {
  counts[static_cast<std::size_t>(kind)] += change;
  records += static_cast<std::size_t>(change.records);
  records_gauge.Set(static_cast<double>(records));
  mails_gauge.Add(static_cast<double>(change.mails));
  bytes_gauge.Add(static_cast<double>(change.bytes));
  waiting_gauge.Add(static_cast<double>(change.waiting_mails));
  const bool less = change.records < 0 || change.bytes < 0 || change.waiting_mails < 0;
  if (less) Rebalance();
}

// Never dropped, never in the way: it is acknowledged once it is durable elsewhere.
asio::awaitable<void> Worker::State::SetAside(std::shared_ptr<queue::Delivery> delivery, std::string why) {
  const auto self = shared_from_this();
  unreadable.Add();
  const queue::DeliveryInfo& info = delivery->info();
  const absl::Status stored =
      co_await queue::Quarantine(parts.broker, delivery->subject(), info.stream, info.stream_sequence,
                                 std::string(delivery->payload()), why);
  observe::Error(stored.ok() ? "record set aside: it is none of ours" : "record cannot be read nor set aside",
                 {{"subject", delivery->subject()},
                  {"stream", info.stream},
                  {"sequence", info.stream_sequence},
                  {"why", why},
                  {"error", stored.ok() ? "" : Message(stored)}});
  if (stored.ok()) {
    delivery->Acknowledge();
  } else {
    delivery->GiveBack(tasks, kUnreadableDelay);
  }
}

int Worker::State::Wanted(const Source& source) const {
  if (stalled.any() || draining) return 0;
  const int wanted =
      RecordsToAsk(parts.config, source.kind, counts, sizes[static_cast<std::size_t>(source.kind)]);
  return wanted == 0 ? 0 : std::max(1, wanted / parts.queue.lanes);
}

void Worker::State::Rebalance() {
  if (draining) return;
  for (const auto& source : sources) source->puller->WantedChanged();
}

// What it could not record it must not do: outcomes in hand are kept and tried on, nothing new begins.
void Worker::State::OnStall() {
  stalled_gauge.Set(stalled.any() ? 1 : 0);
  parts.dispatcher.Hold(stalled.any());
  Rebalance();
}

// Whatever runs first after a standstill finds out, a delivery or the tick.
bool Worker::State::GiveUpAfterThaw() {
  const bool thawed = Thawed();
  if (thawed) {
    observe::Warn("this process did not run for a while; what it holds is given up",
                  {{"for_ms", BootClock::now() - last_tick}});
    for (const auto& source : sources) source->puller->Distrust();
  }
  last_tick = BootClock::now();
  return thawed;
}

void Worker::State::Tick() {
  GiveUpAfterThaw();
  if (!in_hand.empty()) proof.KeepIfDue();
  for (const auto& delivery : in_hand) delivery->KeepIfDue();
  ticker.expires_after(kTick);
  ticker.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->Tick();
  });
}

void Worker::State::OnAbandoned(const std::string& body_id) {
  if (!draining) SpawnLogged(parts.executor, tasks, "purge", PurgeAbandoned(body_id));
}

asio::awaitable<void> Worker::State::PurgeAbandoned(std::string body_id) {
  const auto self = shared_from_this();
  // Should it fail, the chunks go by their time to live.
  const absl::Status deleted = co_await queue::DeleteBody(parts.broker, body_id);
  observe::Debug("abandoned body purged", {{"body", body_id}, {"ok", deleted.ok()}});
}

asio::awaitable<void> Worker::State::Finish(std::chrono::milliseconds limit) {
  const auto self = shared_from_this();
  draining = true;
  for (const auto& source : sources) source->puller->Stop();
  co_await parts.dispatcher.Drain(limit);
}

Worker::Worker(WorkerParts parts) : state_(std::make_shared<State>(parts)) {}

Worker::~Worker() = default;

void Worker::Start() {
  asio::post(state_->parts.executor, [state = state_] { state->Start(); });
}

bool Worker::Drain(std::chrono::milliseconds limit) {
  const BootTime end = BootClock::now() + limit;
  const auto left = [end] {
    return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(end - BootClock::now()),
                    std::chrono::milliseconds(0));
  };
  // Settling needs a little of the time after the last reply.
  SpawnLogged(state_->parts.executor, state_->tasks, "drain", state_->Finish(limit * 8 / 10));
  bool clean = state_->tasks.WaitFor(left());
  if (!clean) {
    state_->give_up = true;
    clean = state_->tasks.WaitFor(std::chrono::seconds(3)) && false;
  }
  // What is confined to the executor ends there.
  std::promise<void> ended;
  asio::post(state_->parts.executor, [&] {
    state_->ticker.cancel();
    if (state_->state_token >= 0) state_->parts.broker.RemoveStateCallback(state_->state_token);
    state_->abandoned.reset();
    state_->reset_notices.reset();
    state_->sources.clear();
    ended.set_value();
  });
  ended.get_future().wait();
  return clean && state_->records == 0;
}

std::size_t Worker::records_in_hand() const {
  return state_->records;
}

}  // namespace goniec::outbound
