#include "common/queue/streams/provision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/streams/stream_json.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

StreamSettings Find(const QueueConfig& config, const std::string& name) {
  for (const StreamSettings& stream : ExpectedStreams(config)) {
    if (stream.name == name) return stream;
  }
  ADD_FAILURE() << name << " is not expected";
  return {};
}

std::vector<std::string> Names(const QueueConfig& config) {
  std::vector<std::string> names;
  for (const StreamSettings& stream : ExpectedStreams(config)) names.push_back(stream.name);
  return names;
}

TEST(ExpectedStreams, AreOneSetALaneAndOneAShard) {
  QueueConfig config;
  config.lanes = 2;
  config.event_shards = 3;
  EXPECT_THAT(Names(config),
              testing::UnorderedElementsAre("READY_0", "READY_1", "WAIT_0", "WAIT_1", "HELD_0", "HELD_1",
                                            "BODIES", "EVENTS_0", "EVENTS_1", "EVENTS_2", "QUARANTINE",
                                            "KV_presence", "KV_control", "KV_directory", "KV_requests"));
}

TEST(ExpectedStreams, ShareTheCapacityAmongLanes) {
  QueueConfig config;
  config.lanes = 4;
  config.capacity_bytes = 4'000'000'000;
  EXPECT_EQ(Find(config, "READY_3").max_bytes, 850'000'000) << "85 %";
}

// A stream that drops by itself would lose accepted mail.
TEST(ExpectedStreams, NothingThatHoldsMailDropsBySizeOrAge) {
  for (const StreamSettings& stream : ExpectedStreams(QueueConfig())) {
    if (stream.name.starts_with("EVENTS") || stream.name.starts_with("KV")) continue;
    EXPECT_EQ(stream.max_age.count(), 0) << stream.name;
    EXPECT_TRUE(stream.max_bytes < 0 || stream.discard_new) << stream.name;
  }
}

TEST(ServerVersion, TwoFifteenIsTheLeast) {
  for (const char* good : {"2.15.0", "2.15.1", "2.15.0-RC.1", "2.16.3", "3.0.0"}) {
    EXPECT_TRUE(CheckServerVersion(good).ok()) << good;
  }
  for (const char* bad : {"2.14.9", "2.9.10", "1.20.0", "", "two", "2"}) {
    EXPECT_EQ(CheckServerVersion(bad).code(), absl::StatusCode::kFailedPrecondition) << bad;
  }
}

struct CompareCase {
  const char* name;
  const char* stream;
  const char* key;
  Json have;
  bool differs;
  bool fixed;
  bool harmful;
};

TEST(CompareStream, JudgesEveryDifference) {
  const QueueConfig config;
  const CompareCase cases[] = {
      {"no difference", "READY_0", "retention", "workqueue", false, false, false},
      {"retention", "READY_0", "retention", "limits", true, true, true},
      {"asynchronous writes", "READY_0", "persist_mode", "async", true, true, true},
      {"in memory", "READY_0", "storage", "memory", true, true, true},
      {"other subjects", "READY_0", "subjects", Json::array({"ready.>"}), true, true, true},
      {"drops the oldest when full", "READY_0", "discard", "old", true, false, true},
      {"smaller", "READY_0", "max_bytes", 1 << 20, true, false, false},
      {"without limit", "READY_0", "max_bytes", -1, true, false, true},
      {"mail that ages", "WAIT_0", "max_age", 1000, true, false, true},
      {"bodies that a limit drops", "BODIES", "max_bytes", 1 << 20, true, false, true},
      {"events kept shorter", "EVENTS_0", "max_age", 1000, true, false, true},
      {"events kept for ever", "EVENTS_0", "max_age", 0, true, false, false},
      {"short memory for duplicates", "READY_0", "duplicate_window", 1000, true, false, true},
      {"no schedules", "WAIT_0", "allow_msg_schedules", false, true, false, true},
      {"a shelf that a consumer would empty", "HELD_0", "retention", "workqueue", true, true, true},
      {"no direct reads for the audit of the shelf", "HELD_0", "allow_direct", false, true, false, true},
      {"no direct reads for the audit", "WAIT_0", "allow_direct", false, true, false, true},
      {"more replicas", "READY_0", "num_replicas", 3, true, false, false},
  };
  for (const CompareCase& c : cases) {
    const Json want = StreamJson(Find(config, c.stream), config);
    Json have = want;
    have[c.key] = c.have;
    const std::vector<Difference> differences = CompareStream(have, want);
    ASSERT_EQ(!differences.empty(), c.differs) << c.name;
    if (!c.differs) continue;
    EXPECT_EQ(differences.size(), 1U) << c.name;
    EXPECT_EQ(differences[0].fixed, c.fixed) << c.name;
    EXPECT_EQ(differences[0].harmful, c.harmful) << c.name;
  }
}

TEST(CompareStream, ASettingLeftOutHasTheServersDefault) {
  const QueueConfig config;
  const Json want = StreamJson(Find(config, "WAIT_0"), config);
  Json have = want;
  have.erase("allow_msg_schedules");
  ASSERT_EQ(CompareStream(have, want).size(), 1U);
  have = want;
  have.erase("allow_msg_ttl");
  EXPECT_TRUE(CompareStream(have, want).empty());
}

TEST(CompareConsumer, JudgesEveryDifference) {
  const QueueConfig config;
  const Json want = ConsumerJson(Find(config, "READY_0").consumers.at(0));
  const CompareCase cases[] = {
      {"other filter", "", "filter_subject", "ready.>", true, true, true},
      {"push", "", "deliver_subject", "x", true, true, true},
      {"in memory", "", "mem_storage", true, true, true, true},
      {"gives up", "", "max_deliver", 5, true, false, true},
      {"shorter wait", "", "ack_wait", 1000, true, false, true},
      {"longer wait", "", "ack_wait", 3600'000'000'000, true, false, false},
  };
  for (const CompareCase& c : cases) {
    Json have = want;
    have[c.key] = c.have;
    const std::vector<Difference> differences = CompareConsumer(have, want);
    ASSERT_EQ(differences.size(), 1U) << c.name;
    EXPECT_EQ(differences[0].fixed, c.fixed) << c.name;
    EXPECT_EQ(differences[0].harmful, c.harmful) << c.name;
  }
}

TEST(Layout, OtherNumbersAndNewerVersionsAreSeen) {
  QueueConfig config;
  config.event_shards = 4;
  const StreamSettings stream = Find(config, "READY_0");
  const Json made = StreamJson(stream, config);
  EXPECT_EQ(LayoutProblem(stream, made, config), "");
  config.event_shards = 5;
  EXPECT_THAT(LayoutProblem(stream, made, config), HasSubstr("queue.event_shards 4"));
  EXPECT_EQ(LayoutProblem(stream, made, config, /*shards_matter=*/false), "");
  config.event_shards = 4;
  config.lanes = 2;
  EXPECT_THAT(LayoutProblem(stream, made, config), HasSubstr("queue.lanes 1"));
  config.lanes = 1;
  Json newer = made;
  newer["metadata"][kMetadataVersion] = "99";
  EXPECT_THAT(LayoutProblem(stream, newer, config), HasSubstr("newer"));
}

TEST(ShowValue, SpeaksUnits) {
  EXPECT_EQ(ShowValue("max_bytes", 10LL << 30), "10GiB");
  EXPECT_EQ(ShowValue("max_bytes", -1), "unlimited");
  EXPECT_EQ(ShowValue("ack_wait", 60'000'000'000), "1m");
  EXPECT_EQ(ShowValue("num_replicas", 3), "3");
}

}  // namespace
}  // namespace goniec::queue
