// What follows from an attempt, row by row: the events, the move, what is told, and whether the record goes
// back.
#include "outbound/consume/conclude.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/events/events.h"
#include "outbound/route/route.h"

namespace goniec::outbound {
namespace {

using queue::v1::EventType;
using queue::v1::Mail;
using queue::v1::Reason;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const WallTime kNow = WallTime(hours(400'000));
constexpr char kDomain[] = "sink.test";
constexpr char kSite[] = "mx:mx.sink.test:25";

RetryPolicy Policy() {
  RetryPolicy policy;
  policy.first_delay = minutes(5);
  policy.not_tried_delay = minutes(1);
  policy.jitter_percent = 0;
  return policy;
}

queue::v1::Record MakeRecord(std::uint32_t attempts, minutes life) {
  queue::v1::Record record;
  record.set_record_id(mail::NewRecordId(kNow));
  Mail& mail = *record.add_mails();
  mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
  mail.set_tenant("default");
  mail.set_generation(2);
  mail.set_attempts(attempts);
  *mail.mutable_accept_time() = queue::ToProto(kNow - hours(1));
  *mail.mutable_expire_time() = queue::ToProto(kNow + life);
  for (std::uint32_t index = 0; index < 4; ++index) {
    queue::v1::Recipient& recipient = *mail.add_recipients();
    recipient.set_index(index);
    recipient.set_address(absl::StrCat("r", index, "@", kDomain));
  }
  mail.set_recipient_count(4);
  return record;
}

Result Of(Verdict verdict, Reason reason, std::vector<std::uint32_t> recipients, bool ambiguous = false) {
  Result result{verdict, {}, std::move(recipients)};
  result.outcome.set_reason(reason);
  result.outcome.set_ambiguous(ambiguous);
  return result;
}
Result Delivered(std::vector<std::uint32_t> to) {
  return Of(Verdict::kDelivered, queue::v1::REASON_ACCEPTED, std::move(to));
}
Result Refused(std::vector<std::uint32_t> to) {
  return Of(Verdict::kPermanent, queue::v1::REASON_REPLY, std::move(to));
}
Result Later(std::vector<std::uint32_t> to, Reason reason = queue::v1::REASON_REPLY) {
  return Of(Verdict::kTemporary, reason, std::move(to));
}
Result Unanswered(std::vector<std::uint32_t> to) {
  return Of(Verdict::kTemporary, queue::v1::REASON_TIMEOUT, std::move(to), true);
}
Result NotTried(Reason reason, std::vector<std::uint32_t> to,
                std::optional<milliseconds> wait = std::nullopt) {
  Result result = Of(Verdict::kNotTried, reason, std::move(to));
  result.wait = wait;
  return result;
}

Conclusion ConcludeOf(const queue::v1::Record& record, const std::vector<Result>& results,
                      const LastOutcomes& last = {}, const RetryPolicy& policy = Policy(),
                      const std::string& site = kSite, const std::string& shelf_site = "") {
  const std::string domain = kDomain;
  return Conclude({record, record.mails(0), domain, site, last, results, shelf_site}, policy, kNow,
                  [] { return 0.5; });
}

// "DELIVERED 0,1 attempts=3 REPLY"
std::vector<std::string> EventsOf(const Conclusion& conclusion) {
  std::vector<std::string> shown;
  for (const queue::v1::Event& event : conclusion.events) {
    std::string line = queue::v1::EventType_Name(event.type()).substr(11);
    for (const auto& recipient : event.recipients()) {
      absl::StrAppend(&line, line.find(' ') == std::string::npos ? " " : ",", recipient.index());
    }
    absl::StrAppend(&line, " attempts=", event.attempts(), " ",
                    queue::v1::Reason_Name(event.outcome().reason()).substr(7));
    shown.push_back(line);
  }
  return shown;
}

std::string ToldOf(const Conclusion& conclusion) {
  std::string shown;
  for (const Telling& telling : conclusion.tellings) {
    absl::StrAppend(&shown, shown.empty() ? "" : " ", ToldName(telling.told), "=",
                    telling.result.recipients.size());
  }
  return shown;
}

const queue::ToWait& WaitOf(const Conclusion& conclusion) {
  return std::get<queue::ToWait>(conclusion.move->to);
}

// "0,2 in 300 s", "0,2 on the shelf"; empty without.
std::string MoveOf(const Conclusion& conclusion) {
  if (!conclusion.move) return "";
  std::string shown;
  for (const auto& recipient : conclusion.move->record.mails(0).recipients()) {
    absl::StrAppend(&shown, shown.empty() ? "" : ",", recipient.index());
  }
  if (const auto* held = std::get_if<queue::ToHeld>(&conclusion.move->to)) {
    EXPECT_EQ(held->site, SiteToken(kSite));
    EXPECT_EQ(held->site_name, kSite);
    EXPECT_FALSE(held->minute.has_value());
    return shown + " on the shelf";
  }
  return absl::StrCat(shown, " in ",
                      std::chrono::duration_cast<seconds>(WaitOf(conclusion).at - kNow).count(), " s");
}

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

// The attempt counts; the next one is when the site is open, not at a time.
TEST(Conclude, WhoseAttemptClosedItsSiteWaitsForTheSite) {
  const queue::v1::Record record = MakeRecord(0, hours(1));
  const std::string domain = kDomain;
  const std::string site = kSite;
  Result failed;
  failed.verdict = Verdict::kTemporary;
  failed.outcome.set_reason(queue::v1::REASON_CONNECTION_FAILED);
  failed.recipients = {0};
  failed.site_closed = true;
  std::vector<Result> results = {failed};
  const std::uint32_t before = record.mails(0).attempts();
  const Conclusion closed =
      Conclude({record, record.mails(0), domain, site, {}, results}, Policy(), kNow, [] { return 0.5; });
  EXPECT_EQ(MoveOf(closed), "0 on the shelf");
  EXPECT_EQ(closed.move->record.mails(0).attempts(), before + 1);
  EXPECT_EQ(closed.events.at(0).type(), queue::v1::EVENT_TYPE_HELD);
  EXPECT_EQ(closed.events.at(0).attempts(), before + 1);
  results.front().site_closed = false;
  const Conclusion open =
      Conclude({record, record.mails(0), domain, site, {}, results}, Policy(), kNow, [] { return 0.5; });
  EXPECT_TRUE(open.move->into_wait());
}

// It may lie there until its last minute, whatever a policy says of retries.
TEST(Conclude, AShelfAsksForNoTime) {
  RetryPolicy policy = Policy();
  policy.first_delay = hours(24);
  policy.max_delay = hours(24);
  const queue::v1::Record record = MakeRecord(0, hours(1));
  const std::string domain = kDomain;
  const std::string site = kSite;
  const std::vector<Result> results = {NotTried(queue::v1::REASON_SITE_CLOSED, {0})};
  const Conclusion conclusion =
      Conclude({record, record.mails(0), domain, site, {}, results}, policy, kNow, [] { return 0.5; });
  EXPECT_EQ(MoveOf(conclusion), "0 on the shelf");
  EXPECT_FALSE(conclusion.events.at(0).has_next_attempt_time());
  EXPECT_EQ(conclusion.events.at(0).generation(), 3U);
}

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

// What an open site takes no more of, of what was released from its own shelf, is neither moved nor told.
TEST(ConcludeTest, WhatComesFromTheShelfOfItsOpenSiteStaysDue) {
  const Result busy = NotTried(queue::v1::REASON_SITE_BUSY, {0});
  struct {
    const char* name;
    std::vector<Result> results;
    std::string shelf_site;
    minutes life;
    bool stays;
    bool moves;
    std::size_t events;
  } const rows[] = {
      {"of its shelf", {busy}, SiteToken(kSite), minutes(60), true, false, 0},
      {"of no shelf", {busy}, "", minutes(60), false, true, 1},
      {"of another site's shelf", {busy}, SiteToken("mx:old.test:25"), minutes(60), false, true, 1},
      {"the site has closed",
       {NotTried(queue::v1::REASON_SITE_CLOSED, {0})},
       SiteToken(kSite),
       minutes(60),
       false,
       true,
       1},
      {"one is delivered", {Delivered({1}), busy}, SiteToken(kSite), minutes(60), true, false, 1},
      {"another is tried later", {Later({1}), busy}, SiteToken(kSite), minutes(60), false, true, 2},
      {"it expires soon", {busy}, SiteToken(kSite), minutes(4), false, true, 1},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const queue::v1::Record record = MakeRecord(0, row.life);
    const Conclusion conclusion = ConcludeOf(record, row.results, {}, Policy(), kSite, row.shelf_site);
    EXPECT_EQ(conclusion.stays, row.stays);
    EXPECT_EQ(conclusion.returned, row.stays);
    EXPECT_EQ(conclusion.move.has_value(), row.moves);
    EXPECT_EQ(conclusion.events.size(), row.events);
    EXPECT_EQ(conclusion.tellings.size(), row.results.size());
  }
}

TEST(ConcludeTest, WhoStaysComesAgainLaterEachTime) {
  std::vector<std::int64_t> pauses;
  for (const std::uint64_t count : {0, 1, 2, 3, 6, 7, 1'000}) {
    pauses.push_back(std::chrono::duration_cast<seconds>(PauseOfStaying(count)).count());
  }
  EXPECT_THAT(pauses, ElementsAre(1, 1, 2, 4, 32, 60, 60));
}

}  // namespace
}  // namespace goniec::outbound
