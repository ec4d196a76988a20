#include "outbound/audit/auditor.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/election.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/config.h"
#include "common/queue/streams/event_budget.h"
#include "common/queue/tend/audit.h"
#include "common/queue/tend/overdue_shelves.h"
#include "common/queue/tend/sweeper.h"
#include "common/queue/tend/watchdog.h"

namespace goniec::outbound {
namespace {

// The election's entry lives a minute.
constexpr std::chrono::milliseconds kRenewEvery{20'000};
constexpr std::chrono::seconds kStopLimit{10};
// What must come back from the shelves by a minute.
constexpr std::chrono::seconds kReleaseEvery{5};
// How many of what is missing are named in the log.
constexpr std::size_t kNamed = 10;
// In one run; the others come with the next.
constexpr std::size_t kMostFired = 1'000;
// From the announcement of a reset: when no worker can hold a record of the consumer any more, how much later
// than that it may still be done, and when the workers ask for records again.
constexpr std::chrono::seconds kResetAfterLeases{10};
constexpr std::chrono::seconds kResetLatest{4};
constexpr std::chrono::seconds kWorkersRest = kResetAfterLeases + kResetLatest + std::chrono::seconds(1);

std::string AsText(WallTime time) {
  return absl::FormatTime(absl::RFC3339_sec, absl::FromChrono(time), absl::UTCTimeZone());
}

// A reset that the workers were told of.
struct PlannedReset {
  queue::StuckConsumer stuck;
  BootTime at;
};

}  // namespace

struct Auditor::State : std::enable_shared_from_this<State> {
  State(AuditorParts the_parts, std::chrono::milliseconds the_every, queue::AuditBounds the_bounds)
      : parts(std::move(the_parts)),
        every(the_every),
        bounds(the_bounds),
        election(parts.broker, "auditor", parts.name),
        acting(parts.metrics.AddGauge("goniec_auditor", "1 at the worker that audits for all.")),
        unaccounted(parts.metrics.AddGauge("goniec_unaccounted_recipients",
                                           "Recipients of mail accepted more than five minutes ago that have "
                                           "neither ended nor lie in a record.")),
        unaccounted_records(parts.metrics.AddGauge(
            "goniec_unaccounted_records",
            "Records accepted more than five minutes ago that are gone from READY without any event.")),
        share(parts.metrics.AddGauge("goniec_audit_share",
                                     "Share of the messages accepted now that the audit follows by id.")),
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
        resets(parts.metrics.AddCounter("goniec_consumers_reset_total",
                                        "Consumers that had lost sight of records and were reset.")),
        events_deleted(
            parts.metrics.AddCounter("goniec_event_records_deleted_total",
                                     "Records of events that were deleted before event_retention was "
                                     "over, for their budget was nearly used.")),
        events_kept(parts.metrics.AddGauge("goniec_events_kept_seconds", "Age of the oldest events.")),
        released(parts.metrics.AddCounter("goniec_overdue_released_total",
                                          "Records that came back from a shelf because their minute had "
                                          "come: mail that expires, or waits there for its next attempt.")),
        timer(parts.executor),
        release_timer(parts.executor),
        marks(parts.reads, parts.executor, tasks) {}

  asio::awaitable<void> Run();
  asio::awaitable<void> Once();
  asio::awaitable<void> ReleaseOverdue();
  asio::awaitable<void> MarkShelves();
  void Publish(const queue::AuditReport& report);
  void PublishRecords(const std::vector<queue::MissingRecords>& missing);
  asio::awaitable<void> Trim(std::optional<WallTime> oldest_open);
  asio::awaitable<void> Watch();
  asio::awaitable<void> ResetWhatIsDue();
  [[nodiscard]] BootClock::duration UntilNext() const;

