#include "common/queue/streams/durability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/queue/broker/monitoring.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using testing::HasSubstr;

class DurabilityTest : public RealQueue {
 protected:
  Durability Read(ServiceRole role = ServiceRole::kOutbound) {
    return RunToEnd(ReadDurability(*broker_, config_, role));
  }
};

test::NatsServerOptions Lazy() {
  test::NatsServerOptions options;
  options.fsync = false;
  return options;
}

TEST_F(DurabilityTest, FsyncIsSeen) {
  StartServer();
  ProvisionAll();
  const Durability durability = Read();
  EXPECT_EQ(Describe(durability), "1 replica, fsync");
  EXPECT_FALSE(FloorShortfall(durability, {.replicas = 1, .fsync = true}).has_value());
  EXPECT_EQ(durability.server_version, broker_->server_version());
}

TEST_F(DurabilityTest, LazySyncSaysSo) {
  StartServer(Lazy());
  ProvisionAll();
  const Durability durability = Read();
  EXPECT_EQ(Describe(durability), "1 replica, lazy sync");
  EXPECT_THAT(FloorShortfall(durability, {.replicas = 1, .fsync = true}).value(),
              HasSubstr("sync_interval: always"));
  EXPECT_FALSE(FloorShortfall(durability, {.replicas = 1, .fsync = false}).has_value());
}

TEST_F(DurabilityTest, MonitoringThatIsOffOrUnreachableIsUnknown) {
  test::NatsServerOptions options;
  options.monitoring = false;
  StartServer(options);
  ProvisionAll();
  for (const std::vector<std::string>& urls :
       {std::vector<std::string>(), std::vector<std::string>{"http://127.0.0.1:1"},
        std::vector<std::string>{"http://127.0.0.1:" + std::to_string(server_->port())}}) {
    config_.monitor_urls = urls;
    const Durability durability = Read();
    EXPECT_EQ(Describe(durability), "1 replica, sync unknown");
    EXPECT_FALSE(durability.latest_start.has_value());
    EXPECT_FALSE(durability.clock_offset.has_value());
    EXPECT_THAT(FloorShortfall(durability, {.replicas = 1, .fsync = true}).value(),
                HasSubstr("queue.monitor_urls"));
  }
}

TEST_F(DurabilityTest, AnotherServersWordDoesNotCount) {
  StartServer();
  ProvisionAll();
  test::NatsServerOptions options;
  options.extra = "server_name: another";
  const auto another = test::NatsServer::Start(options);
  ASSERT_TRUE(another.ok()) << another.status();
  config_.monitor_urls = {(*another)->monitor_url()};
  EXPECT_EQ(Read().sync, SyncMode::kUnknown);
  config_.monitor_urls = {(*another)->monitor_url(), server_->monitor_url() + "/"};
  EXPECT_EQ(Read().sync, SyncMode::kFsync);
}

TEST_F(DurabilityTest, WithoutStreamsEverythingIsUnknown) {
  StartServer();
  const Durability durability = Read();
  EXPECT_EQ(Describe(durability), "replicas unknown, sync unknown");
  EXPECT_TRUE(FloorShortfall(durability, {.replicas = 1, .fsync = false}).has_value())
      << "unknown meets no floor";
}

TEST_F(DurabilityTest, WithoutTheBrokerEverythingIsUnknown) {
  StartServer();
  ProvisionAll();
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  const Durability durability = Read();
  EXPECT_EQ(durability.replicas, 0);
  EXPECT_EQ(durability.sync, SyncMode::kUnknown);
}

TEST_F(DurabilityTest, AStreamThatWritesLaterIsLazyWhateverTheServerSays) {
  StartServer();
  ProvisionAll();
  nlohmann::json bodies = nlohmann::json::parse(Api("STREAM.INFO.BODIES"))["config"];
  Api("STREAM.DELETE.BODIES");
  bodies["persist_mode"] = "async";
  Api("STREAM.CREATE.BODIES", bodies.dump());
  EXPECT_EQ(Read().sync, SyncMode::kLazy);
}

TEST_F(DurabilityTest, TellsTheServersStartAndClock) {
  const WallTime before = std::chrono::system_clock::now();
  StartServer();
  ProvisionAll();
  const Durability durability = Read(ServiceRole::kInbound);
  ASSERT_TRUE(durability.latest_start.has_value());
  EXPECT_GE(*durability.latest_start, before);
  EXPECT_LE(*durability.latest_start, std::chrono::system_clock::now());
  ASSERT_TRUE(durability.clock_offset.has_value());
  EXPECT_LT(std::chrono::abs(*durability.clock_offset), std::chrono::seconds(5));
}

TEST(FloorShortfall, ReplicasAreCountedBeforeSync) {
  EXPECT_THAT(
      FloorShortfall({.replicas = 1, .sync = SyncMode::kFsync}, {.replicas = 3, .fsync = true}).value(),
      HasSubstr("1 replica(s)"));
  EXPECT_FALSE(
      FloorShortfall({.replicas = 3, .sync = SyncMode::kFsync}, {.replicas = 3, .fsync = true}).has_value());
  EXPECT_FALSE(FloorShortfall({.replicas = 5, .sync = SyncMode::kUnknown}, {.replicas = 3}).has_value());
}

TEST(ReadVarz, TakesNothingForGranted) {
  const WallTime now = std::chrono::system_clock::now();
  EXPECT_FALSE(ReadVarz("", now, now).has_value());
  EXPECT_FALSE(ReadVarz("<html>", now, now).has_value());
  EXPECT_FALSE(ReadVarz("{}", now, now).has_value());
  EXPECT_FALSE(ReadVarz(R"({"server_name":"a","jetstream":{}})", now, now)->fsync.has_value())
      << "JetStream is off";
  EXPECT_EQ(ReadVarz(R"({"server_name":"a","jetstream":{"config":{}}})", now, now)->fsync, false);
  EXPECT_EQ(ReadVarz(R"({"server_name":"a","jetstream":{"config":{"sync_always":true}}})", now, now)->fsync,
            true);
  EXPECT_FALSE(ReadVarz(R"({"server_name":"a","start":"yesterday"})", now, now)->start.has_value());
}

TEST(ReadVarz, TheClockIsComparedWithTheMiddleOfTheAnswer) {
  const WallTime asked{std::chrono::seconds(1'700'000'000)};
  const auto seen =
      ReadVarz(R"({"server_name":"a","now":"2023-11-14T22:13:31Z"})", asked, asked + std::chrono::seconds(2));
  EXPECT_EQ(seen->clock_offset, std::chrono::seconds(10));
}

}  // namespace
}  // namespace goniec::queue
