#include "common/queue/tend/ready_audit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

constexpr char kAnything[] = ">";
constexpr std::size_t kGapsAtOnce = 64;
// Mail that comes and goes between two answers makes a count wrong; it does not do so every time.
constexpr int kCounts = 3;
constexpr int kSetAsideBatch = 16;
constexpr int kMostConfirmed = 64;
// Streams that were made together are no further apart.
constexpr std::chrono::minutes kProvisioning{1};
// Of stretches that are said to be missing; more of them are not kept apart.
constexpr std::size_t kMostMissing = 10'000;

bool AnyAccepted(const v1::EventRecord& record) {
  return std::any_of(record.events().begin(), record.events().end(),
                     [](const v1::Event& event) { return event.type() == v1::EVENT_TYPE_ACCEPTED; });
}

}  // namespace

// A stored record and how many there are from it on.
struct ReadyAudit::Stored {
  std::uint64_t sequence = 0;
  WallTime stored_at;
  std::uint64_t from_here_on = 0;
};

ReadyAudit::ReadyAudit(Broker& broker, const QueueConfig& config)
    : broker_(broker), config_(config), lanes_(static_cast<std::size_t>(config.lanes)) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i].stream = ReadyStream(static_cast<int>(i));
}

asio::awaitable<absl::Status> ReadyAudit::ReadStreams() {
  for (Lane& lane : lanes_) {
    if (absl::Status read = co_await ReadLane(lane); !read.ok()) co_return read;
  }
  for (int shard = 0; shard < config_.event_shards; ++shard) {
    if (absl::Status read = co_await ReadShard(shard); !read.ok()) co_return read;
  }
  events_were_read_ = true;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ReadyAudit::ReadLane(Lane& lane) {
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, lane.stream);
  if (!state.ok()) co_return state.status();
  if (state->created != lane.ledger.created()) {
    lane.ledger.Restart(state->created);
    lane.missing.clear();
    lane.next = 1;
  }
  lane.messages = state->messages;
  lane.oldest.reset();
  if (state->messages > 0) lane.oldest = state->first_time;
  // A server that restarted may not know the time of a message that is gone: no later than when we saw it.
  if (state->last_time != WallTime()) {
    lane.last_time = state->last_time;
  } else if (state->last_sequence != lane.last) {
    lane.last_time = broker_.Now();
  }
  lane.last = state->last_sequence;
  co_return absl::OkStatus();
}

// Events that are gone may have named any record that was stored before them.
asio::awaitable<absl::Status> ReadyAudit::ReadShard(int shard) {
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, EventsStream(shard));
  if (!state.ok()) co_return state.status();
  for (Lane& lane : lanes_) {
    // One that was made anew has lost them all.
    if (state->created > lane.ledger.created() + kProvisioning) lane.ledger.BeginAt(state->created);
  }
  if (state->first_sequence <= 1) co_return absl::OkStatus();
  if (state->messages == 0 && events_were_read_) co_return absl::OkStatus();
  const WallTime since = state->messages == 0 ? broker_.Now() : state->first_time;
  for (Lane& lane : lanes_) lane.ledger.BeginAt(since);
  co_return absl::OkStatus();
}

void ReadyAudit::Add(const v1::EventRecord& record, WallTime stored_at) {
  if (!record.has_ready()) {
    // Of a version that names no records: nothing is known of those that it dealt with.
    if (!AnyAccepted(record)) return;
    for (Lane& lane : lanes_) lane.ledger.BeginAt(stored_at);
    return;
  }
  const v1::ReadyPlace& ready = record.ready();
  if (ready.partial() || ready.lane() >= lanes_.size()) return;
  ReadyLedger& ledger = lanes_[ready.lane()].ledger;
  if (ready.has_stored_time()) {
    ledger.Add(ready.sequence(), FromProto(ready.stored_time()));
  } else if (stored_at >= ledger.created()) {
    ledger.Close(ready.sequence(), std::max(ready.sequence(), ready.last_sequence()));
  }
}

asio::awaitable<absl::Status> ReadyAudit::Find(WallTime until, std::size_t questions,
                                               std::function<asio::awaitable<absl::Status>()> read_events) {
  std::vector<std::vector<Gap>> found(lanes_.size());
  bool any = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    // Each lane gets its share, and what those before it have left.
    std::size_t share = questions / (lanes_.size() - i);
    questions -= share;
    absl::StatusOr<std::vector<Gap>> gaps = co_await Search(lanes_[i], until, share);
    questions += share;
    if (!gaps.ok()) co_return gaps.status();
    found[i] = *std::move(gaps);
    any = any || !found[i].empty();
  }
  if (any) {
    // An acknowledgement follows an event or the quarantine: what has left READY is told of there by now.
    if (absl::Status read = co_await read_events(); !read.ok()) co_return read;
    if (absl::Status read = co_await ReadSetAside(); !read.ok()) co_return read;
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i].missing = StillUntold(lanes_[i], found[i]);
  co_return absl::OkStatus();
}

