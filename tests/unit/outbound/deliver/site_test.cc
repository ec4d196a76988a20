#include "outbound/deliver/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbound/deliver/site_line.h"
#include "outbound/deliver/slow_work.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

const BootTime kNow{std::chrono::hours(1)};

DeliverConfig Config() {
  DeliverConfig config;
  config.failed_site_pause = seconds(30);
  return config;
}

void BeOpening(Site& site, std::size_t connections, BootTime now = kNow) {
  for (std::size_t i = 0; i < connections; ++i) site.BeginOpening(now);
}

void BeReady(Site& site, std::size_t connections) {
  for (std::size_t i = 0; i < connections; ++i) {
    site.BeginOpening(kNow);
    site.Opened(kNow);
  }
}

struct OpenCase {
  const char* name;
  std::size_t opening;
  std::size_t ready;
  bool may_open;
};

class MayOpenTest : public ::testing::TestWithParam<OpenCase> {};

TEST_P(MayOpenTest, DependsOnWhatHasProvedToWork) {
  Site site("s");
  site.Follow({}, {4}, kNow);
  BeReady(site, GetParam().ready);
  BeOpening(site, GetParam().opening);
  EXPECT_EQ(site.MayOpen(kNow), GetParam().may_open);
}

INSTANTIATE_TEST_SUITE_P(
    All, MayOpenTest,
    ::testing::Values(OpenCase{"TheFirst", 0, 0, true}, OpenCase{"ASecondMustWait", 1, 0, false},
                      OpenCase{"OneMoreBesideOne", 0, 1, true}, OpenCase{"OneAtATimeBesideOne", 1, 1, false},
                      OpenCase{"TwoAtATimeBesideTwo", 1, 2, true},
                      OpenCase{"FullWithThoseBeingOpened", 2, 2, false}, OpenCase{"Full", 0, 4, false}),
    [](const auto& param) { return param.param.name; });

const net::Endpoint kAddress{net::IpAddress::V4({192, 0, 2, 1}), 25};

TEST(SiteTest, BrokenTlsIsRememberedUntilTlsIsDemanded) {
  Site site("s");
  EXPECT_FALSE(site.MemoryOf(kAddress, kNow).tls_failed);
  site.NoteTlsFailed(kAddress, kNow);
  EXPECT_TRUE(site.MemoryOf(kAddress, kNow + seconds(299)).tls_failed);
  EXPECT_FALSE(site.MemoryOf(kAddress, kNow + seconds(300)).tls_failed);
  EXPECT_FALSE(site.IsForgettable(kNow + seconds(299)));
  site.NoteTlsDemanded(kAddress);
  EXPECT_FALSE(site.MemoryOf(kAddress, kNow).tls_failed);
  EXPECT_TRUE(site.IsForgettable(kNow));
}

TEST(SiteTest, BrokenExtensionsAddUpAndAreForgotten) {
  Site site("s");
  site.NoteBroken(kAddress, {.chunking = true}, kNow);
  site.NoteBroken(kAddress, {.size = true}, kNow + seconds(60));
  const BrokenExtensions known = site.MemoryOf(kAddress, kNow + seconds(3599)).broken;
  EXPECT_TRUE(known.chunking && known.size && !known.pipelining && !known.dsn);
  const BrokenExtensions left = site.MemoryOf(kAddress, kNow + std::chrono::hours(1)).broken;
  EXPECT_TRUE(!left.chunking && left.size) << "what is found out of one says nothing of another";
  EXPECT_FALSE(site.IsForgettable(kNow + std::chrono::hours(1)));
  const BootTime later = kNow + std::chrono::hours(2);
  EXPECT_FALSE(site.MemoryOf(kAddress, later).broken.any());
  EXPECT_TRUE(site.IsForgettable(later));
  site.NoteBroken({kAddress.ip, 26}, {.size = true}, later);
  EXPECT_EQ(site.broken(), 1u) << "what is over is not kept";
}

TEST(SiteTest, PauseDoublesUpToTenfoldAndEndsWithSuccess) {
  Site site("s");
  site.Follow({}, {4}, kNow);
  std::vector<long> pauses;
  for (int i = 0; i < 6; ++i) {
    site.NoteFailure(Config(), {}, kNow);
    pauses.push_back(std::chrono::duration_cast<seconds>(site.no_opening_before() - kNow).count());
  }
  EXPECT_THAT(pauses, ElementsAre(30, 60, 120, 240, 300, 300));
  EXPECT_TRUE(site.IsDown(kNow));
  EXPECT_FALSE(site.MayOpen(kNow));
  EXPECT_FALSE(site.IsDown(kNow + seconds(300)));
  EXPECT_TRUE(site.MayOpen(kNow + seconds(300)));
  BeReady(site, 1);
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_EQ(site.no_opening_before() - kNow, seconds(30));
}

