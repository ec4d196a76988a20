#include "common/queue/tend/audit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/mail/ulid.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

// Beyond it a share of the messages is looked at: 70 MB or so.
constexpr std::size_t kMostOpenMessages = 250'000;
constexpr int kLooks = 3;
// More than anybody fires at a time.
constexpr std::size_t kMostOverdue = 20'000;
// The others are met in the next pass.
constexpr std::size_t kMostShelves = 20'000;
constexpr std::size_t kMostLate = 1'000;
// By then whoever releases what is due has been there, and again (tend/overdue_shelves.h).
constexpr std::int64_t kLateMinutes = 5;

}  // namespace

Audit::Audit(Broker& broker, MessageFinder& finder, const QueueConfig& config)
    : broker_(broker),
      finder_(finder),
      tail_(broker, config),
      ready_(broker, config),
      shelf_walk_(broker, config, WalkedPlace::kShelf),
      wait_walk_(broker, config, WalkedPlace::kWait) {}

asio::awaitable<absl::StatusOr<AuditReport>> Audit::Run(AuditBounds bounds) {
  AuditReport report;
  if (absl::Status read = co_await ready_.ReadStreams(); !read.ok()) co_return read;
  const WallTime now = bounds.now.value_or(broker_.Now());
  if (absl::Status read = co_await ReadEvents(); !read.ok()) co_return read;
  if (absl::Status read = co_await ReadReady(bounds, now, report); !read.ok()) co_return read;
  if (absl::Status walked = co_await WalkCopies(bounds.copies, now); !walked.ok()) co_return walked;
  if (absl::Status judged = co_await JudgeOpen(bounds, now, report); !judged.ok()) co_return judged;
  if (recipients_.open().size() < kMostOpenMessages / 4) recipients_.DoubleShare(now);
  report.counts = recipients_.counts();
  report.unreadable_events = tail_.unreadable();
  report.share_bits = recipients_.share_bits();
  co_return report;
}

asio::awaitable<absl::Status> Audit::ReadEvents() {
  co_return co_await tail_.ReadNew([this](const v1::EventRecord& record, WallTime stored_at) {
    ready_.Add(record, stored_at);
    for (const v1::Event& event : record.events()) {
      if (!IsBeheaded(event)) recipients_.Add(event, page_);
    }
    if (recipients_.open().size() > kMostOpenMessages) recipients_.HalveShare();
  });
}

// Of a mail whose first events are gone, and perhaps ends of its recipients with them. It has ended: those of
// a mail on its way are kept (event_budget.h).
bool Audit::IsBeheaded(const v1::Event& event) const {
  return event.type() != v1::EVENT_TYPE_ACCEPTED && tail_.begin() != WallTime::min() &&
         mail::TimeOf(event.message_id()) < tail_.begin() && !recipients_.open().contains(event.message_id());
}

