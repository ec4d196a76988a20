#include "outbound/cli/site_text.h"

#include <gmock/gmock.h>

namespace goniec::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const WallTime kNow{std::chrono::seconds(1'000'000)};

v1::Site Site(const std::string& name, v1::Site::State state, int held = 0, int in_hand = 0) {
  v1::Site site;
  site.set_name(name);
  site.set_token("wlfsrl7xi7uoqrc5zef6ocuxjw");
  site.set_state(state);
  site.mutable_held()->set_bulk_records(held);
  site.set_in_hand(in_hand);
  site.set_in_flight(0);
  return site;
}

std::string Text(const std::vector<v1::Site>& sites, void (*change)(v1::ListSitesResponse&) = nullptr) {
  v1::ListSitesResponse answer;
  for (const v1::Site& site : sites) *answer.add_sites() = site;
  answer.add_workers("mail-1");
  answer.set_waiting_mails(0);
  answer.set_later_records(0);
  if (change != nullptr) change(answer);
  return SitesText({answer}, kNow);
}

TEST(SiteText, TroubleComesFirst) {
  std::vector<v1::Site> sites = {
      Site("idle", v1::Site::OPEN),         Site("busy", v1::Site::OPEN, 0, 90),
      Site("crawls", v1::Site::OPEN, 10),   Site("down", v1::Site::CLOSED, 5),
      Site("worse", v1::Site::PROBING, 50), Site("unknown", v1::Site::STATE_UNSPECIFIED),
      Site("also idle", v1::Site::OPEN)};
  SortByTrouble(sites);
  std::vector<std::string> names;
  for (const v1::Site& site : sites) names.push_back(site.name());
  EXPECT_THAT(names, testing::ElementsAre("worse", "down", "unknown", "crawls", "busy", "also idle", "idle"));
}

TEST(SiteText, ShowsARowForEachSite) {
  v1::Site site = Site("mx:mx.example:25", v1::Site::CLOSED, 12, 3);
  site.mutable_held()->set_transactional_records(30);
  site.mutable_since()->set_seconds(1'000'000 - 720);
  site.mutable_next_probe_time()->set_seconds(1'000'040);
  site.mutable_oldest_time()->set_seconds(1'000'000 - 3 * 86'400);
  site.set_waiting_mails(7);
  v1::Site::AtWorker& at = *site.add_at_workers();
  at.set_window(1);
  at.set_share(10);
  site.mutable_last_failure()->set_reason(v1::Outcome::CONNECTION_FAILED);
  site.mutable_last_failure()->set_text("connection refused");
  EXPECT_EQ(Text({site}),
            "SITE              STATE                     HELD  WAITING  IN HAND  IN FLIGHT  WINDOW  OLDEST  "
            "LAST ERROR\n"
            "mx:mx.example:25  closed 12m, probe in 40s  42    7        3        0          1/10    3d      "
            "connection "
            "refused\n");
}

TEST(SiteText, WhatIsNotKnownIsNotZero) {
  v1::Site site;
  site.set_token("wlfsrl7xi7uoqrc5zef6ocuxjw");
  EXPECT_THAT(
      Text({site}),
      HasSubstr("\n? wlfsrl7xi7uoqrc5zef6ocuxjw  ?      ?     ?        ?        ?          ?       -\n"));
}

TEST(SiteText, SaysWhatCouldNotBeRead) {
  const std::string text = Text({}, [](v1::ListSitesResponse& answer) {
    answer.clear_workers();
    answer.clear_waiting_mails();
    answer.set_later_records(5);
    for (const char* what : {"held", "report:mail-2", "something new"}) answer.add_not_read(what);
  });
  EXPECT_EQ(text,
            "no sites\n\n"
            "tried again at a time, at any site: ? mails\n"
            "the same, on the disk: 5 records\n"
            "workers: none that is known\n"
            "could not be read: what lies on the shelves\n"
            "could not be read: all that mail-2 has in hand\n"
            "could not be read: something new\n");
}

TEST(SiteText, NothingElseIsSaidWhereAllIsWell) {
  EXPECT_EQ(Text({}), "no sites\n");
}

TEST(SiteText, StrangersBytesAreHarmless) {
  v1::Site site = Site("mx:\x1b[31m.example:25", v1::Site::OPEN);
  site.mutable_last_failure()->set_text("bad\r\nnews \x1b[2J");
  const std::string text = Text({site});
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(SiteText, StatesAreReadAsTheyAreShown) {
  EXPECT_EQ(*ParseSiteState("closed"), v1::Site::CLOSED);
  EXPECT_EQ(*ParseSiteState("open"), v1::Site::OPEN);
  EXPECT_EQ(*ParseSiteState("probing"), v1::Site::PROBING);
  for (const char* text : {"", "?", "CLOSED", "shut"}) EXPECT_FALSE(ParseSiteState(text).ok()) << text;
}

}  // namespace
}  // namespace goniec::cli
