// Events: made from a mail in hand, stored in EVENTS. Making them is pure; storing is awaited until it is
// certain.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/broker/broker.h"
#include "common/queue/model/timestamps.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class StalledWrites;
struct QueueConfig;

inline constexpr std::size_t kMaxEventRecordBytes = 256 * 1024;

// Its id is `<message id>.accepted`, so that readers drop a second one.
v1::Event AcceptedEvent(const v1::Mail& mail);

// An event about the recipients at these positions of mail.recipients(); `generation` is the mail's unless
// the event is a move. The id is new.
v1::Event MakeEvent(const v1::Mail& mail, v1::EventType type, const std::vector<std::uint32_t>& positions,
                    WallTime now);

struct StoredEvents {
  // False: some were dropped for lack of a lease.
  bool complete = true;
};
// Publishes the events of one record's mails as one EventRecord (split at 256 KiB), repeating the same bytes
// under the same Nats-Msg-Id until the broker has answered. `leased` is asked before each send. Without a
// lease another worker may hold the recipients: then only events that have surely happened are told
// (accepted; delivered; an end for lack of an answer), and moves, bounces and expiries are dropped. `stalled`
// (must outlive the call) knows while it repeats. `ready` is the place of the record, given with the events
// that name all its mails: the audit then knows that the record was dealt with. kCancelled: `stop` ended the
// waiting, and some events may be stored; there is no other error.
asio::awaitable<absl::StatusOr<StoredEvents>> StoreEvents(Broker& broker, const QueueConfig& config,
                                                          std::vector<v1::Event> events,
                                                          StalledWrites& stalled,
                                                          std::function<bool()> leased,
                                                          std::function<bool()> stop,
                                                          std::optional<v1::ReadyPlace> ready = std::nullopt);

// A record's place, if the stream is one of READY.
std::optional<v1::ReadyPlace> ReadyPlaceOf(std::string_view stream, std::uint64_t sequence,
                                           WallTime stored_at);

// A note, without any event, that the record at `ready_subject` was dealt with. It has an id of its own, so a
// repetition is stored once. Published by the caller.
OutgoingMessage ReadyNote(const QueueConfig& config, std::string_view ready_subject,
                          const v1::ReadyPlace& ready);

}  // namespace goniec::queue
