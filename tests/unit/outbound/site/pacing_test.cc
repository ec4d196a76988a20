#include "outbound/site/pacing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <queue>

namespace goniec::outbound {
namespace {

using queue::MailClass;
using queue::ShelfPlace;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

const BootTime kNow{std::chrono::hours(1)};
constexpr milliseconds kTick{250};

// A site that works on up to `lines` records at once, each for `takes`.
class SimulatedSite {
 public:
  SimulatedSite(std::size_t lines, milliseconds takes) : lines_(lines), takes_(takes) {}

  void SetTakes(milliseconds takes) { takes_ = takes; }
  // Releases what the pace allows each tick, for `span`, from a shelf that has `supply`; returns what was
  // drained.
  std::size_t Run(milliseconds span, std::size_t supply = 1'000'000) {
    const std::size_t before = drained_;
    for (const BootTime end = now_ + span; now_ < end; now_ += kTick) {
      Work();
      pace.Found(waiting_ + busy_.size(), now_);
      most_outstanding = std::max(most_outstanding, waiting_ + busy_.size());
      const std::size_t released = std::min(pace.Room(), supply);
      supply -= released;
      waiting_ += released;
      pace.Released(released, now_);
    }
    return drained_ - before;
  }
  [[nodiscard]] std::size_t outstanding() const { return waiting_ + busy_.size(); }

  ReleasePace pace;
  std::size_t most_outstanding = 0;

 private:
  void Work() {
    const auto begin_until = [this](BootTime at) {
      while (waiting_ > 0 && busy_.size() < lines_) {
        busy_.push(at + takes_);
        --waiting_;
      }
    };
    begin_until(now_ - kTick);
    while (!busy_.empty() && busy_.top() <= now_) {
      const BootTime done = busy_.top();
      busy_.pop();
      ++drained_;
      begin_until(done);
    }
  }

