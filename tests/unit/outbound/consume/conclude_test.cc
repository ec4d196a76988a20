// What follows from an attempt, row by row: the events, the move, what is told, and whether the record goes
// back.
#include "tests/unit/outbound/consume/conclude_trial.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Row {
  const char* name;
  std::vector<Result> results;
  std::vector<std::string> events;
  std::string told;
  std::string move = "";
  bool ended = false;
  bool returned = false;
  bool forfeit = false;
  std::size_t ambiguous = 0;
  std::uint32_t attempts_before = 0;
  minutes life = hours(24);
  bool at_most_once = false;
  std::string site = kSite;
};

class ConcludeTest : public testing::TestWithParam<Row> {};

TEST_P(ConcludeTest, SaysWhatFollows) {
  const Row& row = GetParam();
  queue::v1::Record record = MakeRecord(row.attempts_before, row.life);
  if (row.at_most_once) {
    record.mutable_mails(0)->set_ambiguous_policy(queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  }
  const Conclusion conclusion = ConcludeOf(record, row.results, {}, Policy(), row.site);
  EXPECT_EQ(EventsOf(conclusion), row.events);
  EXPECT_EQ(ToldOf(conclusion), row.told);
  EXPECT_EQ(MoveOf(conclusion), row.move);
  EXPECT_EQ(conclusion.ended, row.ended);
  EXPECT_EQ(conclusion.returned, row.returned);
  EXPECT_EQ(conclusion.forfeit, row.forfeit);
  EXPECT_EQ(conclusion.ambiguous, row.ambiguous);
}

INSTANTIATE_TEST_SUITE_P(
    Ends, ConcludeTest,
    testing::Values(Row{.name = "Delivered",
                        .results = {Delivered({0, 1})},
                        .events = {"DELIVERED 0,1 attempts=1 ACCEPTED"},
                        .told = "delivered=2",
                        .ended = true},
                    Row{.name = "Refused",
                        .results = {Refused({3})},
                        .events = {"BOUNCED 3 attempts=3 REPLY"},
                        .told = "bounced=1",
                        .ended = true,
                        .attempts_before = 2},
                    Row{.name = "EachResultHasItsEvent",
                        .results = {Delivered({0}), Refused({1, 2})},
                        .events = {"DELIVERED 0 attempts=1 ACCEPTED", "BOUNCED 1,2 attempts=1 REPLY"},
                        .told = "delivered=1 bounced=2",
                        .ended = true},
                    Row{.name = "UnansweredAtMostOnceEndsAsUnknown",
                        .results = {Unanswered({0, 1})},
                        .events = {"BOUNCED 0,1 attempts=1 OUTCOME_UNKNOWN"},
                        .told = "bounced=2",
                        .ended = true,
                        .ambiguous = 2,
                        .at_most_once = true},
                    Row{.name = "TheTimeIsOverAfterAnAttempt",
                        .results = {Later({0, 1})},
                        .events = {"EXPIRED 0,1 attempts=4 EXPIRED"},
                        .told = "expired=2",
                        .ended = true,
                        .attempts_before = 3,
                        .life = hours(0)},
                    Row{.name = "TheTimeIsOverBeforeAnAttempt",
                        .results = {NotTried(queue::v1::REASON_UNSPECIFIED, {0, 1, 2, 3})},
                        .events = {"EXPIRED 0,1,2,3 attempts=3 EXPIRED"},
                        .told = "expired=4",
                        .ended = true,
                        .attempts_before = 3,
                        .life = hours(0)},
                    Row{.name = "DeliveredIsDeliveredHoweverLate",
                        .results = {Delivered({0})},
                        .events = {"DELIVERED 0 attempts=1 ACCEPTED"},
                        .told = "delivered=1",
                        .ended = true,
                        .life = hours(-1)}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Moves, ConcludeTest,
    testing::Values(Row{.name = "TriedAgain",
                        .results = {Later({0})},
                        .events = {"DEFERRED 0 attempts=1 REPLY"},
                        .told = "deferred=1",
                        .move = "0 in 300 s"},
                    Row{.name = "TheDelayGrowsWithTheAttempts",
                        .results = {Later({0})},
                        .events = {"DEFERRED 0 attempts=3 REPLY"},
                        .told = "deferred=1",
                        .move = "0 in 1200 s",
                        .attempts_before = 2},
                    Row{.name = "UnansweredIsTriedAgain",
                        .results = {Unanswered({0})},
                        .events = {"DEFERRED 0 attempts=1 TIMEOUT"},
                        .told = "deferred=1",
                        .move = "0 in 300 s",
                        .ambiguous = 1},
                    Row{.name = "ALegMovesInOneCopyInOrder",
                        .results = {Later({3}), Later({1, 2}, queue::v1::REASON_TIMEOUT)},
                        .events = {"DEFERRED 3 attempts=1 REPLY", "DEFERRED 1,2 attempts=1 TIMEOUT"},
                        .told = "deferred=1 deferred=2",
                        .move = "1,2,3 in 300 s"},
                    Row{.name = "AndTheEarliestTimeIsForAll",
                        .results = {Later({0}), NotTried(queue::v1::REASON_UNSUPPORTED, {1}, seconds(7))},
                        .events = {"DEFERRED 0 attempts=1 REPLY", "DEFERRED 1 attempts=1 UNSUPPORTED"},
                        .told = "deferred=1 deferred=1",
                        .move = "0,1 in 7 s"},
                    Row{.name = "EndsAndMovesOfOneLeg",
                        .results = {Later({0}), Delivered({1}), Refused({2})},
                        .events = {"DELIVERED 1 attempts=1 ACCEPTED", "BOUNCED 2 attempts=1 REPLY",
                                   "DEFERRED 0 attempts=1 REPLY"},
                        .told = "delivered=1 bounced=1 deferred=1",
                        .move = "0 in 300 s",
                        .ended = true},
                    Row{.name = "ALookupThatWasNotMadeCountsNoAttempt",
                        .results = {NotTried(queue::v1::REASON_LOOKUP_BUSY, {0})},
                        .events = {"DEFERRED 0 attempts=2 LOOKUP_BUSY"},
                        .told = "deferred=1",
                        .move = "0 in 60 s",
                        .attempts_before = 2}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Shelves, ConcludeTest,
    testing::Values(Row{.name = "ABusySiteCountsNoAttempt",
                        .results = {NotTried(queue::v1::REASON_SITE_BUSY, {0, 1}, seconds(90))},
                        .events = {"HELD 0,1 attempts=2 SITE_BUSY"},
                        .told = "busy=2",
                        .move = "0,1 on the shelf",
                        .attempts_before = 2},
                    Row{.name = "NorDoesAClosedOne",
                        .results = {NotTried(queue::v1::REASON_SITE_CLOSED, {0})},
                        .events = {"HELD 0 attempts=0 SITE_CLOSED"},
                        .told = "busy=1",
                        .move = "0 on the shelf"},
                    Row{.name = "WhatOthersOfTheLegCameToIsNoAttemptOfThese",
                        .results = {Delivered({0}), NotTried(queue::v1::REASON_SITE_BUSY, {1}), Refused({2})},
                        .events = {"DELIVERED 0 attempts=3 ACCEPTED", "BOUNCED 2 attempts=3 REPLY",
                                   "HELD 1 attempts=2 SITE_BUSY"},
                        .told = "delivered=1 bounced=1 busy=1",
                        .move = "1 on the shelf",
                        .ended = true,
                        .attempts_before = 2},
                    Row{.name = "ALegThatWasTriedWaitsForItsTime",
                        .results = {Later({0}), NotTried(queue::v1::REASON_SITE_CLOSED, {1})},
                        .events = {"DEFERRED 0 attempts=1 REPLY", "DEFERRED 1 attempts=1 SITE_CLOSED"},
                        .told = "deferred=1 busy=1",
                        .move = "0,1 in 60 s"},
                    Row{.name = "JustLongEnoughBeforeItExpires",
                        .results = {NotTried(queue::v1::REASON_SITE_CLOSED, {0})},
                        .events = {"HELD 0 attempts=0 SITE_CLOSED"},
                        .told = "busy=1",
                        .move = "0 on the shelf",
                        .life = kLeastOnShelf},
                    Row{.name = "NotShortlyBeforeItExpires",
                        .results = {NotTried(queue::v1::REASON_SITE_CLOSED, {0})},
                        .events = {"DEFERRED 0 attempts=0 SITE_CLOSED"},
                        .told = "busy=1",
                        .move = "0 in 60 s",
                        .life = kLeastOnShelf - minutes(1)},
                    Row{.name = "NorWhenItsTimeIsOver",
                        .results = {NotTried(queue::v1::REASON_SITE_CLOSED, {0})},
                        .events = {"EXPIRED 0 attempts=0 EXPIRED"},
                        .told = "expired=1",
                        .ended = true,
                        .life = minutes(0)},
                    Row{.name = "NotWithoutASite",
                        .results = {NotTried(queue::v1::REASON_SITE_BUSY, {0})},
                        .events = {"DEFERRED 0 attempts=0 SITE_BUSY"},
                        .told = "busy=1",
                        .move = "0 in 60 s",
                        .site = ""}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Returns, ConcludeTest,
    testing::Values(Row{.name = "WithoutALeaseTheRecordIsForfeit",
                        .results = {NotTried(queue::v1::REASON_BROKER, {0, 1})},
                        .told = "",
                        .returned = true,
                        .forfeit = true},
                    Row{.name = "AtAShutdownItIsNot",
                        .results = {NotTried(queue::v1::REASON_SHUTDOWN, {0, 1})},
                        .told = "",
                        .returned = true},
                    Row{.name = "WhatEndedIsToldAllTheSame",
                        .results = {NotTried(queue::v1::REASON_SHUTDOWN, {0}), Delivered({1}), Refused({2})},
                        .events = {"DELIVERED 1 attempts=1 ACCEPTED", "BOUNCED 2 attempts=1 REPLY"},
                        .told = "delivered=1 bounced=1",
                        .ended = true,
                        .returned = true},
                    Row{.name = "MovesAreTheNextHoldersWhoeverWasBeforeThem",
                        .results = {Later({0}), NotTried(queue::v1::REASON_SHUTDOWN, {1}),
                                    NotTried(queue::v1::REASON_SITE_BUSY, {2})},
                        .told = "",
                        .returned = true},
                    Row{.name = "AnUnansweredOneOfThemIsCounted",
                        .results = {Unanswered({0}), NotTried(queue::v1::REASON_BROKER, {1})},
                        .told = "",
                        .returned = true,
                        .forfeit = true,
                        .ambiguous = 1},
                    Row{.name = "ATryThatFailedForTheSameReasonIsNoReturn",
                        .results = {Later({0}, queue::v1::REASON_BROKER)},
                        .events = {"DEFERRED 0 attempts=1 BROKER"},
                        .told = "deferred=1",
                        .move = "0 in 300 s"}),
    [](const auto& info) { return info.param.name; });

TEST(Conclude, AMoveIsTheMailOneGenerationOn) {
  const queue::v1::Record record = MakeRecord(1, hours(24));
  const Conclusion conclusion = ConcludeOf(record, {Later({1, 3})});
  ASSERT_TRUE(conclusion.move.has_value());
  EXPECT_EQ(conclusion.move->record.record_id(), record.record_id());
  EXPECT_EQ(WaitOf(conclusion).domain, kDomain);
  EXPECT_EQ(conclusion.move->record.mails(0).generation(), 3U);
  EXPECT_EQ(conclusion.move->record.mails(0).attempts(), 2U);
  ASSERT_EQ(conclusion.events.size(), 1U);
  EXPECT_EQ(conclusion.events[0].generation(), 3U);
  EXPECT_EQ(queue::FromProto(conclusion.events[0].next_attempt_time()), WaitOf(conclusion).at);
}

TEST(Conclude, AnEndKeepsTheGenerationThatHeld) {
  EXPECT_EQ(ConcludeOf(MakeRecord(0, hours(24)), {Delivered({0})}).events.at(0).generation(), 2U);
}

TEST(Conclude, EventsHaveTheOutcomeAndLogsTheResult) {
  Result refused = Refused({0});
  refused.outcome.set_reply_code(550);
  refused.outcome.set_text("no such user");
  const Conclusion conclusion = ConcludeOf(MakeRecord(0, hours(24)), {refused});
  EXPECT_EQ(conclusion.events.at(0).outcome().ShortDebugString(), refused.outcome.ShortDebugString());
  EXPECT_EQ(conclusion.tellings.at(0).result.outcome.text(), "no such user");
}

// What the peer did is shown to the operator, not what the sender asked to be made of it.
TEST(Conclude, AnUnknownOutcomeIsLoggedWithItsCause) {
  queue::v1::Record record = MakeRecord(0, hours(24));
  record.mutable_mails(0)->set_ambiguous_policy(queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  const Conclusion conclusion = ConcludeOf(record, {Unanswered({0})});
  EXPECT_EQ(conclusion.tellings.at(0).result.outcome.reason(), queue::v1::REASON_TIMEOUT);
}

TEST(Conclude, AnExpiryTellsEachRecipientsOwnLastAttempt) {
  queue::v1::Outcome full;
  full.set_reason(queue::v1::REASON_REPLY);
  full.set_reply_code(452);
  const Conclusion conclusion = ConcludeOf(
      MakeRecord(3, hours(0)), {NotTried(queue::v1::REASON_UNSPECIFIED, {0, 1, 2})}, {{0, full}, {2, full}});
  std::vector<std::string> causes;
  for (const queue::v1::Event& event : conclusion.events) {
    EXPECT_EQ(event.type(), queue::v1::EVENT_TYPE_EXPIRED);
    causes.push_back(absl::StrCat(event.recipients_size(), " ", event.outcome().reply_code(), " ",
                                  queue::v1::Reason_Name(event.outcome().last_reason())));
  }
  EXPECT_THAT(causes, testing::UnorderedElementsAre("2 452 REASON_REPLY", "1 0 REASON_UNSPECIFIED"));
}

TEST(Conclude, EveryResultHasAJitterOfItsOwn) {
  RetryPolicy policy = Policy();
  policy.jitter_percent = 20;
  const queue::v1::Record record = MakeRecord(0, hours(24));
  const std::string domain = kDomain;
  const std::string site = kSite;
  const std::vector<Result> results = {Later({0}), Later({1})};
  std::vector<double> numbers = {0.0, 0.75};
  const Conclusion conclusion =
      Conclude({record, record.mails(0), domain, site, {}, results}, policy, kNow, [&] {
        const double next = numbers.back();
        numbers.pop_back();
        return next;
      });
  EXPECT_THAT(numbers, IsEmpty());
  EXPECT_EQ(WaitOf(conclusion).at, kNow + minutes(4)) << "the earlier of the two";
}

TEST(Conclude, NothingFollowsFromNothing) {
  const Conclusion conclusion = ConcludeOf(MakeRecord(0, hours(24)), {});
  EXPECT_THAT(conclusion.events, IsEmpty());
  EXPECT_THAT(conclusion.tellings, IsEmpty());
  EXPECT_FALSE(conclusion.move.has_value() || conclusion.ended || conclusion.returned || conclusion.forfeit);
}

}  // namespace
}  // namespace goniec::outbound
