// The beginning of the audit's ledger: every record that a READY stream has ever taken is stored there, was
// set aside, or is named by an event. Any other sequence is a record that is gone, with mails that had a 250.
// Used by Audit, which reads the events. Reads only.
//
// Stored records are found by counting: two answers say how many messages lie in a stretch of sequences, and
// a stretch that has too few is halved. A record is called missing only after the stream's leader was asked,
// and the events were read once more.
//
// Confined to one coroutine at a time.
#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/tend/ready_ledger.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;
struct StoredMessage;

struct MissingRecords {
  std::string stream;
  std::uint64_t first = 0;  // sequences
  std::uint64_t last = 0;
  WallTime after;   // they were stored at or after that
  WallTime before;  // and at or before that

  [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
  friend bool operator==(const MissingRecords&, const MissingRecords&) = default;
};

class ReadyAudit {
 public:
  // Both must outlive it.
  ReadyAudit(Broker& broker, const QueueConfig& config);

  // How far the streams have come. Before the events are read.
  asio::awaitable<absl::Status> ReadStreams();
  // An event record, in the order of its stream.
  void Add(const v1::EventRecord& record, WallTime stored_at);

  // Finds the missing ones of the records stored before `until`. At most `questions` are asked about READY,
  // from where the last call stopped. `read_events` reads and adds the events since. An error: the broker
  // could not be asked; missing() stays as it was.
  asio::awaitable<absl::Status> Find(WallTime until, std::size_t questions,
                                     std::function<asio::awaitable<absl::Status>()> read_events);

  // As of the last Find(): in the order of streams and sequences.
  [[nodiscard]] std::vector<MissingRecords> missing() const;
  // As of the last ReadStreams(): records in READY, and when the oldest of them was stored.
  [[nodiscard]] std::uint64_t records() const;
  [[nodiscard]] std::optional<WallTime> oldest() const;
  // The first sequence of each lane that is judged, 0 if none is yet.
  [[nodiscard]] std::vector<std::uint64_t> begins() const;

 private:
  using Gap = ReadyLedger::Gap;
  struct Lane {
    std::string stream;
    ReadyLedger ledger;
    std::uint64_t messages = 0;
    std::optional<WallTime> oldest;
    std::uint64_t last = 0;  // the newest sequence
    WallTime last_time;      // no later than that it was stored
    std::uint64_t next = 1;  // where the next questions go on
    std::vector<Gap> missing;
    std::set<std::uint64_t> set_aside;
  };
  struct Stored;

  asio::awaitable<absl::Status> ReadLane(Lane& lane);
  asio::awaitable<absl::Status> ReadShard(int shard);
  asio::awaitable<absl::StatusOr<std::vector<Gap>>> Search(Lane& lane, WallTime until,
                                                           std::size_t& questions);
  asio::awaitable<absl::StatusOr<std::uint64_t>> SearchGap(const Lane& lane, Gap gap, std::vector<Gap>& found,
                                                           std::size_t& questions);
  asio::awaitable<absl::StatusOr<std::optional<Stored>>> AskNext(const Lane& lane, std::uint64_t from,
                                                                 std::size_t& questions);
  asio::awaitable<absl::StatusOr<bool>> AllStored(const Lane& lane, Stored from, std::uint64_t last,
                                                  std::size_t& questions);
  asio::awaitable<absl::StatusOr<std::vector<Gap>>> ConfirmAtLeader(const Lane& lane, std::vector<Gap> gaps);
  asio::awaitable<absl::Status> ReadSetAside();
  void NoteSetAside(const StoredMessage& stored);
  static std::vector<Gap> StillUntold(const Lane& lane, const std::vector<Gap>& gaps);

  Broker& broker_;
  const QueueConfig& config_;
  std::vector<Lane> lanes_;
  bool events_were_read_ = false;
  // Of QUARANTINE, when it was read: messages, first and last sequence.
  std::array<std::uint64_t, 3> set_aside_as_of_{};
};

}  // namespace goniec::queue
