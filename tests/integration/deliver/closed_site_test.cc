// Sites that are closed, probed and opened in the whole cluster, and shares of their connections that change.
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";
constexpr char kFailed[] = "temporary CONNECT CONNECTION_FAILED [0]";
constexpr char kClosed[] = "not_tried CONNECT SITE_CLOSED [0]";
constexpr char kElsewhere[] = "not_tried CONNECT SITE_BUSY [0]";

void AsProbe(Job& job) {
  job.probe_epoch = 2;
  job.released = true;
}

TEST(ClosedSiteTest, OnlyTheMailThatFoundItDownHasTriedIt) {
  Delivery delivery;
  delivery.view.closes = true;
  const auto route = Delivery::RouteTo({test::FreePort()});
  for (int i = 0; i < 100; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[0], ElementsAre(kFailed));
  delivery.results.erase(0);
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kClosed))));
  EXPECT_THAT(delivery.view.failed, ElementsAre(0));
}

// Others may have connections there.
TEST(ClosedSiteTest, ASiteThatLetsNobodyInForNowIsDownOnlyIfItDoesSoAgainAndAgain) {
  SinkProcess sink("rules:\n  - {on: connect, reply: '421 later', then: close}\n");
  DeliverConfig config = FastConfig();
  config.failed_site_pause = std::chrono::milliseconds(20);
  Delivery delivery(config);
  delivery.view.closes = true;
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kElsewhere));
    EXPECT_THAT(delivery.view.failed, IsEmpty());
  }
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("temporary GREETING REPLY 421 [0]"));
  EXPECT_THAT(delivery.view.failed, ElementsAre(0));
}

TEST(ClosedSiteTest, WhoSeesItAtWorkContradictsWhoClosesIt) {
  SinkProcess sink;
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kDelivered));
  ASSERT_EQ(delivery.dispatcher->connections(), 1u);
  delivery.view.Say({SiteState::kClosed, 1});
  EXPECT_THAT(delivery.view.contradicted, ElementsAre(1));
}

TEST(ClosedSiteTest, NothingIsTriedThere) {
  SinkProcess sink;
  Delivery delivery;
  delivery.view.word = {SiteState::kClosed, 1};
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kClosed));
  delivery.view.Say({SiteState::kProbing, 2});  // somebody else's
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})), ElementsAre(kClosed));
  EXPECT_EQ(delivery.dispatcher->connections(), 0u);
  EXPECT_THAT(sink.Log(), IsEmpty());
}

TEST(ClosedSiteTest, WhatWaitsThereLeavesWhenItIsClosedByOthers) {
  SinkProcess sink("rules:\n  - {on: dot, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  bool begun = false;
  delivery.Send(Delivery::MakeMail(), route,
                [&](Job& job) { job.may_finish = [&] { return begun = true; }; });
  for (int i = 0; i < 9; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return begun; });
  delivery.view.Say({SiteState::kClosed, 1});
  delivery.RunUntil([&] { return delivery.results.size() == 9; });
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kClosed))));
  EXPECT_EQ(delivery.dispatcher->jobs(), 1u) << "what is on the wire goes on";
}

// The first is the probe; the others of its record wait for it.
TEST(ClosedSiteTest, AProbeThatWorksOpensAndTheOthersFollow) {
  SinkProcess sink;
  Delivery delivery;
  delivery.view.word = {SiteState::kProbing, 2};
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 5; ++i) delivery.Send(Delivery::MakeMail(), route, AsProbe);
  const std::size_t other = delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[other], ElementsAre(kClosed));
  delivery.results.erase(other);
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kDelivered))));
  EXPECT_THAT(delivery.view.worked, ElementsAre(2));
  EXPECT_THAT(delivery.view.failed, IsEmpty());
  for (const LogEntry& entry : sink.Log()) EXPECT_EQ(entry.at("connection"), "1");
}

// Whatever it was that the server refused: it is there.
TEST(ClosedSiteTest, AProbeWhoseRecipientIsRefusedOpens) {
  SinkProcess sink("rules:\n  - {on: rcpt, reply: '550 who'}\n");
  Delivery delivery;
  delivery.view.word = {SiteState::kProbing, 2};
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}), AsProbe),
              ElementsAre("permanent RCPT REPLY 550 [0]"));
  EXPECT_THAT(delivery.view.worked, ElementsAre(2));
}