TEST(SiteTest, AWorkingSiteIsNotDown) {
  Site site("s");
  BeReady(site, 1);
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_FALSE(site.IsDown(kNow));
}

TEST(SiteTest, IsStuckWhenItsOnlyConnectionTakesLong) {
  Site site("s");
  DeliverConfig config = Config();
  config.max_wait = milliseconds(100);
  BeOpening(site, 1);
  EXPECT_FALSE(site.IsStuck(config, kNow + milliseconds(100)));
  EXPECT_TRUE(site.IsStuck(config, kNow + milliseconds(101)));
  BeReady(site, 1);
  EXPECT_FALSE(site.IsStuck(config, kNow + milliseconds(101)));
}

Route RouteOf(int addresses) {
  Route route;
  for (int i = 0; i < addresses; ++i) {
    const auto last = static_cast<std::uint8_t>(i);
    route.candidates.push_back({{net::IpAddress::V4({192, 0, 2, last}), 25}, "mx" + std::to_string(i)});
  }
  return route;
}

std::vector<std::string> Hosts(const std::vector<Candidate>& candidates) {
  std::vector<std::string> hosts;
  for (const Candidate& candidate : candidates) hosts.push_back(candidate.host);
  return hosts;
}

TEST(SiteTest, AddressesThatFailedLatelyAreLeftOut) {
  Site site("s");
  const Route route = RouteOf(3);
  site.NoteAddressFailed(route.candidates[0].endpoint, seconds(1), kNow);
  site.NoteAddressFailed(route.candidates[1].endpoint, seconds(0), kNow);
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 5, kNow)), ElementsAre("mx1", "mx2"));
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 1, kNow)), ElementsAre("mx1"));
}

TEST(SiteTest, IfAllFailedAllAreTried) {
  Site site("s");
  const Route route = RouteOf(2);
  for (const Candidate& candidate : route.candidates) {
    site.NoteAddressFailed(candidate.endpoint, seconds(1), kNow);
  }
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 5, kNow)), ElementsAre("mx0", "mx1"));
}

// RFC 5321 §5.1: five dead addresses of the best host leave the backup its place.
TEST(SiteTest, AnAttemptTriesSomeAddressesOfEachHost) {
  Site site("s");
  Route route;
  for (std::uint8_t i = 0; i < 6; ++i) {
    route.candidates.push_back({{net::IpAddress::V4({192, 0, 2, i}), 25}, i < 5 ? "mx" : "backup"});
  }
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 5, kNow)), ElementsAre("mx", "mx", "mx", "mx", "backup"));
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 2, kNow)), ElementsAre("mx", "backup"));
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 1, kNow)), ElementsAre("mx"));
}

TEST(SiteTest, IsForgottenWhenNothingIsToBeRemembered) {
  Site site("s");
  EXPECT_TRUE(site.IsForgettable(kNow));
  site.NoteAddressFailed({}, seconds(1), kNow);
  EXPECT_FALSE(site.IsForgettable(kNow));
  EXPECT_TRUE(site.IsForgettable(kNow + seconds(1)));
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_FALSE(site.IsForgettable(kNow + seconds(31)));
  EXPECT_TRUE(site.IsForgettable(kNow + std::chrono::hours(1)));
  BeReady(site, 1);
  EXPECT_FALSE(site.IsForgettable(kNow + std::chrono::hours(1)));
}

std::unique_ptr<Job> JobAt(BootTime since) {
  auto job = std::make_unique<Job>();
  job->mail = std::make_shared<const queue::v1::Mail>();
  job->WaitSince(since);
  return job;
}

TEST(SiteTest, JobsWaitInTheirOrder) {
  Site site("s");
  for (int i = 1; i <= 3; ++i) site.Enqueue(JobAt(kNow + seconds(i)), kNow);
  site.EnqueueFirst(JobAt(kNow), kNow);
  EXPECT_EQ(site.waiting(), 4u);
  for (int i = 0; i <= 3; ++i) EXPECT_EQ(site.TakeNext(kNow)->waiting_since(), kNow + seconds(i));
  EXPECT_EQ(site.TakeNext(kNow), nullptr);
}

