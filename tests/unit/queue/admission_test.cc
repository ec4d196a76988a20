#include "common/queue/admission.h"

#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

TEST(AdmissionMark, StopsAtItsMarkAndGoesOnTenPointsBelow) {
  AdmissionMark mark(80);
  EXPECT_TRUE(mark.open());
  EXPECT_TRUE(mark.Update(799, 1'000));
  EXPECT_FALSE(mark.Update(800, 1'000));
  EXPECT_FALSE(mark.Update(799, 1'000));
  EXPECT_FALSE(mark.Update(701, 1'000));
  EXPECT_TRUE(mark.Update(700, 1'000));
  EXPECT_TRUE(mark.Update(799, 1'000));
}

TEST(AdmissionMark, BulkStopsFirst) {
  AdmissionMark transactional(kTransactionalMark);
  AdmissionMark bulk(kBulkMark);
  EXPECT_TRUE(transactional.Update(700, 1'000));
  EXPECT_FALSE(bulk.Update(700, 1'000));
}

TEST(AdmissionMark, TheLargestCapacityDoesNotOverflow) {
  AdmissionMark mark(80);
  const std::uint64_t pebibyte = 1ULL << 50;
  EXPECT_TRUE(mark.Update(pebibyte / 2, pebibyte));
  EXPECT_FALSE(mark.Update(pebibyte, pebibyte));
}

}  // namespace
}  // namespace goniec::queue
