// The starts of a server as its workers record them: all have the same.
#include "common/queue/hold/server_starts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

constexpr std::chrono::milliseconds kAckWait{60'000};
const WallTime kFirst(std::chrono::hours(400'000));

class ServerStartsTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
  }
  static std::vector<WallTime> Record(Broker& broker, WallTime start) {
    const auto recorded = RunToEnd(RecordStart(broker, start, kAckWait));
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    return recorded.ok() ? *recorded : std::vector<WallTime>();
  }
};

TEST_F(ServerStartsTest, AllWorkersHaveTheSame) {
  const std::unique_ptr<Broker> other = Connect(config_);
  EXPECT_THAT(Record(*broker_, kFirst), ElementsAre(kFirst));
  EXPECT_THAT(Record(*other, kFirst), ElementsAre(kFirst));
  EXPECT_THAT(Record(*other, kFirst + seconds(20)), ElementsAre(kFirst, kFirst + seconds(20)));
  EXPECT_THAT(Record(*broker_, kFirst + seconds(20)), ElementsAre(kFirst, kFirst + seconds(20)));
  EXPECT_THAT(Record(*broker_, kFirst + seconds(90)), ElementsAre(kFirst + seconds(90)));
}

TEST_F(ServerStartsTest, WhoComesBetweenReadingAndWritingIsNotOverwritten) {
  WatchedBroker slow(*broker_);
  bool raced = false;
  slow.before = [&](const std::string& subject) {
    if (!subject.starts_with("$KV.") || raced) return;
    raced = true;
    OutgoingMessage other;
    other.subject = subject;
    other.payload = std::make_shared<const std::string>(FormatStarts({kFirst}));
    broker_->Publish(std::move(other));  // on the same connection, so before what follows
  };
  EXPECT_FALSE(RunToEnd(RecordStart(slow, kFirst + seconds(20), kAckWait)).ok());
  EXPECT_TRUE(raced);
  EXPECT_THAT(Record(slow, kFirst + seconds(20)), ElementsAre(kFirst, kFirst + seconds(20)));
}

TEST_F(ServerStartsTest, WithoutABrokerNothingIsRecorded) {
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  EXPECT_FALSE(RunToEnd(RecordStart(*broker_, kFirst, kAckWait)).ok());
}

}  // namespace
}  // namespace goniec::queue
