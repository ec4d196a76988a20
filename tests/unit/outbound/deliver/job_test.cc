#include "outbound/deliver/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class JobTest : public ::testing::Test {
 protected:
  JobTest() {
    auto mail = std::make_shared<queue::v1::Mail>();
    for (const char* address : {"a@x.test", "b@x.test"}) mail->add_recipients()->set_address(address);
    job_.mail = std::move(mail);
    job_.recipients = {0, 1};
    job_.may_finish = [this] { return may_finish_; };
    job_.TakeOver(BootTime());
  }

  bool may_finish_ = true;
  Job job_;
};

TEST_F(JobTest, ThatIsLostBeforeItsEndWasNotTaken) {
  (void)job_.Begin(2);
  job_.GiveUp();
  ASSERT_THAT(job_.results(), SizeIs(1));
  EXPECT_THAT(job_.results()[0].recipients, ElementsAre(0, 1));
  EXPECT_EQ(job_.results()[0].verdict, Verdict::kTemporary);
  EXPECT_EQ(job_.results()[0].outcome.text(), "connection given up");
  EXPECT_FALSE(job_.results()[0].outcome.ambiguous());
}

TEST_F(JobTest, ThatIsLostAfterItsEndMayHaveBeenTaken) {
  EXPECT_TRUE(job_.Begin(2)->MayFinish());
  job_.GiveUp();
  EXPECT_TRUE(job_.results().at(0).outcome.ambiguous());
}

TEST_F(JobTest, WithoutItsLeaveThereIsNoEnd) {
  may_finish_ = false;
  EXPECT_FALSE(job_.Begin(2)->MayFinish());
  job_.GiveUp();
  EXPECT_FALSE(job_.results().at(0).outcome.ambiguous());
}

TEST_F(JobTest, TheEndOfOneTransactionIsNotThatOfTheNext) {
  EXPECT_TRUE(job_.Begin(1)->MayFinish());
  (void)job_.Begin(1);
  job_.GiveUp();
  EXPECT_FALSE(job_.results().at(0).outcome.ambiguous());
}

// A transaction went before the opening that closed the site.
TEST_F(JobTest, OnlyWhoIsNotTriedForItsSakeWaitsForAClosedSite) {
  const auto first = job_.Begin(1);
  queue::v1::Outcome unanswered;
  unanswered.set_ambiguous(true);
  first->results().push_back({Verdict::kTemporary, unanswered, {0}});
  job_.End(*first);
  job_.DecideRest(Verdict::kTemporary, queue::v1::Outcome());
  job_.NoteSiteClosed();
  ASSERT_THAT(job_.results(), SizeIs(2));
  EXPECT_TRUE(job_.results()[0].outcome.ambiguous());
  EXPECT_FALSE(job_.results()[0].site_closed);
  EXPECT_TRUE(job_.results()[1].site_closed);
}

}  // namespace
}  // namespace goniec::outbound
