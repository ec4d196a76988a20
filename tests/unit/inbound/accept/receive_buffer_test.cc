#include "inbound/accept/receive_buffer.h"

#include <gtest/gtest.h>

namespace goniec::inbound {
namespace {

TEST(ReceiveBuffer, ShrinksAsConnectionsGetMany) {
  EXPECT_EQ(ReceiveBuffer(0), 128u << 10);
  EXPECT_EQ(ReceiveBuffer(1), 128u << 10);
  EXPECT_EQ(ReceiveBuffer(256), 128u << 10);
  EXPECT_EQ(ReceiveBuffer(512), 64u << 10);
  EXPECT_EQ(ReceiveBuffer(2'048), 16u << 10);
  EXPECT_EQ(ReceiveBuffer(1'000'000), 16u << 10);
}

// smtp.max_connections by default. The pod has 512 MiB, of which the process takes up to 160.
TEST(ReceiveBuffer, AllConnectionsTogetherFitIntoThePod) {
  std::size_t kernel = 0;
  for (std::size_t open = 1; open <= 5'000; ++open) kernel += 2 * ReceiveBuffer(open);
  EXPECT_LT(kernel, 300u << 20);
}

}  // namespace
}  // namespace goniec::inbound
