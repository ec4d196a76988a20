// More mail, or slower sites, than there are connections: what waits, what is moved, what is held.
#include <algorithm>

#include "common/base/clock.h"
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";

TEST(PoolTest, AStalledSiteHoldsNoOther) {
  SinkProcess stalled("rules:\n  - {on: connect, then: stall}\n");
  SinkProcess good;
  DeliverConfig config = FastConfig();
  config.max_wait = milliseconds(100);
  Delivery delivery(config);
  for (int i = 0; i < 10; ++i) delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({stalled.port()}));
  const std::size_t other = delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({good.port()}));
  delivery.RunUntil([&] { return delivery.results.contains(other); });
  EXPECT_THAT(delivery.results[other], ElementsAre(kDelivered));
}

TEST(PoolTest, WhatWaitsTooLongIsMovedUntried) {
  SinkProcess stalled("rules:\n  - {on: connect, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.max_wait = milliseconds(50);
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({stalled.port()});
  for (int i = 0; i < 10; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return delivery.results.size() == 9; });
  EXPECT_THAT(delivery.results,
              Each(::testing::Pair(::testing::_, ElementsAre("not_tried CONNECT SITE_BUSY [0]"))));
  // The one for which the connection is being opened goes on; nobody else waits for it.
  EXPECT_EQ(delivery.dispatcher->jobs(), 1u);
  delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return delivery.results.size() == 10; });
}

// One connection, twenty mails a second.
TEST(PoolTest, OfMoreMailThanASiteTakesMostIsMoved) {
  SinkProcess sink("rules:\n  - {on: dot, wait: 50ms}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  config.mails_per_site = 10;
  config.max_wait = milliseconds(2'000);
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  for (int i = 0; i < 300; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  const auto moved = std::count_if(delivery.raw.begin(), delivery.raw.end(), [](const auto& numbered) {
    return numbered.second[0].outcome.reason() == queue::v1::REASON_SITE_BUSY;
  });
  EXPECT_GT(moved, 150);
  EXPECT_THAT(delivery.metrics.Render(),
              ::testing::HasSubstr("goniec_delivery_moved_total " + std::to_string(moved) + "\n"));
}

// The site has room for all; the tenant yields to others.
TEST(PoolTest, OfATenantThatYieldsFewMailsWait) {
  SinkProcess sink("rules:\n  - {on: dot, wait: 50ms}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  const auto yields = [](Job& job) { job.yields = true; };
  for (int i = 0; i < 50; ++i) delivery.Send(Delivery::MakeMail(), route, yields);
  const std::size_t other = delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[other], ElementsAre(kDelivered));
  const auto moved = std::count_if(delivery.raw.begin(), delivery.raw.end(), [](const auto& numbered) {
    return numbered.second[0].outcome.reason() == queue::v1::REASON_SITE_BUSY;
  });
  EXPECT_EQ(moved, 50 - 1 - 5);
}

// Sites that answer nothing take what is for all; a site that is known to work has the rest.
TEST(PoolTest, SlowSitesLeaveConnectionsToThoseThatWork) {
  SinkProcess good;
  SinkProcess slow("rules:\n  - {on: mail, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.connections = 4;
  config.reserved_percent = 50;
  config.max_wait = milliseconds(200);
  config.idle_timeout = milliseconds(20);
  Delivery delivery(config);
  const auto to_good = Delivery::RouteTo({good.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), to_good), ElementsAre(kDelivered));
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  for (int i = 0; i < 6; ++i) {
    delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({slow.port()}, "slow" + std::to_string(i)));
  }
  delivery.RunUntil([&] { return delivery.results.size() == 5; });
  EXPECT_EQ(delivery.dispatcher->connections(), 2u);
  const std::size_t other = delivery.Send(Delivery::MakeMail(), to_good);
  delivery.RunUntil([&] { return delivery.results.contains(other); });
  EXPECT_THAT(delivery.results[other], ElementsAre(kDelivered));
  EXPECT_EQ(delivery.dispatcher->jobs(), 2u);
}

// Of the reserve a quarter is for trying sites that nothing is known of; those that stall there leave the
// rest.
TEST(PoolTest, UnknownSitesMayTryAPartOfTheReserve) {
  SinkProcess good;
  SinkProcess slow("rules:\n  - {on: mail, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.connections = 8;
  config.reserved_percent = 50;
  config.max_wait = milliseconds(200);
  config.idle_timeout = milliseconds(20);
  Delivery delivery(config);
  const auto to_good = Delivery::RouteTo({good.port()});
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), to_good), ElementsAre(kDelivered));
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  for (int i = 0; i < 8; ++i) {
    delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({slow.port()}, "slow" + std::to_string(i)));
  }
  delivery.RunUntil([&] { return delivery.results.size() == 4; });  // the first, and three that were moved
  EXPECT_EQ(delivery.dispatcher->connections(), 5u);
  const std::size_t other = delivery.Send(Delivery::MakeMail(), to_good);
  delivery.RunUntil([&] { return delivery.results.contains(other); });
  EXPECT_THAT(delivery.results[other], ElementsAre(kDelivered));
}

// Nobody takes outcomes: a move would be one.
TEST(PoolTest, WhatIsHeldIsNotMoved) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.max_wait = milliseconds(20);
  Delivery delivery(config);
  delivery.dispatcher->Hold(true);
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}));
  const BootTime begin = BootClock::now();
  delivery.RunUntil([&] { return BootClock::now() > begin + 10 * config.max_wait; });
  EXPECT_EQ(delivery.dispatcher->jobs(), 1u);
  delivery.dispatcher->Hold(false);
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results[0], ElementsAre(kDelivered));
}

// A stall of the broker is not the site's: it has its time to take what was held.
TEST(PoolTest, WhatWasHeldWaitsAnew) {
  SinkProcess sink("rules:\n  - {on: dot, then: stall}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  config.max_wait = milliseconds(1'000);
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  bool asked = false;
  delivery.Send(Delivery::MakeMail(), route,
                [&](Job& job) { job.may_finish = [&] { return asked = true; }; });
  delivery.RunUntil([&] { return asked; });
  delivery.dispatcher->Hold(true);
  const std::size_t held = delivery.Send(Delivery::MakeMail(), route);
  const BootTime begin = BootClock::now();
  delivery.RunUntil([&] { return BootClock::now() > begin + 2 * config.max_wait; });
  EXPECT_FALSE(delivery.results.contains(held));
  delivery.dispatcher->Hold(false);
  const BootTime released = BootClock::now();
  delivery.RunUntil([&] { return delivery.results.contains(held); });
  EXPECT_GE(BootClock::now() - released, config.max_wait);
  EXPECT_THAT(delivery.results[held], ElementsAre("not_tried CONNECT SITE_BUSY [0]"));
}

}  // namespace
}  // namespace goniec::outbound::testing
