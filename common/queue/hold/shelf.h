// The shelf, from the side of those who take from it: what lies there, release, and what must come back at
// the latest. Mail is put there by a move (move.h).
//
// **Release** is for a shelf what a firing schedule is for WAIT: the record's bytes are published as `due.…`
// (ReleasedSubject) under a Nats-Msg-Id made of its place on the shelf; then it is taken off. Who dies in
// between leaves it in both places, and it comes back twice: that harms nobody, for what is due is always
// looked at (README.md, "The holder rule"). So anybody may release anything at any time.
//
// What is read may come from a replica that lags: it shows the beginning of what is there, and what was taken
// off a moment ago. Neither harms: what is taken off is what was read and released, and a second release
// within two minutes is dropped by its id. Purges are the leader's, and go by literal subjects: for one by
// wildcards the server reads all that lies there. Thread-safe: there is no state.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {

class Broker;

// The records of a place from `from_sequence` on, at most `most` and a few megabytes of them, in order: at
// least one if there is any.
asio::awaitable<absl::StatusOr<std::vector<StoredMessage>>> ReadShelf(Broker& broker, ShelfPlace place,
                                                                      std::uint64_t from_sequence,
                                                                      std::size_t most);

// True if the leader says that nothing lies there: a replica that lags may show nothing of what does. False
// also if it cannot be asked.
asio::awaitable<bool> ShelfIsEmpty(Broker& broker, ShelfPlace place);

struct Probe {
  // The site's epoch in which the probe counts; 0: no probe.
  std::uint64_t epoch = 0;
};
// Publishes it where it is due. OK once it is stored there (now or before). The record stays on the shelf.
// As a probe it carries kHeaderProbe, and an id of its own for each epoch.
asio::awaitable<absl::Status> Release(Broker& broker, int lane, StoredMessage on_shelf, Probe probe = {});

// Releases records, several at a time. How many from the first on are stored where they are due: these
// may be taken off. Others behind them may be stored as well.
asio::awaitable<std::size_t> ReleaseAll(Broker& broker, int lane, const std::vector<StoredMessage>& on_shelf);

// Takes off the first `count` of these records, several at a time, with all that lies under their subjects
// before them; it must all have been released. OK also for what is not there any more.
asio::awaitable<absl::Status> TakeOff(Broker& broker, int lane, const std::vector<StoredMessage>& on_shelf,
                                      std::size_t count);
// What this asks for: up to which sequence each subject is purged.
std::map<std::string, std::uint64_t> LastOfSubjects(const std::vector<StoredMessage>& on_shelf,
                                                    std::size_t count);
// Takes off one record; OK if it is not there any more.
asio::awaitable<absl::Status> TakeOff(Broker& broker, int lane, const StoredMessage& on_shelf);

// Records by place in a lane: of one site, or (empty) of all, kLaterShelf included.
struct ShelfCount {
  std::uint64_t records = 0;
  // When the first of them comes back at the latest: the start of its minute.
  WallTime earliest;
};
asio::awaitable<absl::StatusOr<std::map<ShelfPlace, ShelfCount>>> CountShelves(Broker& broker, int lane,
                                                                               std::string site);
// Calls `each` with the places of released records that nobody has acknowledged yet, some of them several
// times: as CountReleased(), for who needs no list of all.
asio::awaitable<absl::Status> ListReleased(
    Broker& broker, int lane, std::function<void(const ShelfPlace& place, std::uint64_t records)> each);
// Released records that nobody has acknowledged yet, by place (those that wait and those in hand).
asio::awaitable<absl::StatusOr<std::map<ShelfPlace, std::uint64_t>>> CountReleased(Broker& broker, int lane);

// What may be released at once: what is due takes the broker's memory. The last batch may go beyond `bytes`
// (4 MiB).
struct OverdueRoom {
  std::size_t records = 0;
  std::size_t bytes = std::numeric_limits<std::size_t>::max();
};

struct MinuteReleased {
  int records = 0;
  bool all = false;  // there are no more of it
};
// Releases and takes off everything of one minute for which there is room. An error is the broker's, and
// others may have been released.
asio::awaitable<absl::StatusOr<MinuteReleased>> ReleaseMinute(Broker& broker, int lane, std::int64_t minute,
                                                              OverdueRoom room);

// How far ReleaseOverdue has come in a lane. Who is far behind lists once what lies there, and works it off
// call after call.
struct OverdueMinutes {
  // The first that has not been dealt with.
  std::int64_t next = 0;
  // Of those up to `listed_to`, which may have something and were not dealt with.
  std::set<std::int64_t> listed = {};
  std::int64_t listed_from = 0;
  std::int64_t listed_to = -1;
  // Those from `listed_from` on are listed once more, whatever `next` says: a long listing comes in pages,
  // and what is taken off meanwhile lets others slip over their borders.
  bool again = false;
};
// Releases and takes off everything whose minute (HeldSubject) has begun, from `minutes.next` on, for which
// there is room: what expires, and what waits on kLaterShelf. Returns how many were released; an error is
// the broker's, and the next call goes on there.
asio::awaitable<absl::StatusOr<int>> ReleaseOverdue(Broker& broker, int lane, OverdueMinutes& minutes,
                                                    OverdueRoom room);

}  // namespace goniec::queue