TEST(SiteTest, WhatWaitsTooLongIsTakenAndWhatWasReleasedMayWaitLonger) {
  Site site("s");
  for (int i = 0; i < 4; ++i) {
    auto job = JobAt(kNow + seconds(i));
    job->released = i % 2 == 0;
    site.Enqueue(std::move(job), kNow);
  }
  EXPECT_THAT(site.TakeWaiting(kNow + seconds(2), kNow - seconds(1), kNow), testing::SizeIs(1));
  EXPECT_EQ(site.waiting(), 3u);
  EXPECT_THAT(site.TakeWaiting(kNow + seconds(4), kNow, kNow), testing::SizeIs(2));
  EXPECT_TRUE(site.TakeNext(kNow)->released);
}

TEST(SiteTest, OfTooManyTheLastGoesAndWhatWasReleasedWhereItTakesTheRoomOfOthers) {
  DeliverConfig config = Config();
  config.mails_per_site = 5;
  config.slots = 1'000;
  Site site("s");
  site.Follow({}, {4}, kNow);
  for (int i = 0; i < 8; ++i) {
    auto job = JobAt(kNow + seconds(i));
    job->released = i >= 6;
    site.Enqueue(std::move(job), kNow);
  }
  const BootTime later = kNow + seconds(1);  // by now its pace is known: none
  EXPECT_EQ(site.TakeTooMany(config, 8, later)->waiting_since(), kNow + seconds(5));
  EXPECT_EQ(site.TakeTooMany(config, 7, later), nullptr) << "released ones come in addition";
  EXPECT_EQ(site.TakeTooMany(config, 501, later)->waiting_since(), kNow + seconds(7));
  EXPECT_EQ(site.TakeTooMany(config, 501, later)->waiting_since(), kNow + seconds(6));
  EXPECT_EQ(site.TakeTooMany(config, 501, later), nullptr);
}

TEST(SiteTest, OnlyMailOfTheProbesEpochIsAdmittedWhileASiteIsNotOpen) {
  struct {
    SiteWord word;
    std::optional<std::uint64_t> probe;
    bool admitted;
  } const kCases[] = {
      {{SiteState::kOpen, 4}, std::nullopt, true},
      {{SiteState::kOpen, 4}, 3, true},
      {{SiteState::kClosed, 4}, std::nullopt, false},
      {{SiteState::kClosed, 4}, 4, false},
      {{SiteState::kClosed, 4}, 5, true},  // its word is on the way
      {{SiteState::kClosed, 4}, 6, false},
      {{SiteState::kProbing, 5}, std::nullopt, false},
      {{SiteState::kProbing, 5}, 5, true},
      {{SiteState::kProbing, 5}, 4, false},
      {{SiteState::kProbing, 5}, 6, false},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(Admits(row.word, row.probe), row.admitted)
        << static_cast<int>(row.word.state) << " " << row.probe.value_or(0);
  }
}

TEST(SiteTest, WithoutAShareNothingWaits) {
  Site site("s");
  site.Follow({}, {1}, kNow);
  site.Enqueue(JobAt(kNow), kNow);
  EXPECT_THAT(site.TakeUnadmitted(kNow), testing::IsEmpty());
  site.Follow({}, {0}, kNow);
  EXPECT_THAT(site.TakeUnadmitted(kNow), testing::SizeIs(1));
}

TEST(SiteTest, AClosureThatCouldNotBeStoredIsAPauseAllTheSame) {
  Site site("s");
  site.Follow({}, {4}, kNow);
  site.Follow({SiteState::kClosed, 1}, {4}, kNow);
  site.Follow({}, {4}, kNow);
  EXPECT_FALSE(site.MayOpen(kNow + std::chrono::seconds(29)));
  EXPECT_TRUE(site.MayOpen(kNow + std::chrono::seconds(31)));
  // An open site's word that is not needed any more is no reason for one.
  site.Follow({SiteState::kOpen, 3}, {4}, kNow);
  site.Follow({}, {4}, kNow);
  EXPECT_TRUE(site.MayOpen(kNow));
}

