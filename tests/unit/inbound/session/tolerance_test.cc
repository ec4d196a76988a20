#include "inbound/session/tolerance.h"

#include <gtest/gtest.h>

namespace goniec::inbound {
namespace {

TEST(Tolerance, EachKindHasItsOwnLimit) {
  const struct {
    const char* name;
    Deed deed;
    int tolerated;
  } kCases[] = {{"mistakes", Deed::kMistake, 2}, {"refusals", Deed::kRefusal, 5}, {"idle", Deed::kIdle, 3}};
  for (const auto& c : kCases) {
    Tolerance tolerance(2, 5, 3);
    for (int i = 0; i < c.tolerated; ++i) EXPECT_TRUE(tolerance.Note(c.deed)) << c.name << " " << i;
    for (const auto& other : kCases) {
      if (other.deed != c.deed) EXPECT_TRUE(tolerance.Note(other.deed)) << c.name << ", " << other.name;
    }
    EXPECT_FALSE(tolerance.Note(c.deed)) << c.name;
    EXPECT_FALSE(tolerance.Note(c.deed)) << c.name << ": it stays so";
  }
}

TEST(Tolerance, AnAcceptedMailClearsAll) {
  Tolerance tolerance(1, 1, 1);
  for (int mail = 0; mail < 500; ++mail) {
    for (const Deed deed : {Deed::kMistake, Deed::kRefusal, Deed::kIdle})
      EXPECT_TRUE(tolerance.Note(deed)) << mail;
    tolerance.MailAccepted();
  }
}

}  // namespace
}  // namespace goniec::inbound