  AuditorParts parts;
  const std::chrono::milliseconds every;
  const queue::AuditBounds bounds;
  queue::Election election;
  observe::Gauge acting;
  observe::Gauge unaccounted;
  observe::Gauge unaccounted_records;
  observe::Gauge share;
  observe::Gauge oldest;
  observe::Gauge open;
  observe::Gauge second_terminals;
  observe::Gauge quarantined;
  observe::Counter runs;
  observe::Counter failures;
  observe::Counter fired;
  observe::Counter resets;
  observe::Counter events_deleted;
  observe::Gauge events_kept;
  observe::Counter released;
  asio::steady_timer timer;
  asio::steady_timer release_timer;
  TaskGroup tasks;
  bool stopped = false;
  bool elected = false;
  queue::ShelfMarks marks;
  std::optional<queue::OverdueShelves> overdue;  // while acting
  std::optional<queue::Audit> audit;             // while acting
  BootTime next_run;
  std::size_t told = 0;                             // unaccounted recipients, as last logged
  std::vector<queue::MissingRecords> told_records;  // missing records, as last logged
  std::vector<queue::StuckConsumer> suspects;       // of the last run
  std::vector<PlannedReset> planned;
};

asio::awaitable<void> Auditor::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    const bool held = parts.broker.connected() && co_await election.Hold();
    acting.Set(held ? 1 : 0);
    elected = held;
    if (!held) {
      audit.reset();
      told = 0;
      told_records.clear();
      suspects.clear();
      planned.clear();
      for (const observe::Gauge& gauge : {unaccounted, unaccounted_records, share, oldest, open,
                                          second_terminals, quarantined, events_kept}) {
        gauge.Set(0);
      }
    } else if (!stopped && planned.empty() && BootClock::now() >= next_run) {
      // Not while a reset is planned: it has its moment, which a long audit would miss.
      next_run = BootClock::now() + every;
      co_await Once();
    }
    if (held && !stopped) co_await ResetWhatIsDue();
    if (stopped) break;
    timer.expires_after(UntilNext());
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_await election.Resign();
}

asio::awaitable<void> Auditor::State::Once() {
  if (!audit) audit.emplace(parts.reads, parts.finder, parts.queue);
  const absl::StatusOr<queue::AuditReport> report = co_await audit->Run(bounds);
  co_await Trim(report.ok() ? report->oldest : std::nullopt);
  if (!report.ok()) {
    failures.Add();
    observe::Warn("audit not completed", {{"error", Message(report.status())}});
    co_return;
  }
  runs.Add();
  Publish(*report);
  if (overdue) overdue->Add(audit->TakeLateMinutes());
  co_await MarkShelves();
  const absl::StatusOr<int> swept = co_await queue::SweepOverdue(parts.broker, audit->overdue(), kMostFired);
  if (!swept.ok()) {
    observe::Warn("overdue schedules not published again", {{"error", Message(swept.status())}});
  } else if (*swept > 0) {
    fired.Add(*swept);
    observe::Warn("overdue schedules published again", {{"count", *swept}});
  }
  co_await Watch();
}

// Beside the audits, which may take long.
asio::awaitable<void> Auditor::State::ReleaseOverdue() {
  const auto self = shared_from_this();
  while (!stopped) {
    if (!elected) overdue.reset();
    if (elected && !overdue) overdue.emplace(parts.broker, parts.queue);
    if (overdue) {
      const absl::StatusOr<int> done = co_await overdue->Run();
      if (done.ok()) {
        released.Add(*done);
      } else {
        observe::Warn("what is due was not brought back from the shelves",
                      {{"error", Message(done.status())}});
      }
    }
    if (stopped) break;
    release_timer.expires_after(std::min<std::chrono::milliseconds>(every, kReleaseEvery));
    asio::error_code cancelled;  // by Stop()
    co_await release_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

// Who put something on a shelf saw to its mark first; a move that stood still for minutes may have come after
// the mark was taken away.
asio::awaitable<void> Auditor::State::MarkShelves() {
  if (!marks.current()) co_return;
  for (const queue::ShelfPlace& place : audit->TakeShelves()) {
    if (marks.all().contains(place)) continue;
    const absl::Status marked = co_await marks.SeeTo(place, "");
    if (stopped) co_return;
    observe::Warn(marked.ok() ? "shelf without a mark marked" : "shelf without a mark not marked",
                  {{"site", place.site}, {"error", marked.ok() ? "" : Message(marked)}});
    if (!marked.ok()) co_return;
  }
}

asio::awaitable<void> Auditor::State::Trim(std::optional<WallTime> oldest_open) {
  const absl::StatusOr<queue::TrimReport> trimmed =
      co_await queue::TrimEvents(parts.broker, parts.queue, parts.broker.Now(), oldest_open);
  if (!trimmed.ok()) {
    // A user that may not is not answered.
    const bool unanswered = absl::IsDeadlineExceeded(trimmed.status()) && parts.broker.connected();
    observe::Warn("oldest events not deleted",
                  {{"error", Message(trimmed.status())},
                   {"mend", unanswered ? "the broker's user must be allowed to purge each EVENTS_<n>" : ""}});
    co_return;
  }
  const auto kept = parts.broker.Now() - trimmed->kept_since.value_or(parts.broker.Now());
  events_kept.Set(std::chrono::duration<double>(kept).count());
  if (trimmed->deleted == 0) co_return;
  events_deleted.Add(static_cast<double>(trimmed->deleted));
  observe::Info("oldest events deleted: their budget is nearly used",
                {{"records", trimmed->deleted},
                 {"kept_hours", std::chrono::duration_cast<std::chrono::hours>(kept).count()}});
}

// Stuck is what was found by two runs with the same record at its head.
asio::awaitable<void> Auditor::State::Watch() {
  auto found = co_await queue::FindStuck(parts.broker, parts.queue);
  if (!found.ok()) {
    observe::Warn("consumers not looked at", {{"error", Message(found.status())}});
    co_return;
  }
  const auto same = [](const queue::StuckConsumer& a, const queue::StuckConsumer& b) {
    return a.stream == b.stream && a.consumer == b.consumer && a.sequence == b.sequence;
  };
  for (const queue::StuckConsumer& stuck : *found) {
    if (std::none_of(suspects.begin(), suspects.end(),
                     [&](const queue::StuckConsumer& each) { return same(each, stuck); }) ||
        std::any_of(planned.begin(), planned.end(), [&](const PlannedReset& each) {
          return each.stuck.stream == stuck.stream && each.stuck.consumer == stuck.consumer;
        })) {
      continue;
    }
    const BootTime now = BootClock::now();
    const absl::Status announced =
        co_await queue::Announce(parts.broker, {stuck.stream, stuck.consumer, stuck.last_sequence,
                                                parts.broker.Now() + parts.queue.ack_wait + kWorkersRest});
    observe::Error("consumer has lost sight of records; it will be reset",
                   {{"stream", stuck.stream},
                    {"consumer", stuck.consumer},
                    {"sequence", stuck.sequence},
                    {"error", announced.ok() ? "" : Message(announced)}});
    if (announced.ok()) planned.push_back({stuck, now + parts.queue.ack_wait + kResetAfterLeases});
  }
  suspects = *std::move(found);
}

// One that was missed is announced anew when it is found again.
asio::awaitable<void> Auditor::State::ResetWhatIsDue() {
  for (auto each = planned.begin(); each != planned.end();) {
    if (BootClock::now() < each->at) {
      ++each;
      continue;
    }
    const PlannedReset reset = *each;
    each = planned.erase(each);
    const absl::Status done =
        co_await queue::ResetConsumer(parts.broker, reset.stuck, reset.at + kResetLatest);
    observe::Warn(done.ok() ? "consumer reset" : "consumer not reset",
                  {{"stream", reset.stuck.stream},
                   {"consumer", reset.stuck.consumer},
                   {"error", done.ok() ? "" : Message(done)}});
    if (done.ok()) resets.Add();
  }
}

BootClock::duration Auditor::State::UntilNext() const {
  BootClock::duration next = std::min(every, kRenewEvery);
  for (const PlannedReset& reset : planned) next = std::min(next, reset.at - BootClock::now());
  return std::max<BootClock::duration>(next, std::chrono::milliseconds(1));
}

void Auditor::State::Publish(const queue::AuditReport& report) {
  unaccounted.Set(static_cast<double>(report.unaccounted.size()));
  share.Set(1.0 / static_cast<double>(std::uint64_t{1} << report.share_bits));
  open.Set(static_cast<double>(report.queued + report.young));
  second_terminals.Set(static_cast<double>(report.counts.second_terminals));
  quarantined.Set(static_cast<double>(report.quarantined));
  oldest.Set(report.oldest ? std::chrono::duration<double>(parts.broker.Now() - *report.oldest).count() : 0);
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
  PublishRecords(report.missing_records);
}

// Gone before any event: nobody knows whose they were, but where they lay and when.
void Auditor::State::PublishRecords(const std::vector<queue::MissingRecords>& missing) {
  std::uint64_t count = 0;
  std::size_t named = 0;
  for (const queue::MissingRecords& each : missing) {
    count += each.count();
    if (named >= kNamed || std::find(told_records.begin(), told_records.end(), each) != told_records.end()) {
      continue;
    }
    ++named;
    observe::Error("records unaccounted for: they have left the queue without a trace",
                   {{"stream", each.stream},
                    {"first", each.first},
                    {"last", each.last},
                    {"stored_after", AsText(each.after)},
                    {"stored_before", AsText(each.before)}});
  }
  unaccounted_records.Set(static_cast<double>(count));
  told_records = missing;
}

Auditor::Auditor(AuditorParts parts, std::chrono::milliseconds every, queue::AuditBounds bounds)
    : state_(std::make_shared<State>(std::move(parts), every, bounds)) {}

Auditor::~Auditor() = default;

void Auditor::Start() {
  asio::post(state_->parts.executor, [state = state_] { state->marks.Start({}); });
  SpawnLogged(state_->parts.executor, state_->tasks, "auditor", state_->Run());
  SpawnLogged(state_->parts.executor, state_->tasks, "overdue shelves", state_->ReleaseOverdue());
}

void Auditor::Stop() {
  asio::post(state_->parts.executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
    state->release_timer.cancel();
    state->marks.Stop();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

}  // namespace goniec::outbound
