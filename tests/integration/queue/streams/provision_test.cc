#include "common/queue/streams/provision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/status.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/durability.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

constexpr std::chrono::seconds kLimit{5};

class ProvisionTest : public RealQueue {
 protected:
  std::vector<ProvisionChange> MustProvision() {
    auto changes = RunToEnd(Provision(*broker_, config_));
    EXPECT_TRUE(changes.ok()) << changes.status();
    return changes.ok() ? *std::move(changes) : std::vector<ProvisionChange>();
  }
  std::vector<std::string> MustVerify(ServiceRole role) {
    auto sentences = RunToEnd(Verify(*broker_, config_, role));
    EXPECT_TRUE(sentences.ok()) << sentences.status();
    return sentences.ok() ? *std::move(sentences) : std::vector<std::string>();
  }
  Json ConfigOf(const std::string& call) { return Json::parse(Api(call))["config"]; }
  // Changes one setting of a stream behind our back.
  void Change(const std::string& stream, const std::string& key, const Json& value) {
    Json changed = ConfigOf("STREAM.INFO." + stream);
    changed[key] = value;
    Api("STREAM.UPDATE." + stream, changed.dump());
  }
};

TEST_F(ProvisionTest, ASecondTimeChangesNothing) {
  StartServer();
  config_.lanes = 2;
  config_.event_shards = 2;
  EXPECT_THAT(MustProvision(), AllOf(testing::SizeIs(20), Each(Field(&ProvisionChange::action, "created"))));
  EXPECT_THAT(MustProvision(),
              AllOf(testing::SizeIs(20), Each(Field(&ProvisionChange::action, "unchanged"))));
  EXPECT_THAT(MustVerify(ServiceRole::kInbound), IsEmpty());
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound), IsEmpty());
}

TEST_F(ProvisionTest, AskedAgainWhenAnAnswerIsLost) {
  for (const char* call : {"STREAM.CREATE.EVENTS_0", "CONSUMER.CREATE.READY_0.bulk", "STREAM.INFO.WAIT_0"}) {
    StartServer();
    LossyBroker broker(*broker_, std::string("$JS.API.") + call);
    broker.lose = 2;
    const auto changes = RunToEnd(Provision(broker, config_));
    ASSERT_TRUE(changes.ok()) << call << ": " << changes.status();
    EXPECT_LE(broker.lose, 0) << call;
    EXPECT_THAT(*changes, Each(Field(&ProvisionChange::action, "created"))) << call;
  }
}

TEST_F(ProvisionTest, VerifyNamesWhatIsMissingForTheRole) {
  StartServer();
  EXPECT_THAT(
      MustVerify(ServiceRole::kInbound),
      UnorderedElementsAre(StartsWith("stream READY_0 is missing"), StartsWith("stream BODIES is missing")));
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound),
              AllOf(testing::SizeIs(10), Contains(StartsWith("stream WAIT_0 is missing")),
                    Contains(StartsWith("bucket presence is missing"))));
  ProvisionAll();
  Api("CONSUMER.DELETE.READY_0.bulk");
  EXPECT_THAT(MustVerify(ServiceRole::kInbound), IsEmpty());
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound),
              UnorderedElementsAre(
                  AllOf(StartsWith("consumer READY_0/bulk is missing"), HasSubstr("goniec provision"))));
  EXPECT_THAT(MustProvision(), Contains(AllOf(Field(&ProvisionChange::object, "consumer READY_0/bulk"),
                                              Field(&ProvisionChange::action, "created"))));
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound), IsEmpty());
}

TEST_F(ProvisionTest, AnotherNumberOfShardsIsRefusedBeforeAnythingIsTouched) {
  StartServer();
  config_.event_shards = 2;
  ProvisionAll();
  config_.event_shards = 3;
  const auto placed = ConfigOf("STREAM.INFO.READY_0")["max_bytes"];
  config_.capacity_bytes /= 2;
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(refused.status())), HasSubstr("queue.event_shards 2"));
  EXPECT_EQ(ConfigOf("STREAM.INFO.READY_0")["max_bytes"], placed);
  EXPECT_FALSE(RunToEnd(CallApi(*broker_, "STREAM.INFO.EVENTS_2", "")).ok());
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound), Contains(HasSubstr("queue.event_shards 2")));
}

TEST_F(ProvisionTest, AnotherNumberOfLanesIsRefused) {
  StartServer();
  config_.lanes = 2;
  ProvisionAll();
  config_.lanes = 1;
  EXPECT_THAT(std::string(Message(RunToEnd(Provision(*broker_, config_)).status())),
              HasSubstr("queue.lanes 2"));
  EXPECT_THAT(MustVerify(ServiceRole::kInbound), Contains(HasSubstr("queue.lanes 2")));
}

