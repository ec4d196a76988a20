#include "outbound/consume/worker.h"

#include <asio/post.hpp>
#include <atomic>
#include <string>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/hold/settlement.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/waiting_room.h"
#include "common/queue/tend/watchdog.h"
#include "common/smtp/address.h"
#include "outbound/consume/abandoned.h"
#include "outbound/consume/drain.h"
#include "outbound/consume/leases.h"
#include "outbound/consume/pass_on.h"
#include "outbound/consume/ready_backlog.h"
#include "outbound/consume/ready_turns.h"
#include "outbound/consume/record_work.h"
#include "outbound/consume/rest.h"
#include "outbound/consume/set_aside.h"
#include "outbound/consume/slots.h"
#include "outbound/consume/sources.h"
#include "outbound/deliver/dispatcher.h"

namespace goniec::outbound {

struct Worker::State : std::enable_shared_from_this<State> {
  explicit State(WorkerParts the_parts);
  void Start();
  void Listen();
  void AddSource(Kind kind, std::string stream, std::string consumer);
  void OnDelivery(Source& source, std::shared_ptr<queue::Delivery> delivery);
  void Take(Source& source, const std::shared_ptr<queue::Delivery>& delivery);
  void OnStall();
  void OnAbandoned(const std::string& body_id);
  asio::awaitable<void> Finish(std::chrono::milliseconds limit);
  void End();

  WorkerParts parts;
  TaskGroup tasks;
  queue::StalledWrites stalled;
  queue::WaitingRoom waiting;
  ReadyTurns turns;
  std::shared_ptr<ReadyBacklog> backlog;
  queue::SettlementContext settlement;
  WorkMetrics metrics;
  observe::Gauge stalled_gauge;
  observe::Counter passed_on;
  std::shared_ptr<Leases> leases;
  Sources sources;
  Rest rest;
  SetAside set_aside;
  std::unique_ptr<queue::Subscription> abandoned;
  std::unique_ptr<queue::Subscription> reset_notices;
  int state_token = -1;
  std::atomic<bool> give_up{false};
};

Worker::State::State(WorkerParts the_parts)
    : parts(the_parts),
      stalled([this] { OnStall(); }),
      waiting(parts.broker, parts.queue, parts.executor, tasks),
      backlog(std::make_shared<ReadyBacklog>(parts.broker, parts.executor, tasks, parts.queue.lanes, turns)),
      settlement{parts.broker,
                 parts.finder,
                 parts.queue,
                 tasks,
                 stalled,
                 parts.executor,
                 &smtp::DomainOf,
                 [this] { return give_up.load(); },
                 parts.sites.see_to_mark,
                 [this] { return waiting.full(); }},
      metrics(parts.metrics),
      stalled_gauge(
          parts.metrics.AddGauge("goniec_outcomes_stalled",
                                 "1 while the broker does not take outcomes and so nothing new is started.")),
      passed_on(parts.metrics.AddCounter(
          "goniec_records_passed_on_total",
          "Records from a site's shelf that were left to a worker that may connect to the site.")),
      leases(std::make_shared<Leases>(parts.executor, parts.broker, parts.queue.ack_wait,
                                      [this] { sources.Distrust(); })),
      sources(parts.config, parts.queue.lanes, parts.metrics),
      rest(parts.executor, parts.broker, parts.queue, tasks, *leases, sources, parts.metrics),
      set_aside(parts.broker, tasks, parts.metrics) {}

void Worker::State::Start() {
  if (sources.stopped()) return;
  rest.BelongTo(weak_from_this());
  for (int lane = 0; lane < parts.queue.lanes; ++lane) {
    AddSource(Kind::kTransactional, queue::ReadyStream(lane),
              queue::ReadyConsumer(queue::MailClass::kTransactional));
    AddSource(Kind::kBulk, queue::ReadyStream(lane), queue::ReadyConsumer(queue::MailClass::kBulk));
    AddSource(Kind::kDue, queue::WaitStream(lane), queue::kDueConsumer);
  }
  Listen();
  leases->Start();
  waiting.Start();
  backlog->Start();
}

void Worker::State::Listen() {
  const std::weak_ptr<State> weak = weak_from_this();
  abandoned = ListenForAbandoned(parts.broker, parts.executor, [weak](const std::string& body_id) {
    if (const auto self = weak.lock()) self->OnAbandoned(body_id);
  });
  auto notices = parts.broker.Subscribe(
      queue::kResetNotices, [weak, executor = parts.executor](const queue::IncomingMessage& message) {
        const auto notice = queue::ParseResetNotice(message.subject, message.data);
        if (!notice) return;
        asio::post(executor, [weak, notice = *notice] {
          if (const auto self = weak.lock()) self->rest.OnResetNotice(notice);
        });
      });
  if (notices.ok()) reset_notices = *std::move(notices);
  state_token = parts.broker.OnStateChange([weak, executor = parts.executor](bool) {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->rest.OnStateChange();
    });
  });
}

