// Decides when new mail may be taken: the marks of each room (invariant: a full store never stops delivery),
// and the status that names the full one. Asked by StoreLevel; reads nothing itself. Pure; confined.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {

// The rooms that mail needs. Each is full by itself.
enum class Room {
  kQueue,    // mail and its bodies on the disk: queue.capacity less queue.event_budget
  kEvents,   // what has happened to mail: queue.event_budget
  kWaiting,  // the broker's memory for what waits for its next attempt: queue.waiting_memory
};
inline constexpr std::size_t kRooms = 3;
using Rooms = std::array<std::uint64_t, kRooms>;  // bytes, by room

// "queue", "events", "waiting".
std::string_view RoomToken(Room room);

// In percent: acceptance stops at the mark, for bulk before transactional, and goes on so many points below
// it. Above the queue's mark there is room for copies and bounces. Events that may go are deleted long before
// their marks (event_budget.h).
struct RoomMarks {
  int transactional;
  int bulk;
  int resume_points;
};
inline constexpr int kTransactionalMark = 80;
inline constexpr std::array<RoomMarks, kRooms> kRoomMarks = {
    {{kTransactionalMark, 60, 10}, {100, 95, 2}, {100, 80, 5}}};

class AdmissionMark {
 public:
  AdmissionMark(int percent, int resume_points) : percent_(percent), resume_points_(resume_points) {}

  // Whether mail is taken at this level.
  bool Update(std::uint64_t used, std::uint64_t capacity);
  [[nodiscard]] bool open() const { return open_; }

 private:
  int percent_;
  int resume_points_;
  bool open_ = true;
};

class Admission {
 public:
  explicit Admission(const Rooms& capacities);

  void Update(const Rooms& used);
  // The room that is full for mail of this class, if there is one.
  [[nodiscard]] std::optional<Room> Full(MailClass mail_class) const;
  // True if it is, for mail of some class.
  [[nodiscard]] bool IsFull(Room room) const;

 private:
  struct Marks {
    AdmissionMark transactional;
    AdmissionMark bulk;
  };
  Rooms capacities_;
  std::array<Marks, kRooms> marks_;
};

// kResourceExhausted: words for the operator, and the room for RoomOf.
absl::Status FullStatus(Room room, int percent);
// The room of such a status, nothing of any other one.
std::optional<Room> RoomOf(const absl::Status& status);

}  // namespace goniec::queue
