#include "outbound/api/call_places.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace goniec::outbound {
namespace {

// As many as it gets.
std::vector<CallPlaces::Place> TakeAll(CallPlaces& places, const std::string& tenant, bool shared) {
  std::vector<CallPlaces::Place> taken;
  while (taken.size() < 10'000) {
    CallPlaces::Place place = places.Take(tenant, shared);
    if (!place) break;
    taken.push_back(std::move(place));
  }
  return taken;
}

TEST(CallPlaces, AreAsManyAsThereAre) {
  CallPlaces places(3);
  auto taken = TakeAll(places, "a", false);
  EXPECT_EQ(taken.size(), 3u);
  taken.pop_back();
  EXPECT_TRUE(places.Take("a", false));
  taken.clear();
  EXPECT_EQ(TakeAll(places, "b", false).size(), 3u);
}

TEST(CallPlaces, ATenantLeavesMostToTheOthers) {
  CallPlaces places(1'000);
  const std::size_t expected[] = {333, 222, 148, 99, 66};
  std::vector<std::vector<CallPlaces::Place>> taken;
  for (const std::size_t places_of_one : expected) {
    taken.push_back(TakeAll(places, std::to_string(taken.size()), true));
    EXPECT_EQ(taken.back().size(), places_of_one) << taken.size();
  }
  EXPECT_FALSE(places.Take("0", true));
  // It has more than is its now that there are others: what it gives back is for them.
  taken[0].pop_back();
  EXPECT_FALSE(places.Take("0", true));
  EXPECT_TRUE(places.Take("5", true));
  taken.resize(1);
  EXPECT_TRUE(places.Take("0", true));
}

TEST(CallPlaces, EachTenantGetsOneWhileThereIsOne) {
  CallPlaces places(2);
  const auto a = TakeAll(places, "a", true);
  EXPECT_EQ(a.size(), 1u);
  const auto b = TakeAll(places, "b", true);
  EXPECT_EQ(b.size(), 1u);
  EXPECT_TRUE(TakeAll(places, "c", true).empty());
}

TEST(CallPlaces, APlaceThatMovedIsGivenBackOnce) {
  CallPlaces places(1);
  CallPlaces::Place held;
  {
    CallPlaces::Place place = places.Take("a", false);
    held = std::move(place);
  }
  EXPECT_FALSE(places.Take("a", false));
  held = {};
  EXPECT_TRUE(places.Take("a", false));
}

}  // namespace
}  // namespace goniec::outbound