// The stretches that were found missing before and now, as far as this call has come.
asio::awaitable<absl::StatusOr<std::vector<ReadyAudit::Gap>>> ReadyAudit::Search(Lane& lane, WallTime until,
                                                                                 std::size_t& questions) {
  std::vector<Gap> found;
  const std::uint64_t begin = lane.next;
  std::uint64_t at = begin;
  bool finished = false;
  while (!finished && questions > 0) {
    const std::vector<Gap> gaps = lane.ledger.Gaps(at, lane.last, kGapsAtOnce);
    if (gaps.empty()) {
      finished = true;
      break;
    }
    for (Gap gap : gaps) {
      if (questions == 0) break;
      if (gap.after > until) {
        finished = true;
        break;
      }
      std::vector<Gap> in_gap;
      const absl::StatusOr<std::uint64_t> reached = co_await SearchGap(lane, gap, in_gap, questions);
      if (!reached.ok()) co_return reached.status();
      std::erase_if(in_gap, [&](const Gap& each) { return each.before.value_or(lane.last_time) > until; });
      absl::StatusOr<std::vector<Gap>> sure = co_await ConfirmAtLeader(lane, std::move(in_gap));
      if (!sure.ok()) co_return sure.status();
      found.insert(found.end(), sure->begin(), sure->end());
      at = *reached;
    }
  }
  lane.next = finished ? 1 : at;
  // What was not asked about this time is as it was.
  const std::uint64_t end = finished ? lane.last + 1 : at;
  for (const Gap& known : lane.missing) {
    if (known.last < begin || known.first >= end) found.push_back(known);
  }
  std::sort(found.begin(), found.end(), [](const Gap& a, const Gap& b) { return a.first < b.first; });
  if (found.size() > kMostMissing) found.resize(kMostMissing);
  co_return found;
}

// Appends the stretches of `gap` that lie nowhere. How far it came: behind the gap, unless there are no more
// questions.
asio::awaitable<absl::StatusOr<std::uint64_t>> ReadyAudit::SearchGap(const Lane& lane, Gap gap,
                                                                     std::vector<Gap>& found,
                                                                     std::size_t& questions) {
  std::vector<Gap> open = {gap};  // the lowest is the last
  while (!open.empty()) {
    Gap each = open.back();
    if (questions == 0) co_return each.first;
    open.pop_back();
    const auto next = co_await AskNext(lane, each.first, questions);
    if (!next.ok()) co_return next.status();
    if (!next->has_value() || (*next)->sequence > each.last) {
      if (next->has_value()) {
        each.before = std::min(each.before.value_or((*next)->stored_at), (*next)->stored_at);
      }
      found.push_back(each);
      continue;
    }
    const std::uint64_t here = (*next)->sequence;
    if (here > each.first) {
      found.push_back({each.first, here - 1, each.after, (*next)->stored_at});
    }
    if (here == each.last) continue;
    each.first = here;
    each.after = (*next)->stored_at;
    const auto all = co_await AllStored(lane, **next, each.last, questions);
    if (!all.ok()) co_return all.status();
    if (*all) continue;
    const std::uint64_t middle = each.first + (each.last - each.first) / 2;
    open.push_back({middle + 1, each.last, each.after, each.before});
    if (middle > each.first) open.push_back({each.first + 1, middle, each.after, each.before});
  }
  co_return gap.last + 1;
}

asio::awaitable<absl::StatusOr<std::optional<ReadyAudit::Stored>>> ReadyAudit::AskNext(
    const Lane& lane, std::uint64_t from, std::size_t& questions) {
  if (questions > 0) --questions;
  const absl::StatusOr<DirectBatch> batch =
      co_await GetDirectBatch(broker_, lane.stream, kAnything, 1, std::nullopt, from);
  if (!batch.ok()) co_return batch.status();
  if (batch->messages.empty()) co_return std::optional<Stored>();
  const StoredMessage& first = batch->messages.front();
  co_return std::optional<Stored>(Stored{first.sequence, first.stored_at, batch->pending + 1});
}

// `from` is the first record of the stretch.
asio::awaitable<absl::StatusOr<bool>> ReadyAudit::AllStored(const Lane& lane, Stored from, std::uint64_t last,
                                                            std::size_t& questions) {
  std::optional<std::uint64_t> before;
  for (int count = 0; count < kCounts; ++count) {
    const auto beyond = co_await AskNext(lane, last + 1, questions);
    if (!beyond.ok()) co_return beyond.status();
    const std::uint64_t behind = beyond->has_value() ? (*beyond)->from_here_on : 0;
    const std::uint64_t stored = from.from_here_on - std::min(behind, from.from_here_on);
    if (stored == last - from.sequence + 1) co_return true;
    if (stored == before) co_return false;
    before = stored;
    const auto again = co_await AskNext(lane, from.sequence, questions);
    if (!again.ok()) co_return again.status();
    if (!again->has_value() || (*again)->sequence != from.sequence) co_return false;
    from = **again;
  }
  co_return false;
}

