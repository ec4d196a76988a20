#include "outbound/audit/auditor.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/audit.h"
#include "common/queue/broker.h"
#include "common/queue/config.h"
#include "common/queue/election.h"
#include "common/queue/sweeper.h"
#include "common/smtp/address.h"

namespace goniec::outbound {
namespace {

// The election's entry lives a minute.
constexpr std::chrono::milliseconds kRenewEvery{20'000};
constexpr std::chrono::seconds kStopLimit{10};
// How many of what is missing are named in the log.
constexpr std::size_t kNamed = 10;

}  // namespace

struct Auditor::State : std::enable_shared_from_this<State> {
  State(AuditorParts the_parts, std::chrono::milliseconds the_every)
      : parts(std::move(the_parts)),
        every(the_every),
        election(parts.broker, "auditor", parts.name),
        acting(parts.metrics.AddGauge("goniec_auditor", "1 at the worker that audits for all.")),
        unaccounted(parts.metrics.AddGauge("goniec_unaccounted_recipients",
                                           "Recipients of mail accepted more than five minutes ago that have "
                                           "neither ended nor lie in a record.")),
        oldest(parts.metrics.AddGauge("goniec_oldest_recipient_seconds",
                                      "Age of the oldest mail that has a recipient that has not ended.")),
        open(parts.metrics.AddGauge("goniec_open_recipients",
                                    "Recipients that have not ended, as the audit sees them.")),
        second_terminals(parts.metrics.AddGauge(
            "goniec_second_terminals", "Ends of recipients that had ended already; the first one counts.")),
        quarantined(parts.metrics.AddGauge("goniec_quarantined_records", "Records that were set aside.")),
        runs(parts.metrics.AddCounter("goniec_audits_total", "Audits that were completed.")),
        failures(
            parts.metrics.AddCounter("goniec_audit_failures_total", "Audits that could not be completed.")),
        fired(parts.metrics.AddCounter("goniec_schedules_fired_again_total",
                                       "Overdue schedules that were published again.")),
        timer(parts.executor) {}

  asio::awaitable<void> Run();
  asio::awaitable<void> Once();
  void Publish(const queue::AuditReport& report);

  AuditorParts parts;
  const std::chrono::milliseconds every;
  queue::Election election;
  observe::Gauge acting;
  observe::Gauge unaccounted;
  observe::Gauge oldest;
  observe::Gauge open;
  observe::Gauge second_terminals;
  observe::Gauge quarantined;
  observe::Counter runs;
  observe::Counter failures;
  observe::Counter fired;
  asio::steady_timer timer;
  TaskGroup tasks;
  bool stopped = false;
  std::optional<queue::Audit> audit;  // while acting
  BootTime next_run;
  std::size_t told = 0;  // unaccounted recipients, as last logged
};

asio::awaitable<void> Auditor::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    const bool held = parts.broker.connected() && co_await election.Hold();
    acting.Set(held ? 1 : 0);
    if (!held) {
      audit.reset();
      for (const observe::Gauge& gauge : {unaccounted, oldest, open, second_terminals, quarantined})
        gauge.Set(0);
    } else if (!stopped && BootClock::now() >= next_run) {
      next_run = BootClock::now() + every;
      co_await Once();
    }
    if (stopped) break;
    timer.expires_after(std::min(every, kRenewEvery));
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_await election.Resign();
}

asio::awaitable<void> Auditor::State::Once() {
  if (!audit) audit.emplace(parts.reads, parts.finder, parts.queue, &smtp::DomainOf);
  const absl::StatusOr<queue::AuditReport> report = co_await audit->Run();
  if (!report.ok()) {
    failures.Add();
    observe::Warn("audit not completed", {{"error", Message(report.status())}});
    co_return;
  }
  runs.Add();
  Publish(*report);
  const absl::StatusOr<int> swept = co_await queue::SweepOverdue(
      parts.broker, parts.queue, *audit, &smtp::DomainOf, std::chrono::system_clock::now());
  if (!swept.ok()) {
    observe::Warn("overdue schedules not published again", {{"error", Message(swept.status())}});
  } else if (*swept > 0) {
    fired.Add(*swept);
    observe::Warn("overdue schedules published again", {{"count", *swept}});
  }
}

void Auditor::State::Publish(const queue::AuditReport& report) {
  unaccounted.Set(static_cast<double>(report.unaccounted.size()));
  open.Set(static_cast<double>(report.queued + report.young));
  second_terminals.Set(static_cast<double>(report.counts.second_terminals));
  quarantined.Set(static_cast<double>(report.quarantined));
  oldest.Set(report.oldest
                 ? std::chrono::duration<double>(std::chrono::system_clock::now() - *report.oldest).count()
                 : 0);
  if (report.unaccounted.size() > told) {
    for (std::size_t i = told; i < std::min(report.unaccounted.size(), told + kNamed); ++i) {
      const queue::UnaccountedRecipient& lost = report.unaccounted[i];
      observe::Error("recipient unaccounted for", {{"message", lost.message_id},
                                                   {"tenant", lost.tenant},
                                                   {"recipient", lost.index},
                                                   {"address", observe::LogAddress(lost.address)},
                                                   {"generation", lost.generation}});
    }
  }
  told = report.unaccounted.size();
}

Auditor::Auditor(AuditorParts parts, std::chrono::milliseconds every)
    : state_(std::make_shared<State>(std::move(parts), every)) {}

Auditor::~Auditor() = default;

void Auditor::Start() {
  SpawnLogged(state_->parts.executor, state_->tasks, "auditor", state_->Run());
}

void Auditor::Stop() {
  asio::post(state_->parts.executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

}  // namespace goniec::outbound
