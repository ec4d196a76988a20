// One state of the model of shelves: what the broker has stored, where workers and keepers are, and what the
// events say. Two mails (or two recipients of one) that READY holds in one record. Packs into three words.
// Values.
//
// What is due is a list in stream order: copies of one mail from WAIT, and records that were released. What
// has been on the shelf is another; a record that was taken off stays in it while somebody has its bytes.
#pragma once

#include <array>
#include <cstdint>

namespace goniec::model::shelf {

inline constexpr int kMails = 2;
inline constexpr int kWorkers = 2;
inline constexpr int kKeepers = 2;
inline constexpr int kMaxGeneration = 2;
inline constexpr int kDue = 4;
inline constexpr int kShelf = 3;
// READY's record is item 0, what is due are 1 to kDue.
inline constexpr int kItems = 1 + kDue;
inline constexpr std::uint8_t kBoth = 3;

constexpr std::uint8_t MaskOf(int mail) {
  return static_cast<std::uint8_t>(1U << mail);
}

struct Item {
  std::uint8_t mails = 0;  // 0: absent
  std::uint8_t generation = 0;
  std::uint8_t released = 0;
  std::uint8_t pending = 0;
  std::uint8_t counted = 0;  // the next delivery has a count above 1
  std::uint8_t gone = 0;     // acknowledged by one while another still has it in hand
};

struct Shelved {
  std::uint8_t mails = 0;  // 0: absent
  std::uint8_t generation = 0;
  std::uint8_t on_shelf = 0;
  std::uint8_t known = 0;           // the Nats-Msg-Id of its move is remembered
  std::uint8_t released_known = 0;  // that of its release
};

enum class Work : std::uint8_t { kIdle, kReleasing, kTakingOff, kRemovingMark };

struct Keeper {
  Work at = Work::kIdle;
  std::uint8_t to_release = 0;  // positions in the shelf, of those that it has read
  std::uint8_t up_to = 0;       // how many positions it takes off
  std::uint8_t current = 0;     // the mark has not been renewed since
};

enum class At : std::uint8_t {
  kIdle,
  kShadowCopies,    // looking: copies that were due before
  kShadowReleased,  // looking: released records that were due before
  kEvents,          // looking: the events of a mail that is left
  kWait,            // looking: copies of it under wait.
  kDueCopies,       // under due.
  kHeld,            // on shelves
  kReleased,        // released
  kEventsAgain,
  kFinishMove,
  kServing,
};

// Where the recipients of a mail are in a worker's hands.
enum class Leg : std::uint8_t {
  kDone,
  kServe,
  kTaken,      // the peer has taken it, no event says so yet
  kEnd,        // to be told: not delivered
  kHold,       // to be told: moves to the shelf
  kHoldCopy,   // to be put there
  kDefer,      // to be told: moves to WAIT
  kDeferCopy,  // to be put there
};

// What a move to the shelf relies on: a fresh mark, or one that only this worker believes to be fresh.
enum class Marked : std::uint8_t { kNo, kFresh, kSeen };

struct Worker {
  At at = At::kIdle;
  std::uint8_t item = 0;
  std::uint8_t generation = 0;
  std::uint8_t leased = 0;
  std::uint8_t left = 0;  // mails that it has still to look at
  std::uint8_t mail = 0;  // the one of them that it looks at
  std::array<Leg, kMails> legs{};
  std::uint8_t after_end = 0;  // mails that had ended when it got the item
  Marked marked = Marked::kNo;
  std::uint8_t owes_mark = 0;
};

// What a process that was cut off has sent, and may still arrive.
enum class Late : std::uint8_t { kNothing, kShelved, kCopy, kRelease, kTakeOff };

enum class Hour : std::uint8_t { kEarly, kNear, kExpired };

enum class Violation : std::uint8_t {
  kNone,
  kDuplicate,
  kEndedByOther,
  kLost,   // found by the search, never stored in a state
  kStuck,  // likewise
};

struct Mail {
  std::uint8_t generation = 0;  // the highest that the events name
  std::uint8_t ended = 0;
  std::uint8_t not_delivered = 0;  // the end says so
  // The peer has it and nothing excuses a second time; while no event says so, `taker` is the worker (1 or 2)
  // whose faults excuse it.
  std::uint8_t taken = 0;
  std::uint8_t taker = 0;
  // By generation from 1: under wait., and its Nats-Msg-Id is remembered.
  std::array<std::uint8_t, kMaxGeneration> waits{};
  std::array<std::uint8_t, kMaxGeneration> known{};
};

struct State {
  std::array<Item, kItems> items{{{.mails = kBoth}}};
  std::array<Shelved, kShelf> shelf;
  std::array<Worker, kWorkers> workers;
  std::array<Keeper, kKeepers> keepers;
  std::array<Mail, kMails> mails;
  Late late = Late::kNothing;
  std::uint8_t late_mails = 0;  // what it holds; of a release or a taking off, how far it goes on the shelf
  std::uint8_t late_generation = 0;
  Hour hour = Hour::kEarly;
  std::uint8_t minute_passed = 0;  // who releases what is overdue has gone on
  std::uint8_t mark = 0;
  std::uint8_t mark_fresh = 0;
  std::uint8_t faults = 0;
  Violation violation = Violation::kNone;
};

struct Key {
  std::uint64_t stored = 0;
  std::uint64_t workers = 0;
  std::uint64_t rest = 0;
  bool operator==(const Key&) const = default;
};

// States that differ only in the names of workers, keepers and mails have one key.
Key Pack(const State& state);
State Unpack(Key key);
// Of the three words, the bits of the fullest.
int BitsOfFullestWord();

inline bool IsStored(const Item& item) {
  return item.mails != 0 && !item.gone;
}

}  // namespace goniec::model::shelf
