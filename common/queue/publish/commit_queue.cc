#include "common/queue/publish/commit_queue.h"

#include <algorithm>
#include <utility>

#include "common/queue/publish/publisher.h"

namespace goniec::queue {

BootTime CommitQueue::Group::since() const {
  return std::max(mails.front().since, last_turn);
}

bool CommitQueue::Group::Pauses(BootTime now) const {
  return now < pause_end && mails.size() < kEnoughMails && bytes < kEnoughBytes;
}

WaitingMail CommitQueue::Group::TakeFront() {
  WaitingMail front = std::move(mails.front());
  mails.pop_front();
  bytes -= front.bytes;
  return front;
}

void CommitQueue::Add(WaitingMail mail) {
  Group& group = groups_[{mail.mail.mail_class(), mail.mail.tenant()}];
  group.bytes += mail.bytes;
  group.mails.push_back(std::move(mail));
}

std::vector<WaitingMail> CommitQueue::TakeStale(BootTime before) {
  std::vector<WaitingMail> stale;
  for (auto& [key, group] : groups_) {
    while (!group.mails.empty() && group.mails.front().since <= before) {
      stale.push_back(group.TakeFront());
    }
  }
  return stale;
}

std::optional<int> CommitQueue::FreeLane(const GroupKey& key) const {
  for (int i = 0; i < lanes_; ++i) {
    const int lane = (next_lane_ + i) % lanes_;
    const bool busy = std::any_of(in_flight_.begin(), in_flight_.end(), [&](const InFlight& flight) {
      return flight.lane == lane && flight.key == key;
    });
    if (!busy) return lane;
  }
  return std::nullopt;
}

void CommitQueue::DropEmpty(BootTime now) {
  std::erase_if(groups_, [now](const auto& entry) {
    return entry.second.mails.empty() && entry.second.pause_end <= now;
  });
}

std::optional<CommitQueue::Turn> CommitQueue::Next(BootTime now) {
  DropEmpty(now);
  Group* chosen = nullptr;
  Turn turn;
  for (auto& [key, group] : groups_) {
    if (group.mails.empty() || group.Pauses(now)) continue;
    if (chosen != nullptr && chosen->since() <= group.since()) continue;
    const std::optional<int> lane = FreeLane(key);
    if (!lane.has_value()) continue;
    chosen = &group;
    turn = {key, *lane};
  }
  if (chosen == nullptr) return std::nullopt;
  next_lane_ = (turn.lane + 1) % lanes_;
  chosen->last_turn = now;
  chosen->pause_end = {};
  in_flight_.push_back({turn.key, turn.lane});
  return turn;
}

std::optional<std::size_t> CommitQueue::FrontBytes(const GroupKey& key) const {
  const auto group = groups_.find(key);
  if (group == groups_.end() || group->second.mails.empty()) return std::nullopt;
  return group->second.mails.front().bytes;
}

bool CommitQueue::empty() const {
  return std::all_of(groups_.begin(), groups_.end(),
                     [](const auto& entry) { return entry.second.mails.empty(); });
}

bool CommitQueue::Room::IsFilledBy(std::size_t mail_bytes) {
  mails -= std::min<std::size_t>(mails, 1);
  bytes -= std::min(bytes, mail_bytes);
  return mails == 0 || bytes == 0;
}

WaitingMail CommitQueue::TakeFront(const GroupKey& key) {
  return groups_.find(key)->second.TakeFront();
}

void CommitQueue::Ended(const GroupKey& key, int lane, std::size_t mails, BootTime::duration took,
                        BootTime now) {
  const auto ended = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const InFlight& flight) {
    return flight.lane == lane && flight.key == key;
  });
  if (ended != in_flight_.end()) in_flight_.erase(ended);
  if (mails < 2) return;
  groups_[key].pause_end = now + std::min<BootTime::duration>(took, kLongestPause);
}

std::optional<BootTime> CommitQueue::PauseEnd(BootTime now) const {
  std::optional<BootTime> end;
  for (const auto& [key, group] : groups_) {
    if (group.mails.empty() || !group.Pauses(now) || !FreeLane(key).has_value()) continue;
    if (!end.has_value() || group.pause_end < *end) end = group.pause_end;
  }
  return end;
}

std::vector<CommitQueue::Quiet> CommitQueue::QuietGroups(BootTime now) const {
  std::vector<Quiet> quiet;
  for (const InFlight& flight : in_flight_) {
    if (!FreeLane(flight.key).has_value()) quiet.push_back({flight.key, std::nullopt});
  }
  for (const auto& [key, group] : groups_) {
    if (group.mails.empty() || !group.Pauses(now) || !FreeLane(key).has_value()) continue;
    quiet.push_back({key, Room{kEnoughMails - group.mails.size(), kEnoughBytes - group.bytes}});
  }
  return quiet;
}

}  // namespace goniec::queue
