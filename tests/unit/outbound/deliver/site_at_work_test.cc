// A site that takes mail on our connections though others find it down.
#include <gtest/gtest.h>

#include "outbound/deliver/site.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;

const BootTime kNow{std::chrono::hours(1)};

DeliverConfig Config() {
  DeliverConfig config;
  config.failed_site_pause = seconds(30);
  return config;
}

void BeReady(Site& site, std::size_t connections) {
  for (std::size_t i = 0; i < connections; ++i) {
    site.BeginOpening(kNow);
    site.Opened(kNow);
  }
}

TEST(SiteAtWorkTest, WhoHasSeenItAtWorkContradicts) {
  const SiteWord closed{SiteState::kClosed, 1};
  struct {
    const char* name;
    std::size_t ready;
    std::uint64_t epoch;
    seconds ago;
    SiteWord word;
    bool contradicts;
  } const rows[] = {
      {"at work just now", 1, 0, seconds(9), closed, true},
      {"a while ago", 1, 0, seconds(11), closed, false},
      {"without a connection", 0, 0, seconds(1), closed, false},
      {"of another epoch", 1, 5, seconds(1), closed, false},
      {"closed after it was opened by a probe", 1, 0, seconds(1), {SiteState::kClosed, 4}, false},
      {"it is open", 1, 0, seconds(1), {SiteState::kOpen, 2}, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Site site("s");
    site.Follow({}, {4}, kNow);
    BeReady(site, row.ready);
    site.NoteAtWork(row.epoch, kNow - row.ago);
    EXPECT_EQ(site.TakeContradiction(row.word, kNow), row.contradicts);
    EXPECT_FALSE(site.TakeContradiction(row.word, kNow)) << "not at once again";
  }
}

TEST(SiteAtWorkTest, OpenedByAContradictionItKeepsItsPauseAndWhoHasConnectionsTheirWindow) {
  Site failing("s");
  failing.Follow({}, {4}, kNow);
  failing.NoteFailure(Config(), {}, kNow);
  failing.Follow({SiteState::kClosed, 1}, {4}, kNow);
  failing.Follow({SiteState::kOpen, 2}, {4}, kNow);
  EXPECT_FALSE(failing.IsDown(kNow));
  EXPECT_FALSE(failing.MayOpen(kNow));
  failing.Follow({SiteState::kClosed, 3}, {4}, kNow);
  failing.Follow({SiteState::kProbing, 4}, {4}, kNow);
  EXPECT_TRUE(failing.MayOpen(kNow)) << "the probe does not wait";
  Site working("s");
  working.Follow({}, {4}, kNow);
  BeReady(working, 3);
  working.Follow({SiteState::kOpen, 2}, {4}, kNow);
  EXPECT_EQ(working.MostConnections(), 4u);
}

TEST(SiteAtWorkTest, ThreeRefusalsInARowAreAFailure) {
  Site site("s");
  EXPECT_FALSE(site.NoteRefused());
  EXPECT_FALSE(site.NoteRefused());
  BeReady(site, 1);
  EXPECT_FALSE(site.NoteRefused());
  EXPECT_FALSE(site.NoteRefused());
  EXPECT_TRUE(site.NoteRefused());
}

}  // namespace
}  // namespace goniec::outbound
