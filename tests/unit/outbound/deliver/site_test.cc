#include "outbound/deliver/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

struct OpenCase {
  const char* name;
  std::size_t opening;
  std::size_t ready;
  bool may_open;
};

class MayOpenTest : public ::testing::TestWithParam<OpenCase> {};

TEST_P(MayOpenTest, DependsOnWhatHasProvedToWork) {
  Site site("s");
  site.opening = GetParam().opening;
  site.ready = GetParam().ready;
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
  const BrokenExtensions known = site.MemoryOf(kAddress, kNow + std::chrono::hours(1)).broken;
  EXPECT_TRUE(known.chunking && known.size && !known.pipelining && !known.dsn);
  EXPECT_FALSE(site.IsForgettable(kNow + std::chrono::hours(1)));
  const BootTime later = kNow + std::chrono::hours(2);
  EXPECT_FALSE(site.MemoryOf(kAddress, later).broken.any());
  EXPECT_TRUE(site.IsForgettable(later));
  site.NoteBroken({kAddress.ip, 26}, {.size = true}, later);
  EXPECT_EQ(site.broken.size(), 1u) << "what is over is not kept";
}

TEST(SiteTest, PauseDoublesUpToTenfoldAndEndsWithSuccess) {
  Site site("s");
  std::vector<long> pauses;
  for (int i = 0; i < 6; ++i) {
    site.NoteFailure(Config(), {}, kNow);
    pauses.push_back(std::chrono::duration_cast<seconds>(site.no_opening_before - kNow).count());
  }
  EXPECT_THAT(pauses, ElementsAre(30, 60, 120, 240, 300, 300));
  EXPECT_TRUE(site.IsDown(kNow));
  EXPECT_FALSE(site.MayOpen(Config(), kNow));
  EXPECT_FALSE(site.IsDown(kNow + seconds(300)));
  EXPECT_TRUE(site.MayOpen(Config(), kNow + seconds(300)));
  site.NoteReady();
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_EQ(site.no_opening_before - kNow, seconds(30));
}

TEST(SiteTest, AWorkingSiteIsNotDown) {
  Site site("s");
  site.NoteFailure(Config(), {}, kNow);
  site.ready = 1;
  EXPECT_FALSE(site.IsDown(kNow));
}

TEST(SiteTest, IsStuckWhenItsOnlyConnectionTakesLong) {
  Site site("s");
  DeliverConfig config = Config();
  config.max_wait = milliseconds(100);
  site.opening = 1;
  site.opening_since = kNow;
  EXPECT_FALSE(site.IsStuck(config, kNow + milliseconds(100)));
  EXPECT_TRUE(site.IsStuck(config, kNow + milliseconds(101)));
  site.ready = 1;
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
  site.address_failed_until[route.candidates[0].endpoint] = kNow + seconds(1);
  site.address_failed_until[route.candidates[1].endpoint] = kNow;
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 5, kNow)), ElementsAre("mx1", "mx2"));
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 1, kNow)), ElementsAre("mx1"));
}

TEST(SiteTest, IfAllFailedAllAreTried) {
  Site site("s");
  const Route route = RouteOf(2);
  for (const Candidate& candidate : route.candidates) {
    site.address_failed_until[candidate.endpoint] = kNow + seconds(1);
  }
  EXPECT_THAT(Hosts(site.CandidatesOf(route, 5, kNow)), ElementsAre("mx0", "mx1"));
}

TEST(SiteTest, IsForgottenWhenNothingIsToBeRemembered) {
  Site site("s");
  EXPECT_TRUE(site.IsForgettable(kNow));
  site.address_failed_until[{}] = kNow + seconds(1);
  EXPECT_FALSE(site.IsForgettable(kNow));
  EXPECT_TRUE(site.IsForgettable(kNow + seconds(1)));
  site.NoteFailure(Config(), {}, kNow);
  EXPECT_FALSE(site.IsForgettable(kNow + seconds(31)));
  EXPECT_TRUE(site.IsForgettable(kNow + std::chrono::hours(1)));
  site.ready = 1;
  EXPECT_FALSE(site.IsForgettable(kNow + std::chrono::hours(1)));
}

}  // namespace
}  // namespace goniec::outbound
