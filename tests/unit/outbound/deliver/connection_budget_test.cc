#include "outbound/deliver/connection_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "outbound/deliver/site.h"

namespace goniec::outbound {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const BootTime kNow{std::chrono::hours(1)};

// Of 16 connections 8 are reserved, and of these 2 are for trials.
class ConnectionBudgetTest : public ::testing::Test {
 protected:
  ConnectionBudgetTest() { good_.NoteDelivered(kNow); }

  // As many as there is room for; how many those are.
  int OpenAll(const Site& site) { return OpenAll(site, budget_); }
  int OpenAll(const Site& site, ConnectionBudget& budget) {
    int opened = 0;
    for (; budget.HasRoom(site, kNow); ++opened) budget.Opened(Name(open_++), site, kNow);
    return opened;
  }
  // Opens one for each site that is served, and writes down which.
  std::vector<const Site*> Serve() {
    std::vector<const Site*> served;
    budget_.Serve([&](Site& site) {
      if (!budget_.HasRoom(site, kNow)) {
        budget_.Await(site, kNow);
        return;
      }
      budget_.Opened(Name(open_++), site, kNow);
      served.push_back(&site);
    });
    return served;
  }
  // A connection's name, which nobody follows.
  const Connection* Name(std::size_t n) { return reinterpret_cast<const Connection*>(&names_[n]); }

  std::array<char, 64> names_{};
  std::size_t open_ = 0;
  ConnectionBudget budget_{16, 50};
  Site good_{"good"};
  Site unknown_{"unknown"};
  Site other_{"other"};
};

TEST_F(ConnectionBudgetTest, UnknownSitesLeaveTheReserveButForTrials) {
  EXPECT_EQ(OpenAll(unknown_), 10);
  EXPECT_EQ(OpenAll(other_), 0);
  EXPECT_EQ(OpenAll(good_), 6);
  EXPECT_EQ(OpenAll(good_), 0);
}

TEST_F(ConnectionBudgetTest, ASiteWithSlowWorkIsLikeAnUnknownOne) {
  good_.SlowWorkFound();
  EXPECT_EQ(OpenAll(good_), 10);
  good_.SlowWorkEnded();
  EXPECT_EQ(OpenAll(good_), 6);
}

TEST_F(ConnectionBudgetTest, ATrialThatEndsMakesRoomForAnother) {
  OpenAll(good_);
  EXPECT_FALSE(budget_.HasRoom(unknown_, kNow));
  for (int i = 0; i < 3; ++i) budget_.Closed(Name(static_cast<std::size_t>(i)));
  EXPECT_EQ(OpenAll(unknown_), 2);  // the third is for proven ones
  budget_.Closed(Name(open_ - 1));
  EXPECT_EQ(OpenAll(unknown_), 1);
}

TEST_F(ConnectionBudgetTest, ASmallReserveHasNoTrials) {
  ConnectionBudget small(4, 50);
  EXPECT_EQ(OpenAll(unknown_, small), 2);
  EXPECT_EQ(OpenAll(good_, small), 2);
}

// Otherwise many busy sites would leave a new one nothing for as long as they have mail.
TEST_F(ConnectionBudgetTest, WhenOneIsClosedATrialComesBeforeProvenSites) {
  OpenAll(good_);
  EXPECT_TRUE(budget_.Await(good_, kNow));
  EXPECT_TRUE(budget_.Await(unknown_, kNow));
  EXPECT_FALSE(budget_.Await(unknown_, kNow));
  EXPECT_THAT(Serve(), IsEmpty());
  budget_.Closed(Name(0));
  EXPECT_THAT(Serve(), ElementsAre(&unknown_));
  EXPECT_TRUE(budget_.SomeoneWaits());
  budget_.Closed(Name(1));
  EXPECT_THAT(Serve(), ElementsAre(&good_));
  EXPECT_FALSE(budget_.SomeoneWaits());
}

TEST_F(ConnectionBudgetTest, WithoutTrialsLeftTheProvenGetWhatIsClosed) {
  OpenAll(unknown_);
  OpenAll(good_);
  budget_.Await(other_, kNow);
  budget_.Await(good_, kNow);
  budget_.Closed(Name(open_ - 1));  // of the good one
  EXPECT_THAT(Serve(), ElementsAre(&good_));
  budget_.Closed(Name(0));
  EXPECT_THAT(Serve(), IsEmpty()) << "the reserve is as large as before";
}

TEST_F(ConnectionBudgetTest, WhoIsForgottenIsNotServed) {
  OpenAll(good_);
  budget_.Await(unknown_, kNow);
  budget_.Forget(unknown_);
  EXPECT_FALSE(budget_.SomeoneWaits());
  budget_.Closed(Name(0));
  EXPECT_THAT(Serve(), IsEmpty());
}

}  // namespace
}  // namespace goniec::outbound
