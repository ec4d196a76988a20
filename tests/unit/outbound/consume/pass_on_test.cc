#include "outbound/consume/pass_on.h"

#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using queue::HeldSubject;
using queue::MailClass;
using queue::ReleasedSubject;
using queue::ShelfPlace;
using std::chrono::milliseconds;

const WallTime kNow{std::chrono::hours(400'000)};
const std::int64_t kMinute = queue::MinuteOf(kNow);

TEST(PassOnTest, WhatIsAnotherWorkersAndWhatIsNot) {
  const ShelfPlace ours{0, MailClass::kBulk, "ours", "default"};
  const ShelfPlace others{1, MailClass::kTransactional, "others", "default"};
  const ShelfPlace later{1, MailClass::kTransactional, queue::kLaterShelf, "default"};
  struct {
    const char* name;
    std::string subject;
    std::uint64_t delivery_count;
    std::optional<milliseconds> pause;
  } const rows[] = {
      {"ours", ReleasedSubject(HeldSubject(ours, 7, kMinute + 60)), 1, {}},
      {"another's", ReleasedSubject(HeldSubject(others, 7, kMinute + 60)), 1, kPassOnPause},
      {"another's, that many had", ReleasedSubject(HeldSubject(others, 7, kMinute + 60)), 5,
       kPassOnPause * 5},
      {"another's, for long", ReleasedSubject(HeldSubject(others, 7, kMinute + 60)), 1'000'000,
       kLongestPassOnPause},
      {"another's, whose minute is over", ReleasedSubject(HeldSubject(others, 7, kMinute - 1)), 1, {}},
      {"another's, in its minute", ReleasedSubject(HeldSubject(others, 7, kMinute)), 1, kPassOnPause},
      {"of no site", ReleasedSubject(HeldSubject(later, 7, kMinute + 60)), 1, {}},
      {"not from a shelf",
       queue::DueSubject(
           queue::WaitSubject(0, MailClass::kBulk, "default", "01hzzzzzzzzzzzzzzzzzzzzzzz0000", 1, "a.test")),
       1,
       {}},
      {"new", queue::ReadySubject(0, MailClass::kBulk, "default", 7), 1, {}},
      {"none of ours", "due.0.held.x", 1, {}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(PassOn(row.subject, row.delivery_count, kNow,
                     [](const ShelfPlace& place) { return place.site != "ours"; }),
              row.pause)
        << row.name;
  }
}

TEST(PassOnTest, AWorkerThatIsAloneServesAll) {
  EXPECT_FALSE(PassOn(ReleasedSubject(HeldSubject({0, MailClass::kBulk, "any", "default"}, 7, kMinute + 60)),
                      1, kNow, {}));
}

}  // namespace
}  // namespace goniec::outbound
