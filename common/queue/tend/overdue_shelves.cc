#include "common/queue/tend/overdue_shelves.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/kv.h"
#include "common/queue/hold/shelf.h"
#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::minutes kKeepEvery{1};
constexpr std::int64_t kBeginBack = 31 * 24 * 60;
// A move that took long puts its record into a minute that is over: each is asked so many minutes more. What
// comes even later is met by the audit.
constexpr std::int64_t kAskedAgain = 2;

// Of queue.waiting_memory, what all lanes of WAIT may hold where more comes back: acceptance goes on, and
// retries that wait there already have their room.
constexpr std::size_t kPartOfMemory = 2;
constexpr std::size_t kFew = 16;

std::string KeyOf(int lane) {
  return absl::StrCat("expiry.", lane);
}

}  // namespace

OverdueShelves::OverdueShelves(Broker& broker, const QueueConfig& config, std::size_t most)
    : broker_(broker),
      most_(most),
      most_bytes_(config.waiting_memory_bytes / kPartOfMemory /
                  static_cast<std::size_t>(std::max(config.lanes, 1))),
      lanes_(static_cast<std::size_t>(std::max(config.lanes, 1))) {}

void OverdueShelves::Add(std::set<std::pair<int, std::int64_t>> late) {
  late_.merge(late);
}

asio::awaitable<absl::StatusOr<int>> OverdueShelves::Run() {
  int released = 0;
  absl::Status failed;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const int number = static_cast<int>(i);
    absl::StatusOr<int> lane = co_await RunLane(number, lanes_[i]);
    if (lane.ok()) {
      released += *lane;
    } else {
      failed = lane.status();
    }
  }
  const absl::StatusOr<int> late = co_await RunLate();
  if (!failed.ok()) co_return failed;
  if (!late.ok()) co_return late.status();
  co_return released + *late;
}

// One lane's failure, or its lack of room, is not in the way of the others.
asio::awaitable<absl::StatusOr<int>> OverdueShelves::RunLate() {
  int released = 0;
  absl::Status failed;
  std::set<int> passed_over;
  for (const auto& [lane, minute] : std::set<std::pair<int, std::int64_t>>(late_)) {
    if (passed_over.contains(lane)) continue;
    absl::StatusOr<OverdueRoom> room = co_await RoomIn(lane);
    absl::StatusOr<MinuteReleased> late = MinuteReleased{};
    if (room.ok() && room->records > 0) late = co_await ReleaseMinute(broker_, lane, minute, *room);
    if (!room.ok() || !late.ok()) failed = room.ok() ? late.status() : room.status();
    if (!room.ok() || room->records == 0 || !late.ok()) {
      passed_over.insert(lane);
      continue;
    }
    if (late->records > 0) {
      observe::Warn("records that were long due came back from the shelf",
                    {{"lane", lane}, {"minute", minute}, {"records", late->records}});
    }
    released += late->records;
    if (late->all) late_.erase({lane, minute});
  }
  if (!failed.ok()) co_return failed;
  co_return released;
}

asio::awaitable<absl::StatusOr<int>> OverdueShelves::RunLane(int number, Lane& lane) {
  if (!lane.minute) {
    absl::Status learned = co_await Learn(number, lane);
    if (!learned.ok()) co_return learned;
  }
  const std::int64_t now = MinuteOf(broker_.Now());
  // The broker's clock has gone back: what was dealt with then is to come.
  if (std::max(*lane.minute, lane.under_way.next) > now + 1) {
    lane.minute = std::min(*lane.minute, now);
    lane.under_way = {};
  }
  if (*lane.minute > now) co_return 0;
  const absl::StatusOr<OverdueRoom> room = co_await RoomIn(number);
  if (!room.ok()) co_return room.status();
  if (room->records == 0) co_return 0;
  OverdueMinutes& under_way = lane.under_way;
  if (under_way.next > under_way.listed_to) under_way.next = *lane.minute - kAskedAgain;
  const absl::StatusOr<int> released = co_await ReleaseOverdue(broker_, number, under_way, *room);
  if (!under_way.again) lane.minute = std::max(*lane.minute, under_way.next);
  if (!released.ok()) co_return released.status();
  co_await Keep(number, lane);
  co_return released;
}

// What came back before and was not served yet is in the way of more: of what is overdue itself. What sites
// take is the keepers' to bound, and may be as much at any time.
asio::awaitable<absl::StatusOr<OverdueRoom>> OverdueShelves::RoomIn(int number) {
  const absl::StatusOr<StreamState> stored = co_await ReadStreamState(broker_, WaitStream(number));
  if (!stored.ok()) co_return stored.status();
  std::size_t bytes = most_bytes_ - std::min<std::size_t>(stored->bytes, most_bytes_);
  const std::int64_t now = MinuteOf(broker_.Now());
  std::size_t records = 0;
  absl::Status read = co_await ReadSubjects(broker_, WaitStream(number), ReleasedFilter(number),
                                            [&](const std::string& subject, std::uint64_t count) {
                                              const std::optional<OnShelf> shelf = ParseHeld(subject);
                                              if (shelf && shelf->minute <= now) records += count;
                                            });
  if (!read.ok()) co_return read;
  // What fills WAIT may be schedules for hours: a batch at a time comes back all the same.
  if (bytes == 0 && records < kFew) bytes = 1;
  if (bytes == 0) co_return OverdueRoom{0, 0};
  co_return OverdueRoom{most_ - std::min(records, most_), bytes};
}

asio::awaitable<absl::Status> OverdueShelves::Learn(int number, Lane& lane) {
  const absl::StatusOr<KvEntry> kept = co_await KvGet(broker_, kControlBucket, KeyOf(number));
  if (!kept.ok() && !absl::IsNotFound(kept.status())) co_return kept.status();
  const std::int64_t now = MinuteOf(broker_.Now());
  std::int64_t minute = 0;
  // One that lies ahead says nothing: the broker's clock has gone back.
  if (!kept.ok() || kept->deleted || !absl::SimpleAtoi(kept->value, &minute) || minute > now + 1 ||
      minute < now - kBeginBack) {
    minute = std::max<std::int64_t>(now - kBeginBack, 0);
  }
  lane.minute = minute;
  lane.kept = minute;
  co_return absl::OkStatus();
}

// Should it fail, some is asked for once more.
asio::awaitable<void> OverdueShelves::Keep(int number, Lane& lane) {
  const BootTime now = BootClock::now();
  if (*lane.minute == lane.kept || now - lane.kept_at < kKeepEvery) co_return;
  lane.kept_at = now;
  const absl::StatusOr<std::uint64_t> stored =
      co_await KvPut(broker_, kControlBucket, KeyOf(number), absl::StrCat(*lane.minute));
  if (stored.ok()) lane.kept = *lane.minute;
}

}  // namespace goniec::queue
