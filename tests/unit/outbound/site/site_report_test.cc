#include "outbound/site/site_report.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "outbound/site/worker_name.h"

namespace goniec::outbound {
namespace {

SiteSnapshots Many(std::size_t count, const std::string& text = "") {
  SiteSnapshots snapshots;
  for (std::size_t i = 0; i < count; ++i) {
    SiteSnapshot site;
    site.site = absl::StrCat("mx:mx", i, ".example:25");
    site.in_hand = count - i;
    if (!text.empty()) site.last_failure.emplace().set_text(text);
    snapshots.sites.push_back(std::move(site));
  }
  return snapshots;
}

TEST(SiteReport, HoldsWhatWasSeen) {
  SiteSnapshots snapshots;
  SiteSnapshot site{.site = "mx:mx.example:25",
                    .in_hand = 9,
                    .in_flight = 4,
                    .connections = 3,
                    .window = 5,
                    .share = 10,
                    .oldest = WallTime(std::chrono::seconds(1'700'000'000)),
                    .domains = {"a.test", "b.test"}};
  site.last_failure.emplace().set_text("421 later");
  snapshots.sites = {site};
  snapshots.left_out = 7;
  const auto report = ParseReport(MakeReport("mail-1", snapshots).SerializeAsString());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->worker(), "mail-1");
  EXPECT_EQ(report->left_out(), 7u);
  ASSERT_EQ(report->sites_size(), 1);
  const queue::v1::SiteInHand& entry = report->sites(0);
  EXPECT_EQ(entry.site(), "mx:mx.example:25");
  EXPECT_EQ(entry.in_hand(), 9u);
  EXPECT_EQ(entry.in_flight(), 4u);
  EXPECT_EQ(entry.connections(), 3u);
  EXPECT_EQ(entry.window(), 5u);
  EXPECT_EQ(entry.share(), 10u);
  EXPECT_EQ(entry.oldest_time().seconds(), 1'700'000'000);
  EXPECT_EQ(entry.domains_size(), 2);
  EXPECT_EQ(entry.last_failure().text(), "421 later");
}

TEST(SiteReport, HasAtMostSoManySites) {
  const auto report = MakeReport("w", Many(kMostReportedSites + 5));
  EXPECT_EQ(static_cast<std::size_t>(report.sites_size()), kMostReportedSites);
  EXPECT_EQ(report.left_out(), 5u);
  EXPECT_EQ(report.sites(0).site(), "mx:mx0.example:25");
}

TEST(SiteReport, IsNeverLargerThanItMayBe) {
  SiteSnapshots snapshots = Many(kMostReportedSites, std::string(1'000, 'x'));
  for (SiteSnapshot& site : snapshots.sites)
    site.domains.assign(16, "a-rather-long-name-of-a-domain.example");
  const auto report = MakeReport("w", snapshots);
  EXPECT_LE(report.ByteSizeLong(), kLargestReport);
  EXPECT_GT(report.ByteSizeLong(), kLargestReport * 9 / 10);
  EXPECT_EQ(report.left_out(), kMostReportedSites - static_cast<std::size_t>(report.sites_size()));
}

TEST(SiteReport, TextsAreCutBetweenCharacters) {
  for (const std::size_t ahead : {0, 1, 2}) {
    std::string text(ahead, 'x');
    for (int i = 0; i < 200; ++i) text += "ż";
    const std::string cut = MakeReport("w", Many(1, text)).sites(0).last_failure().text();
    EXPECT_TRUE(IsValidUtf8(cut)) << ahead;
    EXPECT_LE(cut.size(), 200u);
    EXPECT_GE(cut.size(), 199u);
  }
}

TEST(SiteReport, WhatIsNoReportOfThisVersionIsNone) {
  queue::v1::SiteReport later;
  later.set_version(2);
  for (const std::string& stored : {std::string(), std::string("\xff\xff"), later.SerializeAsString()}) {
    EXPECT_FALSE(ParseReport(stored).has_value()) << stored.size();
  }
}

TEST(SiteReport, KeysNameTheirWorkers) {
  EXPECT_EQ(ReportKey("mail-1"), "sites.mail-1");
  EXPECT_EQ(WorkerOfReport("sites.mail-1"), "mail-1");
  for (const char* key : {"sites.", "sites", "worker.mail-1", ""}) {
    EXPECT_FALSE(WorkerOfReport(key).has_value()) << key;
  }
}

TEST(WorkerName, IsUniqueAndFitForAKey) {
  EXPECT_NE(NewWorkerName("mx1.example"), NewWorkerName("mx1.example"));
  for (const char* host :
       {"mx1.example", "", "UPPER_case", "a-very-long-name-of-a-host-that-goes-on-and-on-and-on-and-on"}) {
    const std::string name = NewWorkerName(host);
    EXPECT_LE(name.size(), 64u);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos) << name;
  }
  EXPECT_TRUE(NewWorkerName("mx1.example").starts_with("mx1-"));
}

}  // namespace
}  // namespace goniec::outbound
