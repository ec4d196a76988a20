// The oldest events go when their budget is nearly used, and none that may be of mail on its way.
#include "common/queue/streams/event_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/queue/model/subjects.h"
#include "common/queue/streams/stream_state.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

constexpr std::uint64_t kBudget = 1 << 20;
constexpr std::size_t kEvent = 10 << 10;

class EventBudgetTest : public RealQueue {
 protected:
  void SetUp() override {
    config_.event_budget_bytes = kBudget;
    StartServer();
    ProvisionAll();
  }

  void StoreEvents(int count) {
    for (int i = 0; i < count; ++i)
      Store(
          {EventSubject(0, "default", i), std::make_shared<const std::string>(std::string(kEvent, 'e')), {}});
  }
  StreamState State() { return *RunToEnd(ReadStreamState(*broker_, "EVENTS_0")); }
  WallTime StoredAt(std::uint64_t sequence) {
    return RunToEnd(GetNextMessage(*broker_, "EVENTS_0", "event.0.>", sequence))->stored_at;
  }
  std::uint64_t Trim(WallTime now, std::optional<WallTime> oldest_open = std::nullopt) {
    const auto report = RunToEnd(TrimEvents(*broker_, config_, now, oldest_open));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? report->deleted : 0;
  }
  // When all of them are old enough.
  static WallTime InAWeek() { return std::chrono::system_clock::now() + std::chrono::hours(24 * 7); }
};

TEST_F(EventBudgetTest, WithRoomNothingGoes) {
  StoreEvents(50);
  EXPECT_EQ(Trim(InAWeek()), 0U);
  EXPECT_EQ(State().messages, 50U);
}

TEST_F(EventBudgetTest, TheOldestGoUntilThereIsRoom) {
  StoreEvents(150);
  EXPECT_GT(Trim(InAWeek()), 50U);
  const StreamState state = State();
  EXPECT_LE(state.bytes, kBudget / 100 * kTrimFrom);
  EXPECT_GE(state.bytes, kBudget / 100 * 70);
  EXPECT_EQ(state.last_sequence, 150U);
  EXPECT_EQ(state.messages, 150 + 1 - state.first_sequence);
  EXPECT_EQ(Trim(InAWeek()), 0U) << "once is enough";
}

TEST_F(EventBudgetTest, NothingYoungerThanTheLeastGoes) {
  StoreEvents(150);
  const WallTime now = StoredAt(21) + config_.event_retention_least;
  EXPECT_EQ(Trim(now), 20U);
  EXPECT_EQ(State().first_sequence, 21U);
  EXPECT_EQ(Trim(now), 0U);
}

TEST_F(EventBudgetTest, NothingYoungerThanTheOldestOpenMailGoes) {
  StoreEvents(150);
  EXPECT_EQ(Trim(InAWeek(), StoredAt(11) + std::chrono::minutes(1)), 10U);
  EXPECT_EQ(State().first_sequence, 11U);
  EXPECT_GT(Trim(InAWeek()), 50U) << "once it has ended";
}

// Direct gets may be answered by a replica that knows nothing yet.
TEST_F(EventBudgetTest, AReplicaThatLagsMakesNothingOld) {
  StoreEvents(150);
  WatchedBroker lagging(*broker_);
  lagging.answer = [](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("$JS.API.DIRECT.GET.")) return std::nullopt;
    IncomingMessage nothing;
    nothing.status = 404;
    return nothing;
  };
  const auto report =
      RunToEnd(TrimEvents(lagging, config_, StoredAt(21) + config_.event_retention_least, std::nullopt));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->deleted, 0U);
  EXPECT_EQ(State().messages, 150U);
}

TEST_F(EventBudgetTest, EachShardHasItsShare) {
  server_->Kill();
  config_.event_shards = 2;
  StartServer();
  ProvisionAll();
  StoreEvents(60);  // all of them in the first
  EXPECT_GT(Trim(InAWeek()), 0U);
  EXPECT_LE(State().bytes, kBudget / 2 / 100 * kTrimFrom);
}

}  // namespace
}  // namespace goniec::queue
