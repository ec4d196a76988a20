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

// Publishes the events of one record's mails as one EventRecord (split at 256 KiB), repeating the same bytes
// under the same Nats-Msg-Id until the broker has answered. `leased` is asked before each send: without a
// lease another may hold the recipients, so only what has surely happened is told (accepted; delivered; an
// end for lack of an answer), and the rest is dropped: moves, bounces, expiries. Returns whether all is
// stored. `stalled` (must outlive the call) knows while it repeats. `stop` ends the waiting without certainty
// (kCancelled); nothing else does. With `ready` they name the record that they are about, the last of them
// for good: to be given with the events that name all its mails.
struct StoredEvents {
  bool complete = true;
};
asio::awaitable<absl::StatusOr<StoredEvents>> StoreEvents(Broker& broker, const QueueConfig& config,
                                                          std::vector<v1::Event> events,
                                                          StalledWrites& stalled,
                                                          std::function<bool()> leased,
                                                          std::function<bool()> stop,
                                                          std::optional<v1::ReadyPlace> ready = std::nullopt);

// A record's place, if the stream is one of READY.
std::optional<v1::ReadyPlace> ReadyPlaceOf(std::string_view stream, std::uint64_t sequence,
                                           WallTime stored_at);

// A note, without any event, that the record which had `ready_subject` was dealt with. Under an id of its
// own: storing it twice is harmless. One attempt.
OutgoingMessage ReadyNote(const QueueConfig& config, std::string_view ready_subject,
                          const v1::ReadyPlace& ready);

}  // namespace goniec::queue
