// A machine's clock that jumps: ids, expiry and schedules go by the broker's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "common/mail/ulid.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/streams/stream_state.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::queue {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// A wall clock that the test sets; boot time is real.
class SetClock final : public Clock {
 public:
  WallTime Wall() const override { return std::chrono::system_clock::now() + seconds(ahead_); }
  BootTime Boot() const override { return BootClock::now(); }
  void Jump(seconds to) { ahead_ = to.count(); }

 private:
  std::atomic<std::int64_t> ahead_{0};
};

bool Near(WallTime time, WallTime other) {
  return std::chrono::abs(time - other) < minutes(1);
}

class ClockTest : public RealQueue {
 protected:
  void SetUp() override {
    StartServer();
    ProvisionAll();
    publisher_ = Publisher::Create(*broker_, config_, nullptr, clock_);
  }

  // As the store's level does each second.
  void LearnTime() { ASSERT_TRUE(RunToEnd(ReadStreamState(*broker_, ReadyStream(0))).ok()); }

  v1::Mail Accept() {
    v1::Mail mail;
    mail.set_tenant("acme");
    mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
    mail.add_recipients()->set_address("someone@example.net");
    mail.set_inline_body("x");
    *mail.mutable_expire_time() = ToProto(clock_.Wall() + hours(24));
    const auto committed = RunToEnd(publisher_->Commit(std::move(mail)));
    EXPECT_TRUE(committed.ok()) << committed.status();
    v1::Record record;
    EXPECT_TRUE(record.ParseFromString(
        RunToEnd(GetNextMessage(*broker_, ReadyStream(0), "ready.>", committed->sequence))->data));
    return record.mails(0);
  }

  SetClock clock_;
  StalledWrites stalled_{[] {}};
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(ClockTest, AJumpOfTheAcceptingMachineLosesNoMailFromSight) {
  LearnTime();
  MessageFinder finder(*broker_, config_);
  for (const seconds jump : {seconds(0), seconds(hours(3)), seconds(hours(-3)), seconds(hours(24 * 365))}) {
    SCOPED_TRACE(jump.count());
    clock_.Jump(jump);
    const v1::Mail mail = Accept();
    const WallTime now = std::chrono::system_clock::now();
    EXPECT_TRUE(Near(mail::TimeOf(mail.message_id()), now));
    EXPECT_TRUE(Near(FromProto(mail.accept_time()), now));
    EXPECT_TRUE(Near(FromProto(mail.expire_time()), now + hours(24)))
        << "its life is as long as it was meant";
    const v1::Event delivered = MakeEvent(mail, v1::EVENT_TYPE_DELIVERED, {0}, now);
    ASSERT_TRUE(RunToEnd(StoreEvents(
                             *broker_, config_, {AcceptedEvent(mail), delivered}, stalled_,
                             [] { return true; }, [] { return false; }))
                    .ok());
    Api("STREAM.PURGE.READY_0");
    const auto found = RunToEnd(finder.Find("acme", mail.message_id()));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->AllTerminal());
  }
}

TEST_F(ClockTest, UntilTheBrokerHasToldItsTimeOursCounts) {
  auto fresh = Connect(config_);
  clock_.Jump(hours(3));
  EXPECT_TRUE(Near(fresh->Now(clock_), clock_.Wall()));
  ASSERT_TRUE(RunToEnd(ReadStreamState(*fresh, ReadyStream(0))).ok());
  EXPECT_TRUE(Near(fresh->Now(clock_), std::chrono::system_clock::now()));
}

// By the broker's clock ids do not go back either, as long as its own does not.
TEST_F(ClockTest, IdsDoNotGoBackWhenOurClockDoes) {
  LearnTime();
  std::string before;
  for (const seconds jump : {seconds(0), seconds(hours(3)), seconds(hours(-3)), seconds(0)}) {
    clock_.Jump(jump);
    const std::string time = Accept().message_id().substr(0, 10);
    EXPECT_GE(time, before);
    before = time;
  }
}

}  // namespace
}  // namespace goniec::queue
