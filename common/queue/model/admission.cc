#include "common/queue/model/admission.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::queue {
namespace {

constexpr char kRoomPayload[] = "goniec/room";
constexpr std::array<Room, kRooms> kAllRooms = {Room::kQueue, Room::kEvents, Room::kWaiting};

}  // namespace

std::string_view RoomToken(Room room) {
  switch (room) {
    case Room::kQueue:
      return "queue";
    case Room::kEvents:
      return "events";
    case Room::kWaiting:
      return "waiting";
  }
  return "queue";
}

bool AdmissionMark::Update(std::uint64_t used, std::uint64_t capacity) {
  const auto part = [capacity](int percent) {
    return static_cast<double>(capacity) * static_cast<double>(percent) / 100.0;
  };
  const auto level = static_cast<double>(used);
  if (level >= part(percent_)) {
    open_ = false;
  } else if (level <= part(percent_ - resume_points_)) {
    open_ = true;
  }
  return open_;
}

Admission::Admission(const Rooms& capacities)
    : capacities_(capacities), marks_([] {
        const auto of = [](const RoomMarks& marks) {
          return Marks{AdmissionMark(marks.transactional, marks.resume_points),
                       AdmissionMark(marks.bulk, marks.resume_points)};
        };
        return std::array<Marks, kRooms>{of(kRoomMarks[0]), of(kRoomMarks[1]), of(kRoomMarks[2])};
      }()) {}

void Admission::Update(const Rooms& used) {
  for (std::size_t i = 0; i < kRooms; ++i) {
    marks_[i].transactional.Update(used[i], capacities_[i]);
    marks_[i].bulk.Update(used[i], capacities_[i]);
  }
}

std::optional<Room> Admission::Full(MailClass mail_class) const {
  for (std::size_t i = 0; i < kRooms; ++i) {
    const Marks& marks = marks_[i];
    if (!(mail_class == MailClass::kBulk ? marks.bulk : marks.transactional).open()) return kAllRooms[i];
  }
  return std::nullopt;
}

bool Admission::IsFull(Room room) const {
  const Marks& marks = marks_[static_cast<std::size_t>(room)];
  return !marks.transactional.open() || !marks.bulk.open();
}

absl::Status FullStatus(Room room, int percent) {
  std::string text;
  switch (room) {
    case Room::kQueue:
      text = absl::StrCat("the queue is ", percent, " % full");
      break;
    case Room::kEvents:
      text = absl::StrCat("the events of past mail fill ", percent, " % of queue.event_budget");
      break;
    case Room::kWaiting:
      text =
          absl::StrCat("mail that waits for its next attempt takes ", percent, " % of queue.waiting_memory");
      break;
  }
  absl::Status status = absl::ResourceExhaustedError(text);
  status.SetPayload(kRoomPayload, absl::Cord(ToAbsl(RoomToken(room))));
  return status;
}

std::optional<Room> RoomOf(const absl::Status& status) {
  const auto token = status.GetPayload(kRoomPayload);
  if (!token.has_value()) return std::nullopt;
  for (const Room room : kAllRooms) {
    if (*token == ToAbsl(RoomToken(room))) return room;
  }
  return std::nullopt;
}

}  // namespace goniec::queue
