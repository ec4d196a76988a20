#include "outbound/site/window.h"

#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

const BootTime kNow{std::chrono::hours(1)};

TEST(WindowTest, IsOurShareWhileNothingIsKnown) {
  Window window;
  EXPECT_EQ(window.size(), 0u);
  window.SetShare(20);
  EXPECT_EQ(window.size(), 20u);
  window.SetShare(0);
  EXPECT_EQ(window.size(), 0u);
}

TEST(WindowTest, GrowsByOneForEachMailUpToTheShare) {
  Window window;
  window.SetShare(3);
  window.Restart();
  EXPECT_EQ(window.size(), 1u);
  for (const std::size_t size : {2u, 3u, 3u}) {
    window.Worked();
    EXPECT_EQ(window.size(), size);
  }
  window.SetShare(5);
  EXPECT_EQ(window.size(), 3u) << "a larger share is grown into";
}

TEST(WindowTest, HalvesWhatIsOpenNotWhatMightBe) {
  Window window;
  window.SetShare(20);
  window.Slower(8, kNow);
  EXPECT_EQ(window.size(), 4u);
  window.Slower(20, kNow + Window::kOnce);
  EXPECT_EQ(window.size(), 2u);
}

TEST(WindowTest, NeverFallsBelowOne) {
  Window window;
  window.SetShare(20);
  window.Slower(1, kNow);
  EXPECT_EQ(window.size(), 1u);
  window.Slower(0, kNow + Window::kOnce);
  EXPECT_EQ(window.size(), 1u);
}

TEST(WindowTest, SignsThatComeTogetherHalveItOnce) {
  Window window;
  window.SetShare(16);
  for (int i = 0; i < 10; ++i) window.Slower(16, kNow + milliseconds(i * 100) - milliseconds(1));
  EXPECT_EQ(window.size(), 8u);
  window.Slower(16, kNow + milliseconds(1'000));
  EXPECT_EQ(window.size(), 4u);
}

}  // namespace
}  // namespace goniec::outbound
