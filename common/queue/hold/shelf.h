// The shelf, from the side of those who take from it: what lies there, release, and what must come back at
// the latest. Mail is put there by a move (move.h).
//
// **Release** is for a shelf what a firing schedule is for WAIT: the record's bytes are published as `due.…`
// (ReleasedSubject) under a Nats-Msg-Id made of its place on the shelf; then it is taken off. Who dies in
// between leaves it in both places, and it comes back twice: that harms nobody, for what is due is always
// looked at (README.md, "The holder rule"). So anybody may release anything at any time.
//
// Reads and purges go to the stream's leader where a lagging replica would matter. Confined to one coroutine
// at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {

class Broker;

// One site's mail of one class and tenant: first in, first out. `site` is a token (outbound/route SiteToken),
// or kLaterShelf for mail of any site that waits for a time (subjects.h).
struct ShelfPlace {
  int lane = 0;
  MailClass mail_class = MailClass::kTransactional;
  std::string site;
  std::string tenant;
  auto operator<=>(const ShelfPlace&) const = default;
};

// The records of a place from `from_sequence` on, at most `most`, in order.
asio::awaitable<absl::StatusOr<std::vector<StoredMessage>>> ReadShelf(Broker& broker, ShelfPlace place,
                                                                      std::uint64_t from_sequence,
                                                                      std::size_t most);

struct Probe {
  // The site's epoch in which the probe counts; 0: no probe.
  std::uint64_t epoch = 0;
};
// Publishes it where it is due. OK once it is stored there (now or before). The record stays on the shelf.
// As a probe it carries kHeaderProbe, and an id of its own for each epoch.
asio::awaitable<absl::Status> Release(Broker& broker, int lane, const StoredMessage& on_shelf,
                                      Probe probe = {});

// Takes off everything of the place up to and including `sequence`; it must all have been released.
asio::awaitable<absl::Status> TakeOff(Broker& broker, ShelfPlace place, std::uint64_t sequence);
// Takes off one record.
asio::awaitable<absl::Status> TakeOff(Broker& broker, int lane, const StoredMessage& on_shelf);

// Records by place, of all lanes' shelves that match: of one site, or (empty) of all, kLaterShelf included.
struct ShelfCount {
  std::uint64_t records = 0;
  // When the first of them must come back at the latest: the start of that minute.
  WallTime earliest;
};
asio::awaitable<absl::StatusOr<std::map<ShelfPlace, ShelfCount>>> CountShelves(Broker& broker, int lane,
                                                                               std::string site);
// Released records that nobody has acknowledged yet, by place (those that wait and those in hand).
asio::awaitable<absl::StatusOr<std::map<ShelfPlace, std::uint64_t>>> CountReleased(Broker& broker, int lane);

// Releases everything whose minute (HeldSubject) has passed, at most `most` records: what expires, and what
// waits on kLaterShelf. `minute` is where to go on, and moves on to the first that has not been dealt with;
// it is kept in the bucket `control` (key expiry.<lane>) by the caller. Returns how many were released.
asio::awaitable<absl::StatusOr<int>> ReleaseOverdue(Broker& broker, int lane, std::int64_t& minute,
                                                    std::size_t most);

}  // namespace goniec::queue