TEST(SiteTest, ConnectionsFollowWordAndShare) {
  Site site("s");
  EXPECT_TRUE(site.Follow({}, {4}, kNow));
  EXPECT_FALSE(site.Follow({}, {4}, kNow));
  EXPECT_EQ(site.MostConnections(), 4u);
  BeReady(site, 3);
  EXPECT_FALSE(site.HasTooMany());
  site.Follow({}, {2}, kNow);
  EXPECT_TRUE(site.HasTooMany());
  site.LeavingBegan();
  EXPECT_FALSE(site.HasTooMany()) << "one leaves for all";
  site.Follow({SiteState::kClosed, 1}, {4}, kNow);
  EXPECT_EQ(site.MostConnections(), 0u);
  site.Follow({SiteState::kProbing, 2}, {4}, kNow);
  EXPECT_EQ(site.MostConnections(), 1u);
  site.Follow({SiteState::kProbing, 2}, {0}, kNow);
  EXPECT_EQ(site.MostConnections(), 0u);
  site.Follow({SiteState::kOpen, 3}, {4}, kNow);
  EXPECT_EQ(site.MostConnections(), 1u) << "after an outage it grows from one";
  site.NoteWorked();
  EXPECT_EQ(site.MostConnections(), 2u);
  site.Follow({}, {4}, kNow);
  EXPECT_EQ(site.MostConnections(), 2u) << "its word was forgotten";
}

SiteLimits OneAMinute() {
  SiteLimits limits;
  limits.messages = Rate{1, std::chrono::minutes(1)};
  return limits;
}

TEST(SiteTest, ARateIsKeptAndRemembered) {
  Site site("s", OneAMinute());
  site.Follow({}, {4, 1}, kNow - std::chrono::hours(1));
  EXPECT_TRUE(site.RateAllows(kNow));
  EXPECT_TRUE(site.IsForgettable(kNow));
  site.NoteBegun(1, kNow);
  EXPECT_FALSE(site.RateAllows(kNow + seconds(59)));
  EXPECT_FALSE(site.IsForgettable(kNow + seconds(59)));
  EXPECT_TRUE(site.RateAllows(site.RateNext()));
  EXPECT_TRUE(site.IsForgettable(site.RateNext()));
}

TEST(SiteTest, WhereNothingOfARateIsOursNothingIs) {
  Site site("s", OneAMinute());
  site.Follow({}, {4, 0}, kNow);
  EXPECT_EQ(site.share(), 0u);
  EXPECT_EQ(site.MostConnections(), 0u);
  site.Follow({}, {4, 1}, kNow);
  EXPECT_EQ(site.share(), 4u);
  EXPECT_FALSE(site.RateAllows(kNow)) << "another worker may have used it up";
}

TEST(SiteTest, NoMoreWaitAtASiteWithARateThanGoSoon) {
  Site site("s", OneAMinute());
  site.Follow({}, {4, 1}, kNow - std::chrono::hours(1));
  DeliverConfig config = Config();
  config.max_wait = seconds(5);
  for (int i = 0; i < 3; ++i) site.Enqueue(JobAt(kNow), kNow);
  EXPECT_EQ(site.MostWaitingHere(config, 3, kNow), 1u);
}

TEST(SiteTest, ATransactionHasNoMoreRecipientsThanMayGoTogether) {
  SiteLimits limits;
  limits.recipients = Rate{200, std::chrono::minutes(1)};
  Site site("s", limits);
  EXPECT_EQ(site.MostRecipients(100), 100u);
  site.Follow({}, {4, 0, 200}, kNow - std::chrono::hours(1));
  EXPECT_EQ(site.MostRecipients(100), 20u);
  EXPECT_EQ(site.MostRecipients(10), 10u);
  site.NoteBegun(20, kNow);
  EXPECT_FALSE(site.RateAllows(kNow + seconds(6)));
  EXPECT_TRUE(site.RateAllows(kNow + seconds(7)));
}

TEST(SiteTest, ANewEpochForgetsOldFailures) {
  Site site("s");
  site.Follow({}, {4}, kNow);
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_TRUE(site.IsDown(kNow));
  site.Follow({SiteState::kOpen, 3}, {4}, kNow);
  EXPECT_FALSE(site.IsDown(kNow));
  EXPECT_TRUE(site.MayOpen(kNow));
}

TEST(SiteTest, ThatItWorksIsToldOnceInAnEpochAndAfterAnyFailure) {
  Site site("s");
  EXPECT_TRUE(site.TakeTellWorked(0, 0));
  EXPECT_FALSE(site.TakeTellWorked(0, 0));
  EXPECT_TRUE(site.TakeTellWorked(1, 0));
  EXPECT_FALSE(site.TakeTellWorked(1, 0));
  EXPECT_TRUE(site.TakeTellWorked(1, 1));
  EXPECT_FALSE(site.TakeTellWorked(1, 1));
}