TEST_F(ProvisionTest, UpdatesInPlaceAndKeepsTheMail) {
  StartServer();
  ProvisionAll();
  const std::string subject = ReadySubject(0, MailClass::kTransactional, "acme", 7);
  Store({subject, std::make_shared<const std::string>(100'000, 'x'), {}});
  Json placed = ConfigOf("STREAM.INFO.READY_0");
  placed["metadata"]["owner"] = "platform team";
  Api("STREAM.UPDATE.READY_0", placed.dump());

  config_.capacity_bytes = 50'000;  // less than what is there
  config_.ack_wait = std::chrono::seconds(60);
  const std::vector<ProvisionChange> changes = MustProvision();
  EXPECT_THAT(changes, Contains(AllOf(Field(&ProvisionChange::object, "stream READY_0"),
                                      Field(&ProvisionChange::action, StartsWith("updated max_bytes ")))));
  EXPECT_THAT(changes, Contains(AllOf(Field(&ProvisionChange::object, "consumer READY_0/transactional"),
                                      Field(&ProvisionChange::action, "updated ack_wait 20s -> 1m"))));
  EXPECT_TRUE(RunToEnd(GetNextMessage(*broker_, "READY_0", subject)).ok());
  EXPECT_EQ(ConfigOf("STREAM.INFO.READY_0")["metadata"]["owner"], "platform team");
  EXPECT_EQ(
      RunToEnd(PublishAcknowledged(*broker_, {subject, std::make_shared<const std::string>("y"), {}}, kLimit))
          .state,
      PublishState::kNotStored);
  EXPECT_THAT(MustProvision(), Each(Field(&ProvisionChange::action, "unchanged")));
}

TEST_F(ProvisionTest, WhatCannotBeChangedIsRefusedWithItsName) {
  StartServer();
  Api("STREAM.CREATE.READY_0",
      R"({"name":"READY_0","subjects":["ready.0.>"],"retention":"limits","storage":"file"})");
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(refused.status())),
              StartsWith("stream READY_0 has retention limits and needs workqueue"));
}

// As an earlier version made it: a work queue, into which nothing was ever put.
TEST_F(ProvisionTest, AnEmptyShelfIsMadeAnewAndOneWithMailIsRefused) {
  constexpr char kEarlier[] =
      R"({"name":"HELD_0","subjects":["held.0.>"],"retention":"workqueue","storage":"file"})";
  StartServer();
  Api("STREAM.CREATE.HELD_0", kEarlier);
  EXPECT_THAT(MustProvision(), Contains(AllOf(Field(&ProvisionChange::object, "stream HELD_0"),
                                              Field(&ProvisionChange::action, StartsWith("made anew")))));
  EXPECT_EQ(ConfigOf("STREAM.INFO.HELD_0")["retention"], "limits");
  EXPECT_THAT(MustProvision(), Each(Field(&ProvisionChange::action, "unchanged")));

  Api("STREAM.DELETE.HELD_0");
  Api("STREAM.CREATE.HELD_0", kEarlier);
  Store({"held.0.x", std::make_shared<const std::string>("x"), {}});
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_THAT(std::string(Message(refused.status())), StartsWith("stream HELD_0 has retention workqueue"));
}

TEST_F(ProvisionTest, SubjectsOfAForeignStreamAreRefused) {
  StartServer();
  Api("STREAM.CREATE.THEIRS", R"({"name":"THEIRS","subjects":["body.>"],"storage":"file"})");
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << refused.status();
  EXPECT_THAT(std::string(Message(refused.status())), StartsWith("stream BODIES: another stream"));
}

TEST_F(ProvisionTest, VerifyTellsOfWhatWouldLoseMail) {
  StartServer();
  ProvisionAll();
  Change("BODIES", "max_bytes", 1 << 20);
  Change("WAIT_0", "max_age", 600'000'000'000);
  Change("READY_0", "discard", "old");
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound),
              UnorderedElementsAre(StartsWith("stream BODIES has max_bytes 1MiB, expected unlimited"),
                                   StartsWith("stream WAIT_0 has max_age 10m, expected unlimited"),
                                   StartsWith("stream READY_0 has discard old, expected new")));
  EXPECT_THAT(MustVerify(ServiceRole::kInbound), testing::SizeIs(2));
  ProvisionAll();
  EXPECT_THAT(MustVerify(ServiceRole::kOutbound), IsEmpty());
}

TEST_F(ProvisionTest, SaysThatTheServerHasNoRoom) {
  StartServer();
  config_.capacity_bytes = 100ULL << 30;
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(refused.status())), HasSubstr("lower queue.capacity"));
}

TEST_F(ProvisionTest, SaysThatThereAreTooFewServers) {
  StartServer();
  config_.replicas = 3;
  const auto refused = RunToEnd(Provision(*broker_, config_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Message(refused.status())), HasSubstr("queue.replicas"));
}

TEST_F(ProvisionTest, ABrokerThatIsAwayIsAnErrorAndNotAFinding) {
  StartServer();
  ProvisionAll();
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_EQ(RunToEnd(Verify(*broker_, config_, ServiceRole::kInbound)).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(RunToEnd(Provision(*broker_, config_)).status().code(), absl::StatusCode::kUnavailable);
}

// The least rights that k8s/base gives to inbound.
TEST_F(ProvisionTest, InboundVerifiesWithItsLeastRights) {
  test::NatsServerOptions options;
  options.extra = R"(
authorization {
  users = [
    { user: admin, password: admin }
    { user: inbound, password: inbound, permissions: {
        publish: ["ready.>", "body.>", "abandoned.>", "$JS.API.STREAM.INFO.READY_0", "$JS.API.STREAM.INFO.BODIES"]
        subscribe: ["_INBOX.inbound.>"] } }
  ]
})";
  config_.user = "admin";
  config_.password = "admin";
  StartServer(options);
  ProvisionAll();
  QueueConfig least = config_;
  least.user = "inbound";
  least.password = "inbound";
  const std::unique_ptr<Broker> inbound = Connect(least);
  const auto sentences = RunToEnd(Verify(*inbound, least, ServiceRole::kInbound));
  ASSERT_TRUE(sentences.ok()) << sentences.status();
  EXPECT_THAT(*sentences, IsEmpty());
  EXPECT_EQ(RunToEnd(ReadDurability(*inbound, least)).replicas, 1);
}

}  // namespace
}  // namespace goniec::queue
