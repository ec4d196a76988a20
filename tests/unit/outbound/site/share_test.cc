#include "outbound/site/share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace goniec::outbound {
namespace {

queue::Members MembersOf(std::vector<std::string> names, std::string self, bool confirmed = true) {
  std::sort(names.begin(), names.end());
  return {std::move(names), std::move(self), confirmed};
}

std::vector<std::string> Workers(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("worker-", i));
  return names;
}

struct ShareRow {
  const char* name;
  std::size_t limit;
  std::vector<std::string> names;
  bool confirmed;
  std::size_t expected;
};

TEST(ShareTest, OfALimit) {
  const std::string site = "mx.example";
  const std::vector<std::string> ranking = RankingOf(site, {"a", "b", "c"});
  const std::string& first = ranking[0];
  const std::string& last = ranking[2];
  const std::vector<std::string> three = {"a", "b", "c"};
  EXPECT_EQ(ShareOf(1, site, MembersOf(three, first)), 1U);
  EXPECT_EQ(ShareOf(1, site, MembersOf(three, last)), 0U);
  EXPECT_EQ(ShareOf(7, site, MembersOf(three, first)), 3U);
  EXPECT_EQ(ShareOf(7, site, MembersOf(three, last)), 2U);
  EXPECT_EQ(ShareOf(0, site, MembersOf(three, first)), 0U);
  const ShareRow rows[] = {
      {"alone", 20, {"me"}, true, 20},
      {"alone, a limit of one", 1, {"me"}, true, 1},
      {"does not count yet", 20, {"a", "b"}, true, 0},
      {"knows of nobody, not even itself", 20, {}, false, 0},
      {"alone, not confirmed: as beside one more", 20, {"me"}, false, 10},
      {"alone, not confirmed, a limit of one: somebody may have come", 1, {"me"}, false, 0},
      {"beside three, not confirmed: as beside seven", 32, {"a", "b", "c", "me"}, false, 4},
      {"not confirmed: at least one of a limit above one", 4, {"a", "b", "c", "me"}, false, 1},
      {"not confirmed and does not count", 20, {"a", "b"}, false, 0},
  };
  for (const ShareRow& row : rows) {
    EXPECT_EQ(ShareOf(row.limit, site, MembersOf(row.names, "me", row.confirmed)), row.expected) << row.name;
  }
}

TEST(ShareTest, SharesAddUpToTheLimit) {
  for (int count = 1; count <= 9; ++count) {
    const std::vector<std::string> workers = Workers(count);
    for (std::size_t limit = 0; limit <= 40; ++limit) {
      for (const char* site : {"a.example", "b.example", "c.example"}) {
        std::size_t sum = 0;
        for (const std::string& worker : workers) sum += ShareOf(limit, site, MembersOf(workers, worker));
        EXPECT_EQ(sum, limit) << count << " workers, " << site;
      }
    }
  }
}

// So a worker that has heard of one more than the others never has more than its part.
TEST(ShareTest, NobodysShareFallsWhenAWorkerGoes) {
  for (int count = 2; count <= 9; ++count) {
    const std::vector<std::string> workers = Workers(count);
    for (const std::string& gone : workers) {
      std::vector<std::string> rest = workers;
      std::erase(rest, gone);
      for (std::size_t limit = 0; limit <= 40; ++limit) {
        for (const std::string& worker : rest) {
          EXPECT_GE(ShareOf(limit, "a.example", MembersOf(rest, worker)),
                    ShareOf(limit, "a.example", MembersOf(workers, worker)))
              << worker << " of " << limit << " without " << gone;
        }
      }
    }
  }
}

TEST(ShareTest, WhoIsNotConfirmedNeverHasMore) {
  for (int count = 1; count <= 9; ++count) {
    const std::vector<std::string> workers = Workers(count);
    for (std::size_t limit = 0; limit <= 40; ++limit) {
      for (const std::string& worker : workers) {
        EXPECT_LE(ShareOf(limit, "a.example", MembersOf(workers, worker, false)),
                  ShareOf(limit, "a.example", MembersOf(workers, worker, true)));
      }
    }
  }
}

TEST(ShareTest, OnlyTheSitesOfAWorkerThatGoesChangeHands) {
  const std::vector<std::string> workers = Workers(5);
  std::vector<std::string> rest = workers;
  std::erase(rest, "worker-3");
  for (int i = 0; i < 1'000; ++i) {
    const std::string site = absl::StrCat("site-", i, ".example");
    std::vector<std::string> before = RankingOf(site, workers);
    std::erase(before, "worker-3");
    EXPECT_EQ(before, RankingOf(site, rest)) << site;
  }
}

TEST(ShareTest, SitesAreSpreadEvenly) {
  std::map<std::string, int> kept;
  for (int i = 0; i < 5'000; ++i) ++kept[RankingOf(absl::StrCat("site-", i, ".example"), Workers(5))[0]];
  for (const auto& [worker, sites] : kept) {
    EXPECT_GT(sites, 850) << worker;
    EXPECT_LT(sites, 1'150) << worker;
  }
}

// All workers reckon it, whatever their version: it is fixed.
TEST(ShareTest, RankingIsTheSameForEver) {
  EXPECT_EQ(absl::StrCat(RankingOf("mx.example", {"a", "b", "c"})[0],
                         RankingOf("mx.test", {"a", "b", "c"})[0], RankingOf("", {"a", "b", "c"})[0]),
            "acc");
}

TEST(ShareTest, ASiteHasOneKeeperAmongThoseWhoAreConfirmed) {
  const std::vector<std::string> workers = Workers(4);
  int keepers = 0;
  for (const std::string& worker : workers) {
    keepers += IsKeeper("mx.example", MembersOf(workers, worker)) ? 1 : 0;
    EXPECT_FALSE(IsKeeper("mx.example", MembersOf(workers, worker, false)));
  }
  EXPECT_EQ(keepers, 1);
  EXPECT_FALSE(IsKeeper("mx.example", MembersOf(workers, "a-newcomer")));
}

TEST(ShareTest, OfARate) {
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({"me"}, "me")), 1);
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({"a", "b", "c", "me"}, "me")), 0.25);
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({"a", "b", "c", "me"}, "me", false)), 0.125);
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({"me"}, "me", false)), 0.5);
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({}, "me", false)), 0.5);
  EXPECT_DOUBLE_EQ(RateShareOf(MembersOf({"a"}, "me", false)), 0.25);
}

}  // namespace
}  // namespace goniec::outbound
