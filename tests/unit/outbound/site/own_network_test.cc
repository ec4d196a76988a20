#include "outbound/site/own_network.h"

#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

void FailSites(OwnNetwork& network, std::size_t sites) {
  for (std::size_t i = 0; i < sites; ++i) network.Failed("site" + std::to_string(i));
}

TEST(OwnNetworkTest, SeveralSitesInARowAreSuspect) {
  OwnNetwork network;
  FailSites(network, kSitesInARow - 1);
  EXPECT_FALSE(network.IsSuspect());
  network.Failed("another");
  EXPECT_TRUE(network.IsSuspect());
}

TEST(OwnNetworkTest, OneSiteThatFailsOftenIsNot) {
  OwnNetwork network;
  for (int i = 0; i < 100; ++i) network.Failed("the same");
  EXPECT_FALSE(network.IsSuspect());
}

TEST(OwnNetworkTest, OneThatWorkedIsEnough) {
  OwnNetwork network;
  FailSites(network, 100);
  network.Worked();
  EXPECT_FALSE(network.IsSuspect());
  FailSites(network, kSitesInARow - 1);
  EXPECT_FALSE(network.IsSuspect());
}

}  // namespace
}  // namespace goniec::outbound
