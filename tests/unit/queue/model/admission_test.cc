#include "common/queue/model/admission.h"

#include <gtest/gtest.h>

#include <set>

namespace goniec::queue {
namespace {

TEST(AdmissionMark, StopsAtItsMarkAndGoesOnBelow) {
  AdmissionMark mark(80, 10);
  EXPECT_TRUE(mark.open());
  EXPECT_TRUE(mark.Update(799, 1'000));
  EXPECT_FALSE(mark.Update(800, 1'000));
  EXPECT_FALSE(mark.Update(799, 1'000));
  EXPECT_FALSE(mark.Update(701, 1'000));
  EXPECT_TRUE(mark.Update(700, 1'000));
  EXPECT_TRUE(mark.Update(799, 1'000));
}

TEST(AdmissionMark, TheLargestCapacityDoesNotOverflow) {
  AdmissionMark mark(80, 10);
  const std::uint64_t pebibyte = 1ULL << 50;
  EXPECT_TRUE(mark.Update(pebibyte / 2, pebibyte));
  EXPECT_FALSE(mark.Update(pebibyte, pebibyte));
}

TEST(Admission, EachRoomIsFullByItselfAndBulkStopsFirst) {
  constexpr auto kNone = std::optional<Room>();
  struct Row {
    const char* name;
    Rooms used;
    std::optional<Room> transactional;
    std::optional<Room> bulk;
  };
  for (const Row& row : {
           Row{"empty", {0, 0, 0}, kNone, kNone},
           Row{"all below their marks", {59, 189, 239}, kNone, kNone},
           Row{"queue for bulk", {60, 0, 0}, kNone, Room::kQueue},
           Row{"queue", {80, 0, 0}, Room::kQueue, Room::kQueue},
           Row{"events for bulk", {0, 190, 0}, kNone, Room::kEvents},
           Row{"events", {0, 200, 0}, Room::kEvents, Room::kEvents},
           Row{"waiting for bulk", {0, 0, 240}, kNone, Room::kWaiting},
           Row{"waiting", {0, 0, 300}, Room::kWaiting, Room::kWaiting},
           Row{"far beyond", {0, 900, 0}, Room::kEvents, Room::kEvents},
           Row{"all: the first is named", {100, 200, 300}, Room::kQueue, Room::kQueue},
       }) {
    Admission admission({100, 200, 300});
    admission.Update(row.used);
    EXPECT_EQ(admission.Full(MailClass::kTransactional), row.transactional) << row.name;
    EXPECT_EQ(admission.Full(MailClass::kBulk), row.bulk) << row.name;
  }
}

TEST(Admission, GoesOnOnceAllRoomsAreBelowTheirMarks) {
  Admission admission({100, 100, 100});
  admission.Update({90, 100, 0});
  admission.Update({10, 99, 0});
  EXPECT_EQ(admission.Full(MailClass::kTransactional), Room::kEvents) << "not far enough below";
  admission.Update({10, 98, 0});
  EXPECT_EQ(admission.Full(MailClass::kTransactional), std::nullopt);
}

TEST(FullStatus, NamesItsRoom) {
  std::set<std::string> texts;
  for (const Room room : {Room::kQueue, Room::kEvents, Room::kWaiting}) {
    const absl::Status status = FullStatus(room, 93);
    EXPECT_TRUE(absl::IsResourceExhausted(status));
    EXPECT_EQ(RoomOf(status), room);
    EXPECT_NE(status.message().find("93 %"), absl::string_view::npos) << status;
    texts.insert(std::string(status.message()));
  }
  EXPECT_EQ(texts.size(), kRooms);
  EXPECT_EQ(RoomOf(absl::ResourceExhaustedError("too many mails wait for the broker")), std::nullopt);
}

}  // namespace
}  // namespace goniec::queue