// Whoever answered before may have been a replica that lags. Where the leader has much of it nothing is said
// this time.
asio::awaitable<absl::StatusOr<std::vector<ReadyAudit::Gap>>> ReadyAudit::ConfirmAtLeader(
    const Lane& lane, std::vector<Gap> gaps) {
  std::vector<Gap> sure;
  for (const Gap& gap : gaps) {
    std::uint64_t at = gap.first;
    for (int answers = 0; at <= gap.last && answers < kMostConfirmed; ++answers) {
      const absl::StatusOr<StoredMessage> next = co_await GetNextMessage(broker_, lane.stream, kAnything, at);
      if (!next.ok() && !absl::IsNotFound(next.status())) co_return next.status();
      const std::uint64_t here = next.ok() ? next->sequence : gap.last + 1;
      if (here > at) sure.push_back({at, std::min(here - 1, gap.last), gap.after, gap.before});
      at = here + 1;
    }
  }
  co_return sure;
}

void ReadyAudit::NoteSetAside(const StoredMessage& stored) {
  for (const auto& [name, value] : stored.headers) {
    const std::size_t space = value.find(' ');
    std::uint64_t sequence = 0;
    if (name != kHeaderOrigin || space == std::string::npos ||
        !absl::SimpleAtoi(value.substr(space + 1), &sequence)) {
      continue;
    }
    const std::optional<int> lane = LaneOfReady(std::string_view(value).substr(0, space));
    if (lane && static_cast<std::size_t>(*lane) < lanes_.size()) {
      lanes_[static_cast<std::size_t>(*lane)].set_aside.insert(sequence);
    }
  }
}

// All of them: they are few, and one that is gone from there must not count.
asio::awaitable<absl::Status> ReadyAudit::ReadSetAside() {
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, kQuarantineStream);
  if (!state.ok()) co_return state.status();
  const std::array<std::uint64_t, 3> as_of = {state->messages, state->first_sequence, state->last_sequence};
  if (as_of == set_aside_as_of_) co_return absl::OkStatus();
  set_aside_as_of_ = {};
  for (Lane& lane : lanes_) lane.set_aside.clear();
  std::uint64_t at = 1;
  while (at <= state->last_sequence) {
    const absl::StatusOr<DirectBatch> batch =
        co_await GetDirectBatch(broker_, kQuarantineStream, kAnything, kSetAsideBatch, std::nullopt, at);
    if (!batch.ok()) co_return batch.status();
    if (batch->messages.empty()) break;
    for (const StoredMessage& stored : batch->messages) NoteSetAside(stored);
    at = batch->messages.back().sequence + 1;
  }
  // A replica that lags ends before the leader does.
  while (at <= state->last_sequence) {
    const absl::StatusOr<StoredMessage> stored =
        co_await GetNextMessage(broker_, kQuarantineStream, kAnything, at);
    if (absl::IsNotFound(stored.status())) break;
    if (!stored.ok()) co_return stored.status();
    NoteSetAside(*stored);
    at = stored->sequence + 1;
  }
  set_aside_as_of_ = as_of;
  co_return absl::OkStatus();
}

std::vector<ReadyAudit::Gap> ReadyAudit::StillUntold(const Lane& lane, const std::vector<Gap>& gaps) {
  std::vector<Gap> untold;
  for (const Gap& gap : gaps) {
    for (std::uint64_t at = gap.first; at <= gap.last;) {
      const std::vector<Gap> left = lane.ledger.Gaps(at, gap.last, 1);
      if (left.empty()) break;
      Gap part{left[0].first, left[0].last, gap.after, gap.before.value_or(lane.last_time)};
      at = part.last + 1;
      // Without what was set aside.
      for (auto aside = lane.set_aside.lower_bound(part.first);
           aside != lane.set_aside.end() && *aside <= part.last; ++aside) {
        if (*aside > part.first) untold.push_back({part.first, *aside - 1, part.after, part.before});
        part.first = *aside + 1;
      }
      if (part.first <= part.last) untold.push_back(part);
    }
  }
  return untold;
}

std::vector<MissingRecords> ReadyAudit::missing() const {
  std::vector<MissingRecords> all;
  for (const Lane& lane : lanes_) {
    for (const Gap& gap : lane.missing) {
      all.push_back({lane.stream, gap.first, gap.last, gap.after, gap.before.value_or(lane.last_time)});
    }
  }
  return all;
}

std::uint64_t ReadyAudit::records() const {
  std::uint64_t all = 0;
  for (const Lane& lane : lanes_) all += lane.messages;
  return all;
}

std::optional<WallTime> ReadyAudit::oldest() const {
  std::optional<WallTime> oldest;
  for (const Lane& lane : lanes_) {
    if (lane.oldest) oldest = std::min(oldest.value_or(*lane.oldest), *lane.oldest);
  }
  return oldest;
}

std::vector<std::uint64_t> ReadyAudit::begins() const {
  std::vector<std::uint64_t> begins;
  for (const Lane& lane : lanes_) begins.push_back(lane.ledger.begin().value_or(0));
  return begins;
}

}  // namespace goniec::queue