void Worker::State::AddSource(Kind kind, std::string stream, std::string consumer) {
  Source& source = sources.Add(kind);
  source.context = std::make_unique<WorkContext>(WorkContext{
      settlement, parts.router, parts.dispatcher, parts.retry, metrics,
      [this] { return !sources.stopped() && !leases->Thawed(); },
      [weak = weak_from_this(), kind](const InHand& change) {
        if (const auto self = weak.lock()) self->sources.Count(kind, change);
      },
      [this, kind](int lane, const std::string& tenant) { return turns.MustYield(kind, lane, tenant); }});
  source.puller = std::make_unique<queue::Puller>(
      parts.broker, parts.executor, tasks, std::move(stream), std::move(consumer), parts.queue.ack_wait,
      [this, &source] { return sources.Wanted(source); },
      [this, &source](std::shared_ptr<queue::Delivery> delivery) {
        OnDelivery(source, std::move(delivery));
      });
}

void Worker::State::OnDelivery(Source& source, std::shared_ptr<queue::Delivery> delivery) {
  if (sources.stopped()) return delivery->GiveBack(tasks);
  // It may have lain in the connection for as long: its lease is not as fresh as it looks.
  if (leases->FindThaw()) return;
  if (!rest.Admits(source, *delivery)) return;
  if (const auto pause = PassOn(delivery->subject(), delivery->info().delivery_count, parts.broker.Now(),
                                parts.sites.is_elsewhere)) {
    passed_on.Add();
    return delivery->GiveBack(tasks, *pause);
  }
  Take(source, delivery);
}

void Worker::State::Take(Source& source, const std::shared_ptr<queue::Delivery>& delivery) {
  const bool must_look = source.kind == Kind::kDue || delivery->info().delivery_count > 1 ||
                         delivery->resend() || rest.MustLook(source, delivery->info());
  const auto bytes = static_cast<std::int64_t>(delivery->payload().size());
  auto work = std::make_shared<RecordWork>(*source.context, delivery, [this, kind = source.kind, delivery] {
    leases->LetGo(delivery);
    sources.Count(kind, {.records = -1});
  });
  if (absl::Status readable = work->Parse(); !readable.ok()) {
    SpawnLogged(parts.executor, tasks, "quarantine",
                set_aside.Now(delivery, std::string(readable.message()), shared_from_this()));
    return;
  }
  sources.Note(source.kind, work->mails(), bytes + work->mails() * kBytesAMail);
  leases->Hold(delivery);
  sources.Count(source.kind, {.records = 1});
  work->Begin(must_look);
}

// Outcomes in hand are kept and tried on, and nothing new begins: its outcome could not be recorded either.
void Worker::State::OnStall() {
  stalled_gauge.Set(stalled.any() ? 1 : 0);
  parts.dispatcher.Hold(stalled.any());
  sources.Hold(stalled.any());
}

void Worker::State::OnAbandoned(const std::string& body_id) {
  if (sources.stopped()) return;
  SpawnLogged(parts.executor, tasks, "purge", PurgeAbandoned(parts.broker, body_id, shared_from_this()));
}

asio::awaitable<void> Worker::State::Finish(std::chrono::milliseconds limit) {
  const auto self = shared_from_this();
  sources.Stop();
  waiting.Stop();
  backlog->Stop();
  co_await parts.dispatcher.Drain(limit);
}

void Worker::State::End() {
  leases->Stop();
  if (state_token >= 0) parts.broker.RemoveStateCallback(state_token);
  abandoned.reset();
  reset_notices.reset();
  sources.Clear();
}

Worker::Worker(WorkerParts parts) : state_(std::make_shared<State>(parts)) {}

Worker::~Worker() = default;

void Worker::Start() {
  asio::post(state_->parts.executor, [state = state_] { state->Start(); });
}

bool Worker::Drain(std::chrono::milliseconds limit) {
  State& state = *state_;
  const DrainSteps steps{state.parts.executor, state.tasks,
                         [&state](std::chrono::milliseconds on_wire) { return state.Finish(on_wire); },
                         [&state] { state.give_up = true; }, [&state] { state.End(); }};
  const bool clean = DrainBy(steps, limit);
  return clean && state.sources.records() == 0;
}

std::size_t Worker::records_in_hand() const {
  return state_->sources.records();
}

}  // namespace goniec::outbound
