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
  config.connections_per_site = 4;
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
  BeReady(site, GetParam().ready);
  BeOpening(site, GetParam().opening);
  EXPECT_EQ(site.MayOpen(Config(), kNow), GetParam().may_open);
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
  std::vector<long> pauses;
  for (int i = 0; i < 6; ++i) {
    site.NoteFailure(Config(), {}, kNow);
    pauses.push_back(std::chrono::duration_cast<seconds>(site.no_opening_before() - kNow).count());
  }
  EXPECT_THAT(pauses, ElementsAre(30, 60, 120, 240, 300, 300));
  EXPECT_TRUE(site.IsDown(kNow));
  EXPECT_FALSE(site.MayOpen(Config(), kNow));
  EXPECT_FALSE(site.IsDown(kNow + seconds(300)));
  EXPECT_TRUE(site.MayOpen(Config(), kNow + seconds(300)));
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
  job->WaitSince(since);
  return job;
}

TEST(SiteTest, JobsWaitInTheirOrderAndTheLastCanBeTaken) {
  Site site("s");
  for (int i = 1; i <= 3; ++i) site.Enqueue(JobAt(kNow + seconds(i)), kNow);
  site.EnqueueFirst(JobAt(kNow), kNow);
  EXPECT_EQ(site.waiting(), 4u);
  EXPECT_EQ(site.TakeLast(kNow)->waiting_since(), kNow + seconds(3));
  EXPECT_EQ(site.TakeFirst(kNow)->waiting_since(), kNow);
  EXPECT_EQ(site.TakeFirst(kNow)->waiting_since(), kNow + seconds(1));
  EXPECT_EQ(site.TakeFirst(kNow)->waiting_since(), kNow + seconds(2));
  EXPECT_EQ(site.TakeFirst(kNow), nullptr);
  EXPECT_EQ(site.TakeLast(kNow), nullptr);
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
  job = site.TakeFirst(kNow);
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

TEST(SiteTest, TheLongerASiteSaysNothingTheLongerItsMailsStayAway) {
  DeliverConfig config = Config();
  config.max_wait = seconds(5);
  std::vector<milliseconds> away;
  for (const milliseconds after : {milliseconds(500), milliseconds(2'000), milliseconds(6'000)}) {
    Site site("s");
    for (int i = 0; i < 300; ++i) site.TakeOver();
    BeOpening(site, 1);
    away.push_back(site.MovedAway(config, 0.5, kNow + after));
  }
  EXPECT_THAT(away, ElementsAre(milliseconds(2'006), milliseconds(10'033), milliseconds(100'333)));
}

TEST(SiteTest, WhatIsMovedIsSummedUpOncePerPeriod) {
  Site site("s");
  EXPECT_FALSE(site.TakeMovedSummary(kNow));
  for (int i = 0; i < 3; ++i) (void)site.MovedAway(Config(), 0.5, kNow);
  EXPECT_EQ(site.TakeMovedSummary(kNow)->mails, 3u);
  (void)site.MovedAway(Config(), 0.5, kNow);
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