// A burst to a site that is far away is not sent off while its first connection is being opened.
TEST(SiteTest, HowManyMayWaitIsJudgedOnceItCouldHaveTakenSome) {
  DeliverConfig config = Config();
  config.mails_per_site = 10;
  Site site("s");
  for (int i = 0; i < 50; ++i) site.Enqueue(JobAt(kNow), kNow);
  BeOpening(site, 1);
  EXPECT_GT(site.MostWaitingHere(config, 50, kNow + milliseconds(900)), 50u);
  EXPECT_EQ(site.MostWaitingHere(config, 50, kNow + milliseconds(1'000)), 10u);
  site.Opened(kNow + milliseconds(900));
  EXPECT_GT(site.MostWaitingHere(config, 50, kNow + milliseconds(1'100)), 50u);
  EXPECT_EQ(site.MostWaitingHere(config, 50, kNow + milliseconds(1'200)), 10u);
}

TEST(SiteTest, OnlyAJobThatAConnectionHasHasBegun) {
  Site site("s");
  std::vector<bool> told;
  auto job = JobAt(kNow);
  job->on_begin = [&](bool begun) { told.push_back(begun); };
  site.Enqueue(std::move(job), kNow);
  EXPECT_THAT(told, testing::IsEmpty());
  job = site.TakeNext(kNow);
  job->SetBegun(true);
  job->SetBegun(true);
  site.EnqueueFirst(std::move(job), kNow);
  EXPECT_THAT(told, ElementsAre(true, false));
}

TEST(SiteTest, IsProvenForAWhileAfterAMailUnlessSomethingTakesLong) {
  Site site("s");
  EXPECT_FALSE(site.IsProven(kNow));
  site.NoteDelivered(kNow);
  EXPECT_TRUE(site.IsProven(kNow));
  site.SlowWorkFound();
  EXPECT_FALSE(site.IsProven(kNow));
  site.SlowWorkEnded();
  EXPECT_TRUE(site.IsProven(kNow));
  EXPECT_FALSE(site.IsProven(kNow + std::chrono::minutes(10)));
}

TEST(SiteTest, WhatIsMovedIsSummedUpOncePerPeriod) {
  Site site("s");
  EXPECT_FALSE(site.TakeMovedSummary(kNow));
  for (int i = 0; i < 3; ++i) site.NoteMoved();
  EXPECT_EQ(site.TakeMovedSummary(kNow)->mails, 3u);
  site.NoteMoved();
  EXPECT_FALSE(site.TakeMovedSummary(kNow + seconds(9)));
  EXPECT_FALSE(site.IsForgettable(kNow + seconds(9)));
  EXPECT_EQ(site.TakeMovedSummary(kNow + seconds(10))->mails, 1u);
}

TEST(SlowWorkTest, WorkThatTakesLongIsCountedAtItsSiteUntilItEnds) {
  Site site("s");
  SlowWork work;
  site.NoteDelivered(kNow);
  const int keys[3] = {};
  for (int i = 0; i < 3; ++i) work.Began(&keys[i], site, kNow + seconds(i));
  work.Judge(kNow + seconds(2));
  EXPECT_EQ(work.slow(), 2u);
  EXPECT_FALSE(site.IsProven(kNow));
  work.Ended(&keys[0]);
  work.Ended(&keys[2]);  // never slow
  EXPECT_FALSE(site.IsProven(kNow));
  work.Ended(&keys[1]);
  work.Ended(&keys[1]);
  EXPECT_EQ(work.slow(), 0u);
  EXPECT_TRUE(site.IsProven(kNow));
}

TEST(SiteLineTest, EachSiteStandsOnceInTheOrderOfComing) {
  Site a("a");
  Site b("b");
  Site c("c");
  SiteLine line;
  EXPECT_TRUE(line.Add(a));
  EXPECT_TRUE(line.Add(b));
  EXPECT_FALSE(line.Add(a));
  EXPECT_TRUE(line.Add(c));
  line.Remove(b);
  line.Remove(b);
  EXPECT_THAT(line.All(), ElementsAre(&a, &c));
  EXPECT_EQ(line.Take(), &a);
  EXPECT_TRUE(line.Add(a));
  EXPECT_EQ(line.Take(), &c);
  EXPECT_EQ(line.Take(), &a);
  EXPECT_EQ(line.Take(), nullptr);
}

}  // namespace
}  // namespace goniec::outbound
