// The audit: for all mail accepted more than five minutes ago, accepted = ended + queued, by id. Events name
// the accepted and the ended recipients; every recipient that is left must lie in a stored record; and every
// record that READY has ever taken is there or named in an event (ready_audit.h). Run once by `goniec audit`,
// and again and again, from where it stopped, by one of the workers. A worker's run is bounded: it takes
// several of them to go through WAIT. Reads only.
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/events/event_tail.h"
#include "common/queue/events/open_recipients.h"
#include "common/queue/model/subjects.h"
#include "common/queue/tend/copy_walk.h"
#include "common/queue/tend/ready_audit.h"
#include "common/queue/tend/sweeper.h"

namespace goniec::queue {

class Broker;
class MessageFinder;
struct QueueConfig;
struct StoredMessage;

// Younger mail may be on its way between two places.
inline constexpr std::chrono::minutes kAuditAge{5};

// What one run may do; by default everything.
struct AuditBounds {
  std::chrono::seconds age = kAuditAge;                             // 0: nothing is too young
  std::size_t copies = std::numeric_limits<std::size_t>::max();     // to read of WAIT, and as many of HELD
  std::size_t questions = std::numeric_limits<std::size_t>::max();  // about sequences in READY
  std::size_t looks = std::numeric_limits<std::size_t>::max();      // for single messages
  std::optional<WallTime> now;                                      // the broker's time, but in tests
};

// For the worker that audits each minute: a million waiting copies take an hour, at less than a percent of a
// core.
inline constexpr AuditBounds kBoundedRun{
    .copies = 16'384, .questions = 500, .looks = 1'000, .now = std::nullopt};

struct UnaccountedRecipient {
  std::string message_id;
  std::string tenant;
  std::uint32_t index = 0;
  std::string address;  // empty if no event has named it
  std::uint32_t generation = 0;
};

struct AuditReport {
  OpenRecipients::Counts counts;
  std::uint64_t queued = 0;         // recipients that have not ended and lie in a record, as far as looked at
  std::uint64_t young = 0;          // recipients too young to be looked at
  std::uint64_t ready_records = 0;  // accepted, perhaps without any event yet
  std::uint64_t quarantined = 0;    // records set aside
  std::uint64_t unreadable_events = 0;
  std::vector<UnaccountedRecipient> unaccounted;
  std::vector<MissingRecords> missing_records;
  std::vector<std::uint64_t> first_judged;  // by lane: READY's sequences from there on, 0: none yet
  std::optional<WallTime> oldest;           // acceptance of the oldest mail that has not ended
  int share_bits = 0;                       // one in 2^n messages was looked at
};

class Audit {
 public:
  // All must outlive it.
  Audit(Broker& broker, MessageFinder& finder, const QueueConfig& config);

  // kUnavailable: the broker could not be asked, nothing is known.
  asio::awaitable<absl::StatusOr<AuditReport>> Run(AuditBounds bounds = {});

  // Schedules that were found overdue and not taken from this list. As long as there are any, WAIT is not
  // gone through any further.
  [[nodiscard]] std::vector<OverdueSchedule>& overdue() { return overdue_; }
  // What was met on sites' shelves since this was last asked: these need marks (hold/shelf_marks.h).
  [[nodiscard]] std::set<ShelfPlace> TakeShelves() { return std::exchange(shelves_, {}); }
  // Minutes, by lane, whose records should have come back from the shelf minutes ago and were met there.
  [[nodiscard]] std::set<std::pair<int, std::int64_t>> TakeLateMinutes() { return std::exchange(late_, {}); }

 private:
  using OpenMessage = OpenRecipients::Message;
  asio::awaitable<absl::Status> ReadEvents();
  [[nodiscard]] bool IsBeheaded(const v1::Event& event) const;
  asio::awaitable<absl::Status> ReadReady(const AuditBounds& bounds, WallTime now, AuditReport& report);
  asio::awaitable<absl::Status> WalkCopies(std::size_t most, WallTime now);
  [[nodiscard]] std::uint64_t WalkedSince() const;
  void MeetCopy(int lane, const StoredMessage& stored, WallTime now);
  void MeetOnShelf(const StoredMessage& stored, WallTime now);
  asio::awaitable<absl::Status> JudgeOpen(const AuditBounds& bounds, WallTime now, AuditReport& report);
  [[nodiscard]] bool InCopies(const OpenMessage& message) const;
  asio::awaitable<absl::Status> LookAt(std::string id, OpenMessage message, AuditReport& report);
  struct Found {
    std::uint64_t queued = 0;
    std::vector<UnaccountedRecipient> unaccounted;
  };
  asio::awaitable<absl::StatusOr<Found>> Find(const std::string& id, const OpenMessage& message);

  Broker& broker_;
  MessageFinder& finder_;
  EventTail tail_;
  OpenRecipients recipients_;
  ReadyAudit ready_;
  CopyWalk shelf_walk_;
  CopyWalk wait_walk_;
  std::uint64_t page_ = 1;  // of the walks: the next one
  std::vector<OverdueSchedule> overdue_;
  std::set<ShelfPlace> shelves_;
  std::set<std::pair<int, std::int64_t>> late_;
  std::string next_look_;                                          // the message id to go on with
  std::map<std::string, std::vector<UnaccountedRecipient>> lost_;  // by message id
};

}  // namespace goniec::queue
