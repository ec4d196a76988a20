#include "common/queue/broker/membership.h"

#include <gtest/gtest.h>

namespace goniec::queue {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string>;

constexpr milliseconds kPeriod{1'000};

// Times in milliseconds, from a start that is not zero.
class MembershipTest : public testing::Test {
 protected:
  static BootTime At(int ms) { return BootTime(std::chrono::hours(1)) + milliseconds(ms); }
  std::string Send(int ms) { return me_.NextWord(At(ms)); }
  void Back(const std::string& word, int ms) { me_.Heard("me", ++revision_, word, false, At(ms)); }
  // A word that comes back at once.
  void Say(int ms) { Back(Send(ms), ms); }
  void Hear(const std::string& name, int ms) { me_.Heard(name, ++revision_, "1", false, At(ms)); }
  void HearGone(const std::string& name, int ms) { me_.Heard(name, ++revision_, "", true, At(ms)); }
  bool Confirmed(int ms) { return me_.At(At(ms)).confirmed; }
  Names NamesAt(int ms) { return me_.At(At(ms)).names; }
  void ListedAlone(int ms) {
    const auto question = me_.MayBeAlone(At(ms));
    ASSERT_TRUE(question.has_value());
    me_.LeaderListed(*question, {"me"});
  }

  Membership me_{"me", kPeriod};
  std::uint64_t revision_ = 0;
};

TEST_F(MembershipTest, NobodyCountsBeforeItsWordCameBack) {
  const std::string word = Send(0);
  EXPECT_FALSE(Confirmed(10'000));
  EXPECT_EQ(NamesAt(10'000), Names());
  EXPECT_FALSE(me_.At(At(0)).Counts());
}

TEST_F(MembershipTest, AloneByTheLeadersWordItCountsAtOnce) {
  Say(0);
  EXPECT_FALSE(Confirmed(1));
  ListedAlone(1);
  EXPECT_TRUE(Confirmed(1));
  EXPECT_EQ(NamesAt(1), Names{"me"});
}

TEST_F(MembershipTest, NotAloneWhereTheLeaderKnowsOfAnother) {
  Say(0);
  me_.LeaderListed(*me_.MayBeAlone(At(1)), {"me", "unheard"});
  EXPECT_FALSE(Confirmed(1));
}

TEST_F(MembershipTest, ATraceOfOneThatLeftIsNobody) {
  HearGone("other", 0);
  Say(0);
  me_.LeaderListed(*me_.MayBeAlone(At(1)), {"me", "other"});
  EXPECT_TRUE(Confirmed(1));
}

TEST_F(MembershipTest, AnAnswerToAQuestionOfAnEarlierRunSaysNothing) {
  Say(0);
  const auto question = me_.MayBeAlone(At(1));
  Say(5'000);
  me_.LeaderListed(*question, {"me"});
  EXPECT_FALSE(Confirmed(5'001));
}

TEST_F(MembershipTest, BesideAnotherANewcomerCountsAfterAPeriodAndAHalf) {
  Hear("other", 0);
  Say(100);
  EXPECT_EQ(me_.MayBeAlone(At(100)), std::nullopt);
  Hear("other", 1'000);
  Say(1'100);
  EXPECT_FALSE(Confirmed(1'599));
  EXPECT_EQ(NamesAt(1'599), Names{"other"});
  EXPECT_TRUE(Confirmed(1'600));
  EXPECT_EQ(NamesAt(1'600), (Names{"me", "other"}));
}

// From when the word came back, not from when it was sent: it may have been stored as late as that.
TEST_F(MembershipTest, ItsTimeRunsFromTheReturnOfTheFirstWord) {
  Hear("other", 0);
  Back(Send(0), 400);
  Say(1'000);
  EXPECT_FALSE(Confirmed(1'899));
  EXPECT_TRUE(Confirmed(1'900));
}

TEST_F(MembershipTest, SureUntilAPeriodAndAHalfAfterTheLastWordWasSent) {
  Say(0);
  ListedAlone(0);
  Back(Send(1'000), 1'400);
  EXPECT_TRUE(Confirmed(2'499));
  EXPECT_FALSE(Confirmed(2'500));
  // What was known last stays known.
  EXPECT_EQ(NamesAt(9'000), Names{"me"});
}

TEST_F(MembershipTest, AWordThatCameBackLateMakesItSureAgain) {
  Say(0);
  ListedAlone(0);
  const std::string word = Send(1'000);
  EXPECT_FALSE(Confirmed(1'600));
  Back(word, 1'600);
  EXPECT_TRUE(Confirmed(1'600));
}

TEST_F(MembershipTest, AfterAGapItWaitsAsANewcomerDoes) {
  Hear("other", 0);
  Say(0);
  Say(1'000);
  ASSERT_TRUE(Confirmed(1'500));
  Hear("other", 2'600);
  Say(2'600);
  EXPECT_FALSE(Confirmed(2'600));
  EXPECT_EQ(NamesAt(2'600), (Names{"me", "other"})) << "what was known last";
  Hear("other", 3'600);
  Say(3'600);
  EXPECT_FALSE(Confirmed(4'099));
  EXPECT_TRUE(Confirmed(4'100));
}

TEST_F(MembershipTest, OneThatIsSilentForThreePeriodsIsDropped) {
  Hear("other", 0);
  for (const int ms : {0, 1'000, 2'000}) Say(ms);
  EXPECT_EQ(NamesAt(2'999), (Names{"me", "other"}));
  EXPECT_EQ(NamesAt(3'000), Names{"me"});
  Hear("other", 3'100);
  EXPECT_EQ(NamesAt(3'100), (Names{"me", "other"}));
}

// Its next word may have been stored before ours that is on its way.
TEST_F(MembershipTest, OneThatIsSilentIsNotDroppedBeforeAWordOfOursThatWasSentTwoPeriodsLater) {
  Hear("other", 100);
  for (const int ms : {0, 1'000, 2'000}) Say(ms);
  const std::string word = Send(2'100);
  EXPECT_TRUE(Confirmed(3'400));
  EXPECT_EQ(NamesAt(3'400), (Names{"me", "other"}));
  Back(word, 3'400);
  EXPECT_EQ(NamesAt(3'400), Names{"me"});
}

TEST_F(MembershipTest, OneThatIsNotSureDropsNobody) {
  Hear("other", 0);
  Say(0);
  Say(1'000);
  ASSERT_TRUE(Confirmed(2'000));
  EXPECT_EQ(NamesAt(9'000), (Names{"me", "other"}));
}

TEST_F(MembershipTest, TheSameWordToldAgainIsNoSignOfLife) {
  for (const int ms : {0, 1'000, 2'000}) Say(ms);
  me_.Heard("other", 77, "1", false, At(0));
  me_.Heard("other", 77, "1", false, At(2'000));
  EXPECT_EQ(NamesAt(3'000), Names{"me"});
  me_.Heard("other", 77, "1", false, At(3'100));
  EXPECT_EQ(NamesAt(3'100), Names{"me"});
}

TEST_F(MembershipTest, OneThatLeavesIsGoneAtOnce) {
  Hear("other", 0);
  Say(0);
  HearGone("other", 10);
  EXPECT_EQ(NamesAt(10), Names());
}

TEST_F(MembershipTest, WhoLeavesDoesNotCountWhateverComesBack) {
  Say(0);
  ListedAlone(0);
  const std::string word = Send(10);
  me_.Leave();
  Back(word, 20);
  EXPECT_FALSE(Confirmed(20));
  EXPECT_EQ(NamesAt(20), Names());
  EXPECT_EQ(me_.MayBeAlone(At(20)), std::nullopt);
}

// Somebody else took it away: the others do not count us.
TEST_F(MembershipTest, WhoseWordWasTakenAwayDoesNotCount) {
  Say(0);
  ListedAlone(0);
  HearGone("me", 10);
  EXPECT_FALSE(Confirmed(10));
  EXPECT_EQ(NamesAt(10), Names());
}

TEST_F(MembershipTest, AWordOfOursThatWeDidNotSayIsIgnored) {
  Back("17", 0);
  Back("", 0);
  Back("x", 0);
  EXPECT_EQ(me_.MayBeAlone(At(0)), std::nullopt);
}

TEST_F(MembershipTest, NextChangeIsTheTimeAtWhichItChanges) {
  EXPECT_EQ(me_.NextChange(), std::nullopt);
  Hear("other", 0);
  Say(100);
  Say(600);
  me_.At(At(600));
  EXPECT_EQ(me_.NextChange(), At(1'600));
  me_.At(At(1'600));
  EXPECT_EQ(me_.NextChange(), At(2'100));
  Say(1'600);
  me_.At(At(1'600));
  EXPECT_EQ(me_.NextChange(), At(3'100)) << "no word of ours could have brought the other's";
  Say(2'000);
  me_.At(At(2'000));
  EXPECT_EQ(me_.NextChange(), At(3'000)) << "the other's silence";
}

}  // namespace
}  // namespace goniec::queue
