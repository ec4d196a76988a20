#include "outbound/api/site_table.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/queue/model/subjects.h"
#include "common/queue/model/timestamps.h"
#include "goniec/queue/v1/site_report.pb.h"
#include "outbound/route/route.h"

namespace goniec::outbound {
namespace {

using queue::MailClass;
using queue::ShelfPlace;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr char kSite[] = "mx:mx.example:25";

WallTime At(int seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

std::string Word(queue::v1::SiteWord::State state, std::uint32_t version = 1) {
  queue::v1::SiteWord word;
  word.set_version(version);
  word.set_state(state);
  word.set_epoch(7);
  word.set_site(kSite);
  word.mutable_since()->set_seconds(100);
  word.mutable_next_probe_time()->set_seconds(200);
  word.mutable_last_failure()->set_text("refused");
  return word.SerializeAsString();
}

queue::v1::SiteReport Report(const std::string& worker, const char* site = kSite, int in_hand = 5) {
  queue::v1::SiteReport report;
  report.set_version(1);
  report.set_worker(worker);
  queue::v1::SiteInHand& entry = *report.add_sites();
  entry.set_site(site);
  entry.set_in_hand(static_cast<std::uint64_t>(in_hand));
  entry.set_in_flight(2);
  entry.set_connections(1);
  entry.set_window(3);
  entry.set_share(10);
  return report;
}

// All was read, and there is nothing.
SiteSources Empty() {
  SiteSources sources;
  sources.names.emplace();
  sources.members.emplace();
  sources.reports.emplace();
  sources.held.emplace();
  sources.released.emplace();
  sources.waiting = 0;
  sources.waiting_by_domain.emplace();
  return sources;
}

SiteTable Make(const SiteSources& sources) {
  return MakeTable(sources,
                   [](std::string_view, const std::vector<std::string>& workers) { return workers.front(); });
}

const v1::Site& Only(const SiteTable& table) {
  static const v1::Site none;
  EXPECT_EQ(table.sites.size(), 1u);
  return table.sites.empty() ? none : table.sites.front();
}

TEST(SiteTable, WhereThereIsNothingAllIsKnown) {
  const SiteTable table = Make(Empty());
  EXPECT_THAT(table.sites, IsEmpty());
  EXPECT_THAT(table.not_read, IsEmpty());
  EXPECT_EQ(table.waiting, 0u);
  EXPECT_EQ(table.later_records, 0u);
}

TEST(SiteTable, AWordSaysTheState) {
  for (const auto& [stored, state] : {std::pair(queue::v1::SiteWord::STATE_OPEN, v1::Site::OPEN),
                                      std::pair(queue::v1::SiteWord::STATE_CLOSED, v1::Site::CLOSED),
                                      std::pair(queue::v1::SiteWord::STATE_PROBING, v1::Site::PROBING)}) {
    SiteSources sources = Empty();
    sources.words[SiteToken(kSite)] = Word(stored);
    const v1::Site site = Only(Make(sources));
    EXPECT_EQ(site.state(), state);
    EXPECT_EQ(site.name(), kSite);
    EXPECT_EQ(site.epoch(), 7u);
    EXPECT_EQ(site.since().seconds(), 100);
    EXPECT_EQ(site.has_next_probe_time(), state == v1::Site::CLOSED);
    EXPECT_EQ(site.last_failure().text(), "refused");
  }
}

TEST(SiteTable, AWordThatIsNotKnownIsNotGuessed) {
  for (const std::string& stored : {std::string("\xff"), Word(queue::v1::SiteWord::STATE_CLOSED, 2)}) {
    SiteSources sources = Empty();
    sources.words[SiteToken(kSite)] = stored;
    const v1::Site site = Only(Make(sources));
    EXPECT_EQ(site.state(), v1::Site::STATE_UNSPECIFIED);
    EXPECT_EQ(site.name(), "");
  }
}

TEST(SiteTable, ReportsAddUp) {
  SiteSources sources = Empty();
  sources.members = {"a", "b"};
  queue::v1::SiteReport first = Report("a", kSite, 5);
  first.mutable_sites(0)->mutable_oldest_time()->set_seconds(50);
  first.mutable_sites(0)->add_domains("x.test");
  queue::v1::SiteReport second = Report("b", kSite, 8);
  second.mutable_sites(0)->mutable_oldest_time()->set_seconds(40);
  second.mutable_sites(0)->add_domains("w.test");
  second.mutable_sites(0)->mutable_last_failure()->set_text("timed out");
  (*sources.reports)["a"] = first.SerializeAsString();
  (*sources.reports)["b"] = second.SerializeAsString();
  const SiteTable table = Make(sources);
  const v1::Site& site = Only(table);
  EXPECT_EQ(site.state(), v1::Site::OPEN);
  EXPECT_EQ(site.token(), SiteToken(kSite));
  EXPECT_EQ(site.in_hand(), 13);
  EXPECT_EQ(site.in_flight(), 4);
  EXPECT_EQ(site.oldest_time().seconds(), 40);
  EXPECT_THAT(site.domains(), ElementsAre("w.test", "x.test"));
  EXPECT_EQ(site.last_failure().text(), "timed out");
  ASSERT_EQ(site.at_workers_size(), 2);
  EXPECT_EQ(site.at_workers(0).worker(), "b");
  EXPECT_EQ(site.at_workers(0).window(), 3);
  EXPECT_EQ(site.keeper(), "a");
  EXPECT_THAT(table.workers, ElementsAre("a", "b"));
  EXPECT_THAT(table.not_read, IsEmpty());
}

TEST(SiteTable, TheKeepersReasonComesBeforeAWorkers) {
  SiteSources sources = Empty();
  sources.members = {"a"};
  queue::v1::SiteReport report = Report("a");
  report.mutable_sites(0)->mutable_last_failure()->set_text("timed out");
  (*sources.reports)["a"] = report.SerializeAsString();
  sources.words[SiteToken(kSite)] = Word(queue::v1::SiteWord::STATE_CLOSED);
  EXPECT_EQ(Only(Make(sources)).last_failure().text(), "refused");
}

TEST(SiteTable, TheReportOfADeadWorkerIsNotCounted) {
  SiteSources sources = Empty();
  sources.members = {"a"};
  (*sources.reports)["a"] = Report("a").SerializeAsString();
  (*sources.reports)["dead"] = Report("dead").SerializeAsString();
  EXPECT_EQ(Only(Make(sources)).in_hand(), 5);
}

TEST(SiteTable, WorkersWithoutAWholeReportAreNamed) {
  SiteSources sources = Empty();
  sources.members = {"fresh", "large", "later", "whole"};
  queue::v1::SiteReport large = Report("large");
  large.set_left_out(1);
  queue::v1::SiteReport later = Report("later");
  later.set_version(2);
  (*sources.reports)["large"] = large.SerializeAsString();
  (*sources.reports)["later"] = later.SerializeAsString();
  (*sources.reports)["whole"] = Report("whole").SerializeAsString();
  const SiteTable table = Make(sources);
  EXPECT_THAT(table.not_read, UnorderedElementsAre("report:fresh", "report:large", "report:later"));
  EXPECT_EQ(Only(table).in_hand(), 10);
}

TEST(SiteTable, ShelvesCountByClassAndOverLanes) {
  SiteSources sources = Empty();
  const std::string token = SiteToken(kSite);
  sources.held = {
      {ShelfPlace{0, MailClass::kTransactional, token, "a"}, {.records = 3, .earliest = At(900)}},
      {ShelfPlace{1, MailClass::kTransactional, token, "a"}, {.records = 4, .earliest = At(600)}},
      {ShelfPlace{0, MailClass::kBulk, token, "b"}, {.records = 50, .earliest = At(700)}},
      {ShelfPlace{0, MailClass::kBulk, queue::kLaterShelf, "b"}, {.records = 6, .earliest = At(5)}}};
  sources.released = {{ShelfPlace{0, MailClass::kBulk, token, "b"}, 2},
                      {ShelfPlace{0, MailClass::kBulk, queue::kLaterShelf, "b"}, 1}};
  (*sources.names)[token] = kSite;
  const SiteTable table = Make(sources);
  const v1::Site& site = Only(table);
  EXPECT_EQ(site.name(), kSite);
  EXPECT_EQ(site.held().transactional_records(), 7);
  EXPECT_EQ(site.held().bulk_records(), 50);
  EXPECT_EQ(site.held().first_expire_time().seconds(), 600);
  EXPECT_EQ(site.released_records(), 2);
  EXPECT_EQ(table.later_records, 6u);
}

TEST(SiteTable, WaitingMailIsCountedByTheDomainsThatAreKnown) {
  SiteSources sources = Empty();
  sources.members = {"a"};
  sources.waiting = 100;
  sources.waiting_by_domain = {{"test.x", 4}, {"test.y", 5}, {"test.z", 6}};
  queue::v1::SiteReport report = Report("a");
  report.mutable_sites(0)->add_domains("x.test");
  report.mutable_sites(0)->add_domains("y.test");
  *report.add_sites() = Report("a", "mx:other.example:25").sites(0);
  (*sources.reports)["a"] = report.SerializeAsString();
  const SiteTable table = Make(sources);
  ASSERT_EQ(table.sites.size(), 2u);
  for (const v1::Site& site : table.sites) {
    EXPECT_EQ(site.has_waiting_mails(), site.name() == kSite) << "no domain is known of the other";
    EXPECT_EQ(site.waiting_mails(), site.name() == kSite ? 9 : 0);
  }
  EXPECT_EQ(table.waiting, 100u);
}

// What could not be read is absent and named, and nothing else is.
TEST(SiteTable, WhatIsNotReadIsNeverZero) {
  struct Row {
    const char* name;
    void (*lose)(SiteSources&);
    std::vector<std::string> absent;
  };
  const Row rows[] = {
      {"held", [](SiteSources& s) { s.held.reset(); }, {"held", "waiting_mails"}},
      {"released", [](SiteSources& s) { s.released.reset(); }, {"released_records"}},
      {"waiting", [](SiteSources& s) { s.waiting.reset(); }, {"waiting_mails"}},
      {"reports", [](SiteSources& s) { s.reports.reset(); }, {"in_hand", "in_flight", "waiting_mails"}},
      {"members", [](SiteSources& s) { s.members.reset(); }, {}},
      {"names", [](SiteSources& s) { s.names.reset(); }, {}},
      {"report:a", [](SiteSources& s) { s.reports->clear(); }, {"in_hand", "in_flight", "waiting_mails"}},
  };
  for (const Row& row : rows) {
    SiteSources sources = Empty();
    sources.members = {"a"};
    sources.words[SiteToken(kSite)] = Word(queue::v1::SiteWord::STATE_OPEN);
    queue::v1::SiteReport report = Report("a");
    report.mutable_sites(0)->add_domains("x.test");
    (*sources.reports)["a"] = report.SerializeAsString();
    row.lose(sources);
    const SiteTable table = Make(sources);
    EXPECT_THAT(table.not_read, ElementsAre(row.name));
    const v1::Site& site = Only(table);
    for (const char* field : {"held", "released_records", "waiting_mails", "in_hand", "in_flight"}) {
      const bool has = site.GetReflection()->HasField(site, v1::Site::descriptor()->FindFieldByName(field));
      EXPECT_EQ(!has, std::find(row.absent.begin(), row.absent.end(), field) != row.absent.end())
          << row.name << ": " << field;
    }
  }
}

// Mail that waits on the disk for its next attempt is of domains that nobody has counted.
TEST(SiteTable, WhatWaitsForATimeIsNotNoneWhereSomeLiesOnTheDisk) {
  SiteSources sources = Empty();
  sources.members = {"a"};
  queue::v1::SiteReport report = Report("a");
  report.mutable_sites(0)->add_domains("x.test");
  (*sources.reports)["a"] = report.SerializeAsString();
  EXPECT_TRUE(Only(Make(sources)).has_waiting_mails());
  (*sources.held)[ShelfPlace{0, MailClass::kBulk, queue::kLaterShelf, "b"}] = {.records = 1,
                                                                               .earliest = At(5)};
  EXPECT_FALSE(Only(Make(sources)).has_waiting_mails());
}

TEST(SiteTable, WhereNoWorkerIsNothingIsInHand) {
  SiteSources sources = Empty();
  sources.words[SiteToken(kSite)] = Word(queue::v1::SiteWord::STATE_CLOSED);
  const v1::Site site = Only(Make(sources));
  EXPECT_TRUE(site.has_in_hand());
  EXPECT_EQ(site.in_hand(), 0);
  EXPECT_EQ(site.keeper(), "");
}

TEST(WaitingDomain, IsBehindTheGeneration) {
  const std::string subject =
      queue::WaitSubject(3, MailClass::kBulk, "shop", "01arz3ndektsv4rrffq69g5fav", 2, "mail.x.test");
  EXPECT_EQ(WaitingDomain(subject), queue::DomainTokens("mail.x.test"));
  EXPECT_EQ(WaitingDomain(queue::DueSubject(subject)), queue::DomainTokens("mail.x.test"));
  const std::string released =
      queue::ReleasedSubject(queue::HeldSubject({3, MailClass::kBulk, SiteToken(kSite), "shop"}, 12, 7));
  for (const std::string& other : {released, std::string("wait.0.bulk.shop.id.1"), std::string("wait.0"),
                                   std::string(), std::string("wait.0.bulk.shop.id.1.")}) {
    EXPECT_FALSE(WaitingDomain(other).has_value()) << other;
  }
}

SiteTable Sites(int count) {
  SiteTable table;
  for (int i = 0; i < count; ++i) {
    v1::Site site;
    site.set_name(absl::StrCat("mx:", i, ".example:25"));
    site.set_token(SiteToken(site.name()));
    site.set_state(i % 3 == 0 ? v1::Site::CLOSED : v1::Site::OPEN);
    table.sites.push_back(site);
  }
  std::sort(table.sites.begin(), table.sites.end(),
            [](const v1::Site& a, const v1::Site& b) { return a.token() < b.token(); });
  return table;
}

TEST(SitePage, EverySiteIsOnExactlyOne) {
  const SiteTable table = Sites(20);
  for (const int size : {1, 7, 10, 19, 20, 21}) {
    v1::ListSitesRequest request;
    request.set_page_size(size);
    std::vector<std::string> seen;
    int pages = 0;
    do {
      const v1::ListSitesResponse page = PageOf(table, request);
      for (const v1::Site& site : page.sites()) seen.push_back(site.token());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && ++pages < 30);
    EXPECT_EQ(seen.size(), 20u) << size;
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  }
}

TEST(SitePage, ASiteThatGoesMeanwhileTakesNoOtherWithIt) {
  SiteTable table = Sites(9);
  v1::ListSitesRequest request;
  request.set_page_size(4);
  request.set_page_token(PageOf(table, request).next_page_token());
  const std::string next = table.sites[4].token();
  table.sites.erase(table.sites.begin() + 3);  // the last of the page before
  EXPECT_EQ(PageOf(table, request).sites(0).token(), next);
}

TEST(SitePage, HasOnlyWhatIsAskedFor) {
  const SiteTable table = Sites(9);
  v1::ListSitesRequest request;
  request.add_states(v1::Site::CLOSED);
  EXPECT_EQ(PageOf(table, request).sites_size(), 3);
  request.set_page_size(3);
  EXPECT_EQ(PageOf(table, request).next_page_token(), "") << "only open ones are left";
  request.add_states(v1::Site::OPEN);
  request.set_page_size(0);
  EXPECT_EQ(PageOf(table, request).sites_size(), 9);
  request.set_name("mx:5.example:25");
  EXPECT_EQ(PageOf(table, request).sites(0).name(), "mx:5.example:25");
  EXPECT_EQ(PageOf(table, request).sites_size(), 1);
}

TEST(ListSitesRequest, WrongFieldsAreNamed) {
  struct Row {
    const char* field;
    void (*spoil)(v1::ListSitesRequest&);
  };
  const Row rows[] = {
      {"page_size", [](v1::ListSitesRequest& r) { r.set_page_size(-1); }},
      {"page_size", [](v1::ListSitesRequest& r) { r.set_page_size(kLargestSitesPage + 1); }},
      {"page_token", [](v1::ListSitesRequest& r) { r.set_page_token("x"); }},
      {"page_token", [](v1::ListSitesRequest& r) { r.set_page_token(std::string(26, '1')); }},
      {"states[1]",
       [](v1::ListSitesRequest& r) {
         r.add_states(v1::Site::OPEN);
         r.add_states(static_cast<v1::Site::State>(77));
       }},
  };
  for (const Row& row : rows) {
    v1::ListSitesRequest request;
    row.spoil(request);
    const Violations violations = CheckListSites(request);
    ASSERT_EQ(violations.list().size(), 1u) << row.field;
    EXPECT_EQ(violations.list()[0].field, row.field);
  }
  EXPECT_TRUE(CheckListSites({}).empty());
}

}  // namespace
}  // namespace goniec::outbound
