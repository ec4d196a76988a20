#include "common/queue/tend/ready_ledger.h"

#include <algorithm>
#include <iterator>

namespace goniec::queue {
namespace {

// Between the clocks of a cluster's servers, and the broker's clock before and after a step back.
constexpr std::chrono::seconds kClockSlack{10};
// Of what people deal with by hand.
constexpr std::size_t kMostClosed = 10'000;

}  // namespace

void ReadyLedger::Restart(WallTime created) {
  created_ = created;
  from_the_start_ = begin_ <= created;
  ranges_.clear();
  closed_.clear();
}

void ReadyLedger::BeginAt(WallTime time) {
  if (time <= begin_) return;
  begin_ = time;
  if (begin_ <= created_) return;
  from_the_start_ = false;
  while (!ranges_.empty() && ranges_.begin()->second.last_stored < begin_ + kClockSlack) {
    ranges_.erase(ranges_.begin());
  }
}

void ReadyLedger::Add(std::uint64_t sequence, WallTime stored_at) {
  if (sequence == 0 || stored_at + kClockSlack < created_) return;
  if (!from_the_start_ && stored_at < begin_ + kClockSlack) return;
  auto after = ranges_.upper_bound(sequence);
  if (after != ranges_.begin()) {
    const auto before = std::prev(after);
    Range& range = before->second;
    if (sequence <= range.last) return;
    if (sequence == range.last + 1) {
      range.last = sequence;
      range.last_stored = stored_at;
      if (after == ranges_.end() || after->first != sequence + 1) return;
      range.last = after->second.last;
      range.last_stored = after->second.last_stored;
      ranges_.erase(after);
      return;
    }
  }
  Range range{sequence, stored_at, stored_at};
  if (after != ranges_.end() && after->first == sequence + 1) {
    range.last = after->second.last;
    range.last_stored = after->second.last_stored;
    ranges_.erase(after);
  }
  ranges_.emplace(sequence, range);
  if (ranges_.size() > most_ranges_) ForgetOldest();
}

void ReadyLedger::ForgetOldest() {
  ranges_.erase(ranges_.begin());
  from_the_start_ = false;
}

void ReadyLedger::Close(std::uint64_t first, std::uint64_t last) {
  if (closed_.size() >= kMostClosed) closed_.erase(closed_.begin());
  std::uint64_t& end = closed_[first];
  end = std::max(end, last);
}

std::optional<std::uint64_t> ReadyLedger::begin() const {
  if (from_the_start_) return 1;
  return ranges_.empty() ? std::nullopt : std::optional(ranges_.begin()->first);
}

std::vector<ReadyLedger::Gap> ReadyLedger::Gaps(std::uint64_t from, std::uint64_t last,
                                                std::size_t most) const {
  std::vector<Gap> gaps;
  const std::optional<std::uint64_t> first = begin();
  if (!first) return gaps;
  std::uint64_t at = std::max(from, *first);
  // Without what was closed.
  const auto add = [&](Gap gap) {
    for (auto closed = closed_.begin(); closed != closed_.end() && closed->first <= gap.last; ++closed) {
      if (closed->second < gap.first) continue;
      if (closed->first > gap.first) {
        gaps.push_back(gap);
        gaps.back().last = closed->first - 1;
      }
      gap.first = closed->second + 1;
      if (gap.first > gap.last) return;
    }
    gaps.push_back(gap);
  };
  auto next = ranges_.upper_bound(at);
  WallTime after = created_;
  if (next != ranges_.begin()) {
    const Range& range = std::prev(next)->second;
    at = std::max(at, range.last + 1);
    after = range.last_stored;
  }
  while (at <= last && gaps.size() < most) {
    if (next == ranges_.end()) {
      add({at, last, after, std::nullopt});
      break;
    }
    if (next->first > last) {
      add({at, last, after, next->second.first_stored});
      break;
    }
    if (next->first > at) add({at, next->first - 1, after, next->second.first_stored});
    after = next->second.last_stored;
    at = next->second.last + 1;
    ++next;
  }
  return gaps;
}

}  // namespace goniec::queue
