// The state of each recipient, folded from events: there is no second truth. Used by the finder, the worker's
// looking and the API; reads nothing. Pure; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

enum class RecipientState {
  kQueued,
  kDeferred,
  kHeld,
  kDelivered,
  kBounced,
  kExpired,
  kCancelled,
  kSuppressed
};
[[nodiscard]] bool IsTerminal(RecipientState state);
[[nodiscard]] bool IsTerminal(v1::EventType type);

struct RecipientStatus {
  std::string address;
  RecipientState state = RecipientState::kQueued;
  std::uint32_t generation = 0;
  std::uint32_t attempts = 0;
  std::optional<WallTime> next_attempt_time;  // deferred, held
  std::optional<WallTime> end_time;           // terminal
  std::optional<v1::Outcome> last_outcome;
};

struct MessageStatus {
  std::string message_id;
  std::string tenant;
  std::uint32_t recipient_count = 0;  // 0: nothing is known
  std::optional<v1::Acceptance> acceptance;
  std::map<std::uint32_t, RecipientStatus> recipients;  // by index; those that are known
  [[nodiscard]] bool AllTerminal() const;
};

// Where in EVENTS an event lies. Events of a message lie in one stream, under two subjects.
struct EventPlace {
  std::uint64_t sequence = 0;
  WallTime stored_at;
};

// Folds the events of one message. An event id that it knows is dropped, and so is a recipient that the
// message does not have. Of a recipient's terminal events the first in stream order wins, in any order of
// reading; the others are counted. A move of a lower or equal generation changes nothing; nor does a type
// that this version does not know.
class StatusFold {
 public:
  explicit StatusFold(std::string message_id);
  // Without places the order of adding is the stream's.
  void Add(const v1::Event& event, const EventPlace& place = {});
  // A mail found in READY, WAIT or HELD (`on_shelf`) fills in what no event has said yet.
  void AddStored(const v1::Mail& mail, bool on_shelf = false);
  [[nodiscard]] const MessageStatus& status() const { return status_; }
  [[nodiscard]] int second_terminals() const { return second_terminals_; }
  // The place of the last end that counts.
  [[nodiscard]] const EventPlace& last_end() const { return last_end_; }

 private:
  MessageStatus status_;
  std::unordered_set<std::string> seen_;
  std::map<std::uint32_t, std::uint64_t> end_sequences_;  // by recipient
  EventPlace last_end_;
  int second_terminals_ = 0;
};

}  // namespace goniec::queue
