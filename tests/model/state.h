// One state of the model: what the broker has stored, what is on its way, and where publisher, workers and
// reader are. One message, one recipient. Packs into 128 bits. Values.
//
// A record or copy is an `item`: READY's two (a record and its second storing), then for each generation its
// two under due. (a firing and its twin), lower sequence first. A copy under wait. is one bit a generation.
#pragma once

#include <array>
#include <cstdint>

namespace goniec::model {

inline constexpr int kWorkers = 2;
inline constexpr int kMaxGeneration = 2;
inline constexpr int kItems = 2 + 2 * kMaxGeneration;
inline constexpr std::uint8_t kNoItem = 7;

constexpr int GenerationOf(int item) {
  return item / 2;
}
constexpr int FirstOf(int generation) {
  return 2 * generation;
}
constexpr bool IsSecond(int item) {
  return item % 2 == 1;
}

enum class Place : std::uint8_t { kAbsent, kAvailable, kPending, kParked };

struct Item {
  Place place = Place::kAbsent;
  std::uint8_t counted = 0;       // the next delivery has a count above 1
  std::uint8_t marked = 0;        // Goniec-Resend
  std::uint8_t before_start = 0;  // stored before the server's last start
  std::uint8_t left_alone = 0;    // and somebody may hold it whom the server has forgotten
  std::uint8_t before_reset = 0;  // stored before its consumer was reset
};

enum class Publisher : std::uint8_t {
  kForming,
  kUnanswered,
  kSaidYes,
  kGaveUp,
  kFrozenForming,  // for longer than its sender waits
  kFrozenUnanswered,
};

enum class At : std::uint8_t {
  kIdle,
  kInbox,        // the broker has sent it, the worker has not seen it
  kInboxFrozen,  // and the process has been frozen for longer than ack_wait since
  kShadow,       // looking: is there an earlier message of the same content?
  kEvents,       // looking: the events
  kCopiesWait,   // looking: copies under wait.
  kCopiesDue,    // looking: copies under due.
  kEventsAgain,  // looking: the events once more
  kFinishMove,   // publishing the copy that was missing
  kConnect,
  kBeforeDot,
  kDotSent,
  kTaken,  // the peer has taken it, its reply is on the way
  kStoreEvent,
  kStoreCopy,
  kAck,
  kReturn,
};

enum class Outcome : std::uint8_t { kNone, kDelivered, kEnded, kMoved };

struct Worker {
  At at = At::kIdle;
  std::uint8_t item = kNoItem;
  std::uint8_t connected = 1;
  std::uint8_t leased = 0;
  std::uint8_t renewing = 0;
  std::uint8_t fooled = 0;     // cut off together with the consumer's leader, which still answers it
  std::uint8_t must_look = 0;  // until it is taken
  std::uint8_t resend = 0;     // the delivery says so; likewise
  Outcome outcome = Outcome::kNone;
  std::uint8_t found = 0;           // looking: a younger copy was seen
  std::uint8_t next_announced = 0;  // looking: the events name the next generation, not one beyond
  std::uint8_t event_stored = 0;    // its answer was lost
  std::uint8_t excused = 0;         // something befell it after the dot, before the peer took the message
  std::uint8_t after_end = 0;       // it was given the item when the recipient had ended
};

// What a cut-off process has sent into a connection that stands still, and may still arrive.
enum class Late : std::uint8_t { kNothing, kRecord, kMarkedRecord, kEnd, kMove, kCopy, kAck, kGiveBack };

// The consumer whose reset is announced: of READY, or of what is due.
enum class Resetting : std::uint8_t { kNone, kReady, kDue };

enum class Reading : std::uint8_t {
  kIdle,
  kEarly,
  kReady,
  kWait,
  kDue,
  kEarlyAgain,
  kLate,
  kEarlyLast,
  kAnswer
};

// Where a reader is, and what it has learnt. `end` and `shown` number the terminal events in stream order
// from 1; 0 is none.
struct Reader {
  Reading at = Reading::kIdle;
  std::uint8_t known = 0;
  std::uint8_t end = 0;
  std::uint8_t shown = 0;
};

enum class Violation : std::uint8_t {
  kNone,
  kDuplicate,
  kStaleRecord,
  kNotFound,
  kBackFromEnd,
  kOtherEnd,
  kEndedByOther,
  kLost,   // found by the search, never stored in a state
  kStuck,  // likewise
};

struct State {
  std::array<Item, kItems> items;
  std::array<std::uint8_t, kMaxGeneration> waiting{};     // under wait., generation 1 first
  std::array<std::uint8_t, kMaxGeneration> copy_known{};  // its Nats-Msg-Id is remembered
  std::uint8_t record_known = 0;                          // likewise
  Publisher publisher = Publisher::kForming;
  std::array<Worker, kWorkers> workers;
  Late late = Late::kNothing;
  std::uint8_t late_about = 0;  // an item, or a generation
  Resetting resetting = Resetting::kNone;
  std::uint8_t faults = 0;

  // EVENTS.
  std::uint8_t ends = 0;           // terminal events, at most 2; without a reader at most 1
  std::uint8_t not_delivered = 0;  // the first end says so; one that was late is not held against anybody
  std::uint8_t generation = 0;     // the highest that was announced
  // With a reader only: on which subject the ends are, whether the two subjects have any event, and how the
  // minute after which events go to the late one stands to the clocks: before, about now, after.
  std::array<std::uint8_t, 2> end_is_late{};
  std::uint8_t early_events = 0;
  std::uint8_t late_events = 0;
  std::uint8_t minute = 0;
  Reader reader;

  // The peer has taken the message and nothing excuses a second time; while the taking's event is not stored,
  // `taker` is the worker (1 or 2) whose faults excuse it.
  std::uint8_t taken = 0;
  std::uint8_t taker = 0;
  Violation violation = Violation::kNone;
};

struct Key {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Key&) const = default;
};

// States that differ only in the workers' names have one key.
Key Pack(const State& state);
State Unpack(Key key);
// How many of the key's 128 bits are used.
int BitsOfState();

inline bool IsOf(Resetting consumer, int item) {
  return consumer != Resetting::kNone && (GenerationOf(item) == 0) == (consumer == Resetting::kReady);
}

inline bool IsStored(const State& state, int item) {
  return state.items[static_cast<std::size_t>(item)].place != Place::kAbsent;
}

}  // namespace goniec::model
