// A replica that lags, asked for a message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/queue/events/finder_fixture.h"

namespace goniec::queue {
namespace {

// One server cannot lag behind itself: the answers of a replica that has nothing yet are given by the test.
class LaggingReplicaTest : public FinderTest {
 protected:
  void SetUp() override {
    FinderTest::SetUp();
    watched_->answer = [this](const std::string& subject) -> std::optional<IncomingMessage> {
      IncomingMessage message;
      if (subject.starts_with("$JS.API.DIRECT.GET.") && lagging_) {
        message.status = 404;
        return message;
      }
      if (subject.starts_with("$JS.API.STREAM.INFO.EVENTS_")) {
        message.data = R"({"config":{"num_replicas":3}})";
        return message;
      }
      return std::nullopt;
    };
  }
  bool lagging_ = true;
};

TEST_F(LaggingReplicaTest, TheLeaderIsAskedForTheEnd) {
  const v1::Mail mail = MakeMail(NewId());
  const std::string record(mail::RecordIdOf(mail.message_id()));
  StoreEvents({MakeEvent(MakeMail(mail::MessageIdOf(record, 1)), v1::EVENT_TYPE_DELIVERED)});
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)});
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
  EXPECT_TRUE(RunToEnd(finder_->FoldEvents(kTenant, mail.message_id()))->AllTerminal());
}

TEST_F(LaggingReplicaTest, TheLeaderIsAskedForAllMailsOfARecord) {
  const v1::Mail mail = MakeMail(NewId());
  const v1::Mail second = SecondOf(mail);
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  StoreEvents({MakeEvent(second, v1::EVENT_TYPE_DELIVERED)});
  const auto all = RunToEnd(finder_->FoldEventsOfAll(kTenant, {mail.message_id(), second.message_id()}));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_FALSE(all->at(mail.message_id()).AllTerminal());
  EXPECT_TRUE(all->at(mail.message_id()).acceptance.has_value());
  EXPECT_TRUE(all->at(second.message_id()).AllTerminal());
}

TEST_F(LaggingReplicaTest, NotFoundIsTheLeadersWord) {
  EXPECT_EQ(FindCode(kTenant, NewId()), absl::StatusCode::kNotFound);
  EXPECT_THAT(watched_->requests(), Contains(StartsWith("$JS.API.STREAM.MSG.GET.EVENTS_")));
}

TEST_F(LaggingReplicaTest, LateEventsAreAskedForAtTheLeaderToo) {
  const v1::Mail mail = MakeMail(OldId(std::chrono::hours(1)));
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_EXPIRED)}, /*late=*/true);
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kExpired);
}

TEST_F(LaggingReplicaTest, GoesOnWhereTheReplicaEnded) {
  lagging_ = false;
  const v1::Mail mail = MakeMail(NewId());
  StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_ACCEPTED)});
  Before("$JS.API.STREAM.MSG.GET.EVENTS_", [&] { StoreEvents({MakeEvent(mail, v1::EVENT_TYPE_DELIVERED)}); });
  EXPECT_EQ(StateOf(mail.message_id()), RecipientState::kDelivered);
}

}  // namespace
}  // namespace goniec::queue