class FailedProbeTest : public ::testing::TestWithParam<bool> {};

TEST_P(FailedProbeTest, TheOthersGoBackTogether) {
  Delivery delivery;
  delivery.view.word = {SiteState::kProbing, 2};
  delivery.view.closes = GetParam();  // at once, or when its word has been stored
  const auto route = Delivery::RouteTo({test::FreePort()});
  for (int i = 0; i < 5; ++i) delivery.Send(Delivery::MakeMail(), route, AsProbe);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[0], ElementsAre(kFailed));
  delivery.results.erase(0);
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kClosed))));
  EXPECT_THAT(delivery.view.failed, ElementsAre(2));
}

INSTANTIATE_TEST_SUITE_P(All, FailedProbeTest, ::testing::Bool());

TEST(ClosedSiteTest, AProbeThatIsCutInTheMiddleHasFailed) {
  SinkProcess sink("rules:\n  - {on: data, then: close}\n");
  Delivery delivery;
  delivery.view.word = {SiteState::kProbing, 2};
  delivery.view.closes = true;
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 3; ++i) delivery.Send(Delivery::MakeMail(), route, AsProbe);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[0], ElementsAre("temporary DATA CONNECTION_LOST [0]"));
  delivery.results.erase(0);
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kClosed))));
  EXPECT_THAT(delivery.view.failed, ElementsAre(2));
  EXPECT_THAT(delivery.view.worked, IsEmpty());
}

TEST(ClosedSiteTest, AProbeThatIsSentAwayHasFailedAndIsTriedNoMore) {
  SinkProcess sink("rules:\n  - {on: mail, reply: '421 later', then: close}\n");
  Delivery delivery;
  delivery.view.word = {SiteState::kProbing, 2};
  delivery.view.closes = true;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}), AsProbe),
              ElementsAre(kClosed));
  EXPECT_THAT(delivery.view.failed, ElementsAre(2));
}

TEST(ClosedSiteTest, AProbeMayBeHereBeforeItsWord) {
  SinkProcess sink;
  Delivery delivery;
  delivery.view.word = {SiteState::kClosed, 1};
  const std::size_t probe = delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}), AsProbe);
  delivery.io.poll();
  EXPECT_EQ(delivery.dispatcher->connections(), 0u);
  delivery.view.Say({SiteState::kProbing, 2});
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[probe], ElementsAre(kDelivered));
}

// The answer to an attempt from before an outage is nothing to those that came afterwards.
TEST(ClosedSiteTest, AFailureOfAnEarlierEpochCountsForNothing) {
  SinkProcess sink("rules:\n  - {on: connect, first: 1, wait: 300ms, reply: '421 later', then: close}\n");
  DeliverConfig config = FastConfig();
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 1; });
  delivery.view.Say({SiteState::kOpen, 3});
  const std::size_t later = delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[0], ElementsAre("temporary GREETING REPLY 421 [0]"));
  EXPECT_THAT(delivery.results[later], ElementsAre(kDelivered));
  EXPECT_THAT(delivery.view.failed, IsEmpty());
  EXPECT_THAT(delivery.view.worked, ElementsAre(3));
}

TEST(ClosedSiteTest, ASiteOfOtherWorkersIsLeftToThem) {
  SinkProcess sink;
  Delivery delivery;
  delivery.view.share = 0;
  const auto route = Delivery::RouteTo({sink.port()});
  EXPECT_FALSE(delivery.dispatcher->HasShare(*route));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kElsewhere));
  delivery.view.GiveShare(1);
  EXPECT_TRUE(delivery.dispatcher->HasShare(*route));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
}

TEST(ClosedSiteTest, AShareThatFallsClosesIdleConnectionsAtOnceAndBusyOnesWhenTheyAreThrough) {
  SinkProcess sink("rules:\n  - {on: dot, wait: 200ms}\n");
  DeliverConfig config = FastConfig();
  config.idle_timeout = milliseconds(60'000);
  config.connections_per_site = 4;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 30; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 4; });
  delivery.view.GiveShare(1);
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 1; });
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kDelivered))));
  EXPECT_EQ(delivery.dispatcher->connections(), 1u);
  delivery.view.GiveShare(0);
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
}

}  // namespace
}  // namespace goniec::outbound::testing
