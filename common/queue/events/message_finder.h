// "Where is my message?": from the id alone to its status, at any moment from its 250 on. Called by the API,
// and by the worker's looking (the holder rule). Reads only.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/model/message_status.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;
struct StoredPlace;

// Which streams have replicas, of which one that lags may answer a direct read. Asked of the stream itself:
// the configuration of a service need not know. An answer holds for a second, about as long as a look may
// last that asked for itself; a look at each mail of a large backlog would ask as often as it reads.
//
// Thread-safe.
class Replication {
 public:
  // kUnavailable: the broker could not be asked.
  asio::awaitable<absl::StatusOr<bool>> IsReplicated(Broker& broker, std::string stream);

 private:
  struct Known {
    bool replicated = false;
    BootTime asked;
  };
  std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;
};

class MessageFinder {
 public:
  // `broker` is best a connection of its own, so that reads do not delay commits. Both must outlive this.
  MessageFinder(Broker& broker, const QueueConfig& config);

  // The early events of the slot (from 60 s before the id's time), until all recipients are terminal; else
  // READY at the slot; else wait and due by id, held and records that came from there at the slot; then the
  // early events again, then the late ones; last, QUARANTINE (queued, as far as anybody knows). kNotFound:
  // all of these are there, and empty. kUnavailable: the broker could not be asked about one of them, so
  // nothing is known.
  asio::awaitable<absl::StatusOr<MessageStatus>> Find(std::string tenant, std::string message_id);

  // The events alone, from the stream's leader where completeness decides; an empty status if there are none.
  asio::awaitable<absl::StatusOr<MessageStatus>> FoldEvents(std::string tenant, std::string message_id);

  // The same of several messages of one record, by their ids, with one reading for all: they share a slot.
  // Tells who has ended; of two ends of one recipient perhaps not the one that counts. kInvalidArgument: they
  // are of several records.
  asio::awaitable<absl::StatusOr<std::map<std::string, MessageStatus>>> FoldEventsOfAll(
      std::string tenant, std::vector<std::string> message_ids);

  // Every stored copy (WAIT under wait. or due., HELD) of the message, with stream, sequence and subject of
  // the record that holds it, perhaps among other mails.
  struct StoredCopy {
    std::string stream;
    std::string subject;
    std::uint64_t sequence = 0;
    v1::Mail mail;
  };
  asio::awaitable<absl::StatusOr<std::vector<StoredCopy>>> FindCopies(std::string tenant,
                                                                      std::string message_id);

  // The message in every stored record that holds some of it: in READY, WAIT and HELD.
  asio::awaitable<absl::StatusOr<std::vector<v1::Mail>>> FindStored(std::string tenant,
                                                                    std::string message_id);

  // Calls `each` with every record that lies in the place before this sequence of its stream. What is not a
  // record of ours (record_check.h) is passed over: it is set aside, not served.
  asio::awaitable<absl::Status> ReadEarlier(StoredPlace place, std::uint64_t sequence,
                                            std::function<void(const v1::Record&)> each);

 private:
  Broker& broker_;
  const QueueConfig& config_;
  Replication replication_;
};

}  // namespace goniec::queue
