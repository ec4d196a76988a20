// What follows from an attempt where the site takes nothing now, or was closed by it: who goes to its shelf,
// who stays due, and who waits for a time.
#include "tests/unit/outbound/consume/conclude_trial.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;

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

// What an open site takes no more of, of what was released from its own shelf, is neither moved nor told.
TEST(Conclude, WhatComesFromTheShelfOfItsOpenSiteStaysDue) {
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

TEST(Conclude, WhoStaysComesAgainLaterEachTime) {
  std::vector<std::int64_t> pauses;
  for (const std::uint64_t count : {0, 1, 2, 3, 6, 7, 1'000}) {
    pauses.push_back(std::chrono::duration_cast<seconds>(PauseOfStaying(count)).count());
  }
  EXPECT_THAT(pauses, ElementsAre(1, 1, 2, 4, 32, 60, 60));
}

// Nobody knows whether it was delivered: who asked for at most one delivery gets no second one.
TEST(Conclude, WhatMayHaveBeenDeliveredWaitsForNoSite) {
  queue::v1::Record record = MakeRecord(0, hours(1));
  record.mutable_mails(0)->set_ambiguous_policy(queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  Result unanswered = Unanswered({0});
  unanswered.site_closed = true;
  const Conclusion conclusion = ConcludeOf(record, {unanswered});
  EXPECT_THAT(EventsOf(conclusion), ElementsAre("BOUNCED 0 attempts=1 OUTCOME_UNKNOWN"));
  EXPECT_FALSE(conclusion.move.has_value());
}

}  // namespace
}  // namespace goniec::outbound