  std::size_t lines_;
  milliseconds takes_;
  BootTime now_ = kNow;
  std::size_t waiting_ = 0;
  std::size_t drained_ = 0;
  std::priority_queue<BootTime, std::vector<BootTime>, std::greater<>> busy_;
};

TEST(ReleasePaceTest, BeginsWithOneRecordAndDoublesWhenAllIsDrained) {
  ReleasePace pace;
  std::vector<std::size_t> released;
  BootTime now = kNow;
  for (int i = 0; i < 6; ++i) {
    pace.Found(0, now);
    released.push_back(pace.Room());
    pace.Released(pace.Room(), now);
    now += kTick;
  }
  EXPECT_THAT(released, ElementsAre(1, 2, 4, 8, 16, 32));
}

TEST(ReleasePaceTest, OnlyWhatFillsTheTargetMakesItGrow) {
  ReleasePace pace;
  BootTime now = kNow;
  for (int i = 0; i < 3; ++i) {
    pace.Found(0, now);
    pace.Released(pace.Room(), now);
    now += kTick;
  }
  pace.Found(0, now);
  ASSERT_EQ(pace.target(), 8U);
  for (int i = 0; i < 20; ++i) {
    pace.Released(1, now);
    now += kTick;
    pace.Found(0, now);
  }
  EXPECT_EQ(pace.target(), 8U);
}

TEST(ReleasePaceTest, NothingIsReleasedWhileNothingIsDrained) {
  SimulatedSite silent(1, std::chrono::hours(1));
  silent.Run(minutes(10));
  EXPECT_EQ(silent.outstanding(), 1U);
}

TEST(ReleasePaceTest, FollowsWhatTheSiteTakesAFewSecondsAhead) {
  SimulatedSite site(1, milliseconds(100));
  site.Run(seconds(20));
  EXPECT_GE(site.outstanding(), 20U);
  EXPECT_LE(site.outstanding(), 45U);
  EXPECT_NEAR(static_cast<double>(site.Run(seconds(60))), 600, 20);
  EXPECT_LE(site.most_outstanding, 70U);
}

TEST(ReleasePaceTest, ASiteThatSlowsDownIsFollowed) {
  SimulatedSite site(1, milliseconds(20));
  site.Run(seconds(30));
  site.SetTakes(seconds(2));
  site.Run(minutes(10));
  EXPECT_LE(site.outstanding(), 4U);
  EXPECT_GE(site.outstanding(), 1U);
}

TEST(ReleasePaceTest, ASiteThatTakesOneASecondIsNeverIdle) {
  SimulatedSite site(1, seconds(1));
  site.Run(seconds(10));
  EXPECT_GE(site.Run(minutes(2)), 115U);
  EXPECT_LE(site.most_outstanding, 8U);
}

// Many connections, each of which takes longer than what is released ahead.
TEST(ReleasePaceTest, ASiteThatTakesLongForEachButManyAtOnceIsNotHeldBack) {
  SimulatedSite site(50, seconds(10));
  site.Run(minutes(5));
  EXPECT_GE(site.Run(minutes(5)), 1'350U);
  EXPECT_LE(site.outstanding(), 120U);
}

TEST(ReleasePaceTest, AFastSiteIsAtItsSpeedWithinSeconds) {
  SimulatedSite site(20, milliseconds(10));
  site.Run(seconds(5));
  EXPECT_GE(site.Run(seconds(10)), 15'000U);
}

TEST(ReleasePaceTest, OutstandingOfOthersMakesNoRoom) {
  ReleasePace pace;
  pace.Found(5, kNow);
  EXPECT_EQ(pace.Room(), 0U);
  pace.Released(0, kNow);
  pace.Found(5, kNow + kTick);
  EXPECT_EQ(pace.Room(), 0U);
}

ShelfPlace Place(const std::string& site, const std::string& tenant,
                 MailClass mail_class = MailClass::kTransactional, int lane = 0) {
  return {lane, mail_class, site, tenant};
}
SiteTurn Turn(const std::string& site, std::size_t room) {
  return {site, room, {Place(site, "default")}};
}

TEST(ReleaseRoomTest, SitesThatDrainHaveMuchAndThoseThatAreStuckTakeNoneOfIt) {
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  struct {
    const char* name;
    std::size_t draining;
    std::size_t stuck;
    std::size_t records;
    std::size_t trials;
  } const rows[] = {
      {"nothing out", 0, 0, 1'600, kAll},
      {"some out", 600, 0, 1'000, kAll},
      {"all out", 1'600, 0, 0, kAll},
      {"more than all", 2'000, 0, 0, kAll},
      {"many sites stuck", 0, 49, 1'600, kAll},
      {"half of the slots stuck", 0, 50, 1'600, kTrialsBesideStuck},
      {"both", 1'500, 60, 100, kTrialsBesideStuck},
      {"three quarters stuck", 0, 75, 1'600, 1},
      {"all of them stuck", 0, 100'000, 1'600, 1},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const ReleaseRoom room = RoomOf(1'000, 1, 10, row.draining, row.stuck);
    EXPECT_EQ(room.records, row.records);
    EXPECT_EQ(room.trials, row.trials);
  }
  EXPECT_EQ(RoomOf(1, 1, 64, 0, 0).records, 1U);
}

TEST(ReleaseRoomTest, AllKeepersTogetherHaveABound) {
  EXPECT_EQ(RoomOf(100'000, 1, 1, 0, 0).records, kMostReleased);
  EXPECT_EQ(RoomOf(100'000, 4, 1, 0, 0).records, kMostReleased / 4);
  EXPECT_EQ(RoomOf(1'000, 4, 10, 0, 0).records, 1'600U);
  EXPECT_EQ(RoomOf(1'000, 20'000, 1, 0, 0).records, 1U);
  EXPECT_EQ(RoomOf(100'000, 0, 1, 0, 0).records, kMostReleased);
}

SiteTurn Unproven(const std::string& site) {
  SiteTurn turn = Turn(site, 1);
  turn.proven = false;
  return turn;
}

// Sites that take nothing keep none that takes mail again from being found.
TEST(LimitTrialsTest, EverySiteHasItsTrialInTurn) {
  ReleaseTurns turns;
  std::vector<std::string> tried;
  for (int tick = 0; tick < 4; ++tick) {
    std::vector<SiteTurn> sites{Unproven("d"), Turn("good", 9), Unproven("a"), Unproven("c"), Unproven("b")};
    turns.LimitTrials(sites, 2);
    ASSERT_EQ(sites.size(), 3U);
    for (const SiteTurn& turn : sites) tried.push_back(turn.site);
  }
  EXPECT_THAT(tried,
              testing::ElementsAre("good", "a", "b", "d", "good", "c", "good", "a", "b", "d", "good", "c"));
}

TEST(LimitTrialsTest, WhoHasNothingToReleaseTakesNoTrial) {
  ReleaseTurns turns;
  std::vector<SiteTurn> sites{Unproven("empty"), Unproven("full"), Unproven("z")};
  sites[0].shelves.clear();
  sites[1].room = 0;
  turns.LimitTrials(sites, 1);
  EXPECT_TRUE(std::ranges::any_of(sites, [](const SiteTurn& turn) { return turn.site == "z"; }));
  std::vector<SiteTurn> none{Unproven("a"), Turn("good", 1)};
  turns.LimitTrials(none, 0);
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none[0].site, "good");
}

TEST(AddLooksTest, ThoseDueForLongestAreLookedAtFirst) {
  std::vector<SiteTurn> turns{Turn("a", 1), Turn("b", 1)};
  AddLooks(turns,
           {{kNow, Place("a", "late")},
            {kNow - seconds(9), Place("c", "has no turn")},
            {kNow - seconds(3), Place("b", "early")},
            {kNow - seconds(1), Place("a", "between")}},
           2);
  EXPECT_THAT(turns[0].shelves, ElementsAre(Place("a", "default"), Place("a", "between")));
  EXPECT_THAT(turns[1].shelves, ElementsAre(Place("b", "default"), Place("b", "early")));
  AddLooks(turns, {}, 5);
  EXPECT_EQ(turns[0].shelves.size(), 2U);
}

TEST(ReleasePaceTest, ASiteIsStuckWhileNothingOfItIsDrained) {
  ReleasePace pace;
  BootTime now{std::chrono::hours(1)};
  pace.Found(0, now);
  EXPECT_FALSE(pace.IsStuck(now));
  pace.Released(1, now);
  EXPECT_FALSE(pace.IsStuck(now + kStuckAfter));
  EXPECT_TRUE(pace.IsStuck(now + kStuckAfter + milliseconds(1)));
  EXPECT_FALSE(pace.proven());
  now += std::chrono::minutes(1);
  pace.Found(0, now);
  EXPECT_TRUE(pace.proven());
  EXPECT_FALSE(pace.IsStuck(now));
  pace.Released(2, now);
  now += std::chrono::minutes(1);
  pace.Found(1, now);
  EXPECT_FALSE(pace.IsStuck(now));
  EXPECT_TRUE(pace.IsStuck(now + std::chrono::seconds(6)));
}

TEST(ReleaseTurnsTest, SitesShareWhatMayBeReleased) {
  struct {
    const char* name;
    std::vector<std::size_t> rooms;
    std::size_t records;
    std::vector<std::size_t> shares;
  } const rows[] = {
      {"none", {}, 5, {}},
      {"nothing to give", {3, 3}, 0, {0, 0}},
      {"enough for all", {3, 1}, 9, {3, 1}},
      {"evenly", {9, 9, 9}, 6, {2, 2, 2}},
      {"what one does not take, the others get", {1, 9, 9}, 9, {1, 4, 4}},
      {"no room", {0, 9}, 4, {0, 4}},
      {"more sites than records", {9, 9, 9}, 2, {1, 1, 0}},
  };
  for (const auto& row : rows) {
    std::vector<SiteTurn> sites;
    for (std::size_t i = 0; i < row.rooms.size(); ++i) {
      sites.push_back(Turn(std::string(1, static_cast<char>('a' + i)), row.rooms[i]));
    }
    ReleaseTurns turns;
    EXPECT_EQ(turns.ShareOut(sites, row.records), row.shares) << row.name;
  }
}

TEST(ReleaseTurnsTest, ASiteWithoutShelvesGetsNothing) {
  ReleaseTurns turns;
  EXPECT_THAT(turns.ShareOut({{"a", 5, {}}, Turn("b", 5)}, 4), ElementsAre(0, 4));
}

TEST(ReleaseTurnsTest, WhoGotNothingIsFirstNextTime) {
  ReleaseTurns turns;
  const std::vector<SiteTurn> sites{Turn("a", 9), Turn("b", 9), Turn("c", 9)};
  EXPECT_THAT(turns.ShareOut(sites, 2), ElementsAre(1, 1, 0));
  EXPECT_THAT(turns.ShareOut(sites, 2), ElementsAre(1, 0, 1));
  EXPECT_THAT(turns.ShareOut(sites, 2), ElementsAre(0, 1, 1));
  // The one whose turn it is has gone: the next one's.
  EXPECT_THAT(turns.ShareOut({Turn("b", 9), Turn("c", 9)}, 1), ElementsAre(1, 0));
}

std::vector<std::string> Tenants(const std::vector<ShelfPlace>& places) {
  std::vector<std::string> names;
  for (const ShelfPlace& place : places) {
    names.push_back((place.mail_class == MailClass::kBulk ? "bulk " : "") + place.tenant);
  }
  return names;
}

TEST(ReleaseTurnsTest, TransactionalBeforeBulkAndTenantsInTurn) {
  ReleaseTurns turns;
  const std::vector<ShelfPlace> shelves{Place("s", "x", MailClass::kBulk), Place("s", "z"), Place("s", "x"),
                                        Place("s", "y")};
  EXPECT_THAT(Tenants(turns.InOrder(shelves)), ElementsAre("x", "y", "z", "bulk x"));
  EXPECT_THAT(Tenants(turns.InOrder(shelves)), ElementsAre("y", "z", "x", "bulk x"));
  EXPECT_THAT(Tenants(turns.InOrder(shelves)), ElementsAre("z", "x", "y", "bulk x"));
  EXPECT_THAT(Tenants(turns.InOrder(shelves)), ElementsAre("x", "y", "z", "bulk x"));
  EXPECT_TRUE(turns.InOrder({}).empty());
}

TEST(ReleaseTurnsTest, SitesHaveTurnsOfTheirOwn) {
  ReleaseTurns turns;
  EXPECT_THAT(Tenants(turns.InOrder({Place("s", "x"), Place("s", "y")})), ElementsAre("x", "y"));
  EXPECT_THAT(Tenants(turns.InOrder({Place("t", "x"), Place("t", "y")})), ElementsAre("x", "y"));
  EXPECT_THAT(Tenants(turns.InOrder({Place("s", "x"), Place("s", "y")})), ElementsAre("y", "x"));
}

TEST(SplitAmongTest, TheFirstClassGetsAllAndItsTenantsShareEvenly) {
  const auto split =
      SplitAmong({Place("s", "x"), Place("s", "y"), Place("s", "z"), Place("s", "x", MailClass::kBulk)}, 8);
  ASSERT_EQ(split.size(), 3U);
  EXPECT_EQ(split[0].records, 3U);
  EXPECT_EQ(split[1].records, 3U);
  EXPECT_EQ(split[2].records, 2U);
  EXPECT_EQ(split[2].place, Place("s", "z"));
}

TEST(SplitAmongTest, FewerRecordsThanTenants) {
  const auto split = SplitAmong({Place("s", "x"), Place("s", "y")}, 1);
  ASSERT_EQ(split.size(), 1U);
  EXPECT_EQ(split[0].place.tenant, "x");
  EXPECT_TRUE(SplitAmong({}, 3).empty());
  EXPECT_TRUE(SplitAmong({Place("s", "x")}, 0).empty());
}

}  // namespace
}  // namespace goniec::outbound
