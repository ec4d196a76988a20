#include "common/http/health.h"

#include <gtest/gtest.h>

namespace goniec::http {
namespace {

TEST(Health, IsReadyWhenEveryConditionIsMet) {
  Health health;
  const Condition broker = health.Add("broker", "not connected yet");
  const Condition streams = health.Add("streams", "not verified yet");
  EXPECT_FALSE(health.ready());
  broker.Meet();
  EXPECT_FALSE(health.ready());
  streams.Meet();
  EXPECT_TRUE(health.ready());
  EXPECT_EQ(health.Json(), "{\"ready\":true,\"unmet\":[]}\n");
  broker.Fail("nats://127.0.0.1:4222: Connection refused");
  EXPECT_FALSE(health.ready());
}

TEST(Health, ListsEveryUnmetConditionInPlainWords) {
  Health health;
  const Condition broker = health.Add("broker", "not connected yet");
  const Condition streams = health.Add("streams", "stream \"READY_0\" is missing\nrun goniec provision");
  ASSERT_EQ(health.unmet().size(), 2U);
  broker.Meet();
  EXPECT_EQ(health.Json(),
            "{\"ready\":false,\"unmet\":[{\"condition\":\"streams\",\"reason\":\"stream \\\"READY_0\\\" is "
            "missing\\\\x0arun goniec provision\"}]}\n");
  streams.Fail("another reason");
  EXPECT_EQ(health.unmet()[0].why, "another reason");
}

TEST(Health, TellsItsListenerOfChangesOnly) {
  Health health;
  std::vector<bool> told;
  health.OnChange([&](bool ready) { told.push_back(ready); });
  const Condition a = health.Add("a", "no");
  const Condition b = health.Add("b", "no");
  a.Meet();
  b.Meet();
  b.Meet();
  a.Fail("gone");
  b.Fail("gone too");
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
}

}  // namespace
}  // namespace goniec::http
