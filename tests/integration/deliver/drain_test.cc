// The end of a delivery: what is on the wire goes on, the rest is given back.
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";

TEST(DrainTest, FinishesWhatIsOnTheWireAndHandsBackTheRest) {
  SinkProcess sink("rules:\n  - {on: dot, wait: 200ms}\n");
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  Delivery delivery(config);
  bool asked = false;
  const auto route = Delivery::RouteTo({sink.port()});
  delivery.Send(Delivery::MakeMail(), route,
                [&](Job& job) { job.may_finish = [&] { return asked = true; }; });
  for (int i = 0; i < 5; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return asked; });
  delivery.StartDrain(std::chrono::seconds(20));
  delivery.RunUntil([&] { return delivery.drained(); });
  EXPECT_THAT(delivery.results[0], ElementsAre(kDelivered));
  for (std::size_t i = 1; i < 6; ++i)
    EXPECT_THAT(delivery.results[i], ElementsAre("not_tried CONNECT SHUTDOWN [0]"));
  EXPECT_THAT(sink.Log(), SizeIs(1));
  EXPECT_EQ(delivery.dispatcher->connections(), 0u);
}

TEST(DrainTest, LaterJobsAreHandedBack) {
  SinkProcess sink;
  Delivery delivery;
  delivery.StartDrain(milliseconds(0));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
              ElementsAre("not_tried CONNECT SHUTDOWN [0]"));
}

TEST(DrainTest, GivesUpOpening) {
  SinkProcess stalled("rules:\n  - {on: connect, then: stall}\n");
  Delivery delivery;
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({stalled.port()}));
  delivery.RunUntil([&] { return delivery.dispatcher->connections() == 1; });
  delivery.StartDrain(std::chrono::seconds(20));
  delivery.RunUntil([&] { return delivery.drained(); });
  EXPECT_THAT(delivery.results[0], ElementsAre("not_tried CONNECT SHUTDOWN [0]"));
}

TEST(DrainTest, CutsWhatDoesNotEndInTime) {
  SinkProcess sink("rules:\n  - {on: dot, then: stall}\n");
  Delivery delivery;
  bool asked = false;
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}),
                [&](Job& job) { job.may_finish = [&] { return asked = true; }; });
  delivery.RunUntil([&] { return asked; });
  delivery.StartDrain(milliseconds(50));
  delivery.RunUntil([&] { return delivery.drained(); });
  EXPECT_THAT(delivery.results[0], ElementsAre("temporary DOT SHUTDOWN [0] AMBIGUOUS"));
}

TEST(DrainTest, CutsBeforeTheDotWithoutAnAttempt) {
  SinkProcess sink("rules:\n  - {on: data, then: stall}\n");
  Delivery delivery;
  delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}));
  delivery.RunUntil(
      [&] { return delivery.metrics.Render().find("connections_opened_total 1\n") != std::string::npos; });
  delivery.StartDrain(milliseconds(50));
  delivery.RunUntil([&] { return delivery.drained(); });
  EXPECT_THAT(delivery.results[0], ElementsAre(::testing::StartsWith("not_tried ")));
  EXPECT_THAT(sink.Log(), IsEmpty());
}

}  // namespace
}  // namespace goniec::outbound::testing
