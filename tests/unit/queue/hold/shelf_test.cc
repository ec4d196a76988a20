#include "common/queue/hold/shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

StoredMessage At(std::string subject, std::uint64_t sequence) {
  StoredMessage stored;
  stored.subject = std::move(subject);
  stored.sequence = sequence;
  return stored;
}

TEST(LastOfSubjectsTest, EachSubjectUpToTheLastThatCounts) {
  const std::vector<StoredMessage> records{At("a", 3), At("b", 4), At("a", 7), At("c", 8), At("a", 9)};
  EXPECT_THAT(LastOfSubjects(records, 0), IsEmpty());
  EXPECT_THAT(LastOfSubjects(records, 1), UnorderedElementsAre(Pair("a", 3)));
  EXPECT_THAT(LastOfSubjects(records, 4), UnorderedElementsAre(Pair("a", 7), Pair("b", 4), Pair("c", 8)));
  EXPECT_THAT(LastOfSubjects(records, 99), UnorderedElementsAre(Pair("a", 9), Pair("b", 4), Pair("c", 8)));
}

}  // namespace
}  // namespace goniec::queue
