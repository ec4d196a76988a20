// The mails that wait for their commit, and whose turn it is: the decisions of Publisher, without a broker.
//
// Mails of one class and tenant share records. A group has one record in flight for each lane. Groups take
// turns: the one that has waited longest for a turn is next. After a record of several mails its group pauses
// for as long as the commit took, at most kLongestPause: more mails share the next record then, and each
// fsync serves more of them. A lone mail never waits for others.
//
// Pure; confined to one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

struct Committed;

// Mails that may share a record.
struct GroupKey {
  v1::MailClass mail_class = v1::MAIL_CLASS_UNSPECIFIED;
  std::string tenant;
  bool operator<(const GroupKey& other) const {
    return std::tie(mail_class, tenant) < std::tie(other.mail_class, other.tenant);
  }
  bool operator==(const GroupKey& other) const = default;
};

// Who is told of a mail's fate, and where: on `home`, or on the caller's thread if it is empty.
struct CommitWaiter {
  std::function<void(absl::StatusOr<Committed>)> done;
  asio::any_io_executor home;
};

struct WaitingMail {
  v1::Mail mail;
  std::size_t bytes = 0;
  BootTime since;
  CommitWaiter waiter;
};

class CommitQueue {
 public:
  static constexpr std::chrono::microseconds kLongestPause{1'000};
  // A group with so many mails or octets does not pause.
  static constexpr std::size_t kEnoughMails = 16;
  static constexpr std::size_t kEnoughBytes = 128 * 1024;

  explicit CommitQueue(int lanes) : lanes_(lanes) {}

  void Add(WaitingMail mail);
  // The mails that have waited since `before` or longer: out of the queue, never sent.
  [[nodiscard]] std::vector<WaitingMail> TakeStale(BootTime before);

  struct Turn {
    GroupKey key;
    int lane = 0;
  };
  // The next record, which counts as in flight from now on; none if nobody may begin one. Its mails are taken
  // from the front of its group; there is one at least.
  [[nodiscard]] std::optional<Turn> Next(BootTime now);
  // What the front mail of the group counts for; none if there is no mail.
  [[nodiscard]] std::optional<std::size_t> FrontBytes(const GroupKey& key) const;
  // The group has a mail.
  [[nodiscard]] WaitingMail TakeFront(const GroupKey& key);
  // The record of `mails` mails is in flight no more; it took `took`. Every Next() is followed by one.
  void Ended(const GroupKey& key, int lane, std::size_t mails, BootTime::duration took, BootTime now);

  // When the first of the pauses ends for which mails wait. If Next() had nobody for the same `now`, every
  // mail that waits is seen to: by Ended() of a record in flight, or at this time.
  [[nodiscard]] std::optional<BootTime> PauseEnd(BootTime now) const;

  // What a group that pauses lacks to go on at once.
  struct Room {
    std::size_t mails = 0;
    std::size_t bytes = 0;
    // Notes a further mail; true if it fills the room.
    [[nodiscard]] bool IsFilledBy(std::size_t mail_bytes);
  };
  // A group that begins no record before Ended() or, if it pauses, before the pause ends or its room is
  // filled.
  struct Quiet {
    GroupKey key;
    std::optional<Room> room;
  };
  [[nodiscard]] std::vector<Quiet> QuietGroups(BootTime now) const;

  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  // No mail waits.
  [[nodiscard]] bool empty() const;

 private:
  struct Group {
    std::deque<WaitingMail> mails;
    std::size_t bytes = 0;
    BootTime last_turn{};
    BootTime pause_end{};

    // Since when it waits for a turn: a tenant with many mails waits after each of its records like the
    // others, so that the age of its backlog does not put it before them.
    [[nodiscard]] BootTime since() const;
    [[nodiscard]] bool Pauses(BootTime now) const;
    WaitingMail TakeFront();
  };
  struct InFlight {
    GroupKey key;
    int lane = 0;
  };
  [[nodiscard]] std::optional<int> FreeLane(const GroupKey& key) const;
  void DropEmpty(BootTime now);

  const int lanes_;
  int next_lane_ = 0;
  std::map<GroupKey, Group> groups_;
  std::vector<InFlight> in_flight_;
};

}  // namespace goniec::queue