asio::awaitable<absl::Status> Audit::ReadReady(const AuditBounds& bounds, WallTime now, AuditReport& report) {
  const WallTime until = bounds.age.count() == 0 ? WallTime::max() : now - bounds.age;
  absl::Status found = co_await ready_.Find(until, bounds.questions, [this] { return ReadEvents(); });
  if (!found.ok()) co_return found;
  report.missing_records = ready_.missing();
  report.first_judged = ready_.begins();
  report.ready_records = ready_.records();
  report.oldest = ready_.oldest();
  const absl::StatusOr<StreamState> aside = co_await ReadStreamState(broker_, kQuarantineStream);
  if (aside.ok()) report.quarantined = aside->messages;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Audit::WalkCopies(std::size_t most, WallTime now) {
  const std::uint64_t page = page_++;
  const auto met = [this, now](int lane, const StoredMessage& stored) { MeetCopy(lane, stored, now); };
  // The shelf first: what comes back meanwhile may still be met in WAIT.
  absl::Status walked = co_await shelf_walk_.Page(most, page, met);
  if (!walked.ok() || !overdue_.empty()) co_return walked;
  co_return co_await wait_walk_.Page(most, page, met);
}

// What lay in one of the two places in this page and ever since was met since then.
std::uint64_t Audit::WalkedSince() const {
  return std::min(shelf_walk_.last_whole_pass(), wait_walk_.last_whole_pass());
}

void Audit::MeetCopy(int lane, const StoredMessage& stored, WallTime now) {
  if (overdue_.size() < kMostOverdue && IsOverdue(stored, now)) overdue_.push_back({lane, stored.subject});
  if (IsHeld(stored.subject)) MeetOnShelf(stored, now);
  const std::optional<std::string> only = MessageIdIn(stored.subject);
  if (only && !recipients_.open().contains(*only)) return;
  v1::Record record;
  if (!record.ParseFromString(stored.data)) return;
  for (const v1::Mail& mail : record.mails()) {
    for (const v1::Recipient& recipient : mail.recipients()) {
      recipients_.Met(mail.message_id(), recipient.index(), mail.generation(), page_ - 1);
    }
  }
}

void Audit::MeetOnShelf(const StoredMessage& stored, WallTime now) {
  const std::optional<OnShelf> shelf = ParseHeld(stored.subject);
  if (!shelf) return;
  if (shelf->minute + kLateMinutes <= MinuteOf(now) && late_.size() < kMostLate) {
    late_.emplace(shelf->place.lane, shelf->minute);
  }
  if (shelf->place.site != kLaterShelf && shelves_.size() < kMostShelves) shelves_.insert(shelf->place);
}

// Every recipient that has not ended was moved, and its copy was met, or no pass that must meet it has ended.
bool Audit::InCopies(const OpenMessage& message) const {
  const std::uint64_t since = WalkedSince();
  return message.recipients.size() + message.ended >= message.recipient_count &&
         std::all_of(message.recipients.begin(), message.recipients.end(), [&](const auto& entry) {
           const OpenRecipients::Recipient& recipient = entry.second;
           return recipient.generation > 0 && (recipient.met_page >= since || recipient.due_page > since);
         });
}

// Those that must be looked for by themselves come in turn, from where the last run stopped.
asio::awaitable<absl::Status> Audit::JudgeOpen(const AuditBounds& bounds, WallTime now, AuditReport& report) {
  std::vector<std::string> to_look;
  for (const auto& [id, message] : recipients_.open()) {
    const WallTime accepted = mail::TimeOf(id);
    // What lies nowhere has no holder who could read its events: it must not keep everybody's for ever.
    if (!lost_.contains(id)) report.oldest = std::min(report.oldest.value_or(accepted), accepted);
    if (accepted > now - bounds.age) {
      report.young += message.recipient_count - message.ended;
    } else if (InCopies(message)) {
      report.queued += message.recipients.size();
      lost_.erase(id);
    } else {
      to_look.push_back(id);
    }
  }
  std::erase_if(lost_, [&](const auto& entry) { return !recipients_.open().contains(entry.first); });
  const auto first = std::lower_bound(to_look.begin(), to_look.end(), next_look_);
  std::rotate(to_look.begin(), first, to_look.end());
  next_look_.clear();
  for (std::size_t i = 0; i < to_look.size(); ++i) {
    const OpenMessage& message = recipients_.open().at(to_look[i]);
    if (i < bounds.looks) {
      if (absl::Status looked = co_await LookAt(to_look[i], message, report); !looked.ok()) co_return looked;
      continue;
    }
    if (i == bounds.looks) next_look_ = to_look[i];
    if (!lost_.contains(to_look[i])) report.queued += message.recipient_count - message.ended;
  }
  for (const auto& [id, recipients] : lost_) {
    report.unaccounted.insert(report.unaccounted.end(), recipients.begin(), recipients.end());
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Audit::LookAt(std::string id, OpenMessage message, AuditReport& report) {
  Found found;
  // A mail that moves just then may be missed in the place that it left and in the one that it went to. It
  // does not move that often.
  for (int look = 0; look < kLooks; ++look) {
    absl::StatusOr<Found> seen = co_await Find(id, message);
    if (!seen.ok()) co_return seen.status();
    found = *std::move(seen);
    if (found.unaccounted.empty()) break;
  }
  report.queued += found.queued;
  if (found.unaccounted.empty()) {
    lost_.erase(id);
    // Nobody is left: what told of the others' ends was not followed.
    if (found.queued == 0) {
      recipients_.Forget(id);
    } else {
      recipients_.Met(id, WalkedSince());
    }
  } else {
    lost_[id] = std::move(found.unaccounted);
  }
  co_return absl::OkStatus();
}

// One message, everywhere: records first, then its events, for what has left a record has an event by then.
asio::awaitable<absl::StatusOr<Audit::Found>> Audit::Find(const std::string& id, const OpenMessage& message) {
  const absl::StatusOr<std::vector<v1::Mail>> stored = co_await finder_.FindStored(message.tenant, id);
  if (!stored.ok()) co_return stored.status();
  const absl::StatusOr<MessageStatus> status = co_await finder_.FoldEvents(message.tenant, id);
  if (!status.ok()) co_return status.status();
  std::map<std::uint32_t, std::uint32_t> held;  // the youngest record of each recipient
  for (const v1::Mail& mail : *stored) {
    for (const v1::Recipient& recipient : mail.recipients()) {
      std::uint32_t& generation = held[recipient.index()];
      generation = std::max(generation, mail.generation());
    }
  }
  Found found;
  for (std::uint32_t index = 0; index < message.recipient_count; ++index) {
    const auto known = status->recipients.find(index);
    if (known != status->recipients.end() && IsTerminal(known->second.state)) continue;
    // A record of the generation before is one whose move was interrupted: who gets it finishes that.
    const std::uint32_t generation = known == status->recipients.end() ? 0 : known->second.generation;
    const auto record = held.find(index);
    if (record != held.end() && record->second + 1 >= generation) {
      ++found.queued;
      continue;
    }
    UnaccountedRecipient lost{id, message.tenant, index, "", 0};
    if (known != status->recipients.end()) {
      lost.address = known->second.address;
      lost.generation = known->second.generation;
    }
    found.unaccounted.push_back(std::move(lost));
  }
  co_return found;
}

}  // namespace goniec::queue
