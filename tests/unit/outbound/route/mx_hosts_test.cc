#include "outbound/route/mx_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace goniec::outbound {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Always the first: the shuffle then rotates, the same way each time.
size_t First(size_t) {
  return 0;
}
// Fisher-Yates that swaps each item with itself.
size_t Last(size_t n) {
  return n - 1;
}

net::IpAddress Ip(const char* text) {
  return *net::IpAddress::Parse(text);
}

TEST(SelectHosts, GroupsByPreference) {
  const MxHosts hosts = SelectHosts({{20, "backup"}, {10, "b"}, {5, "first"}, {10, "a"}}, {});
  EXPECT_THAT(hosts.groups, ElementsAre(ElementsAre("first"), ElementsAre("a", "b"), ElementsAre("backup")));
  EXPECT_THAT(hosts.All(), ElementsAre("first", "a", "b", "backup"));
  EXPECT_FALSE(hosts.null_mx);
  EXPECT_FALSE(hosts.cut_at_ourselves);
}

TEST(SelectHosts, HostNamedTwiceKeepsItsBestPreference) {
  EXPECT_THAT(SelectHosts({{10, "a"}, {20, "a"}, {20, "b"}}, {}).groups,
              ElementsAre(ElementsAre("a"), ElementsAre("b")));
  EXPECT_THAT(SelectHosts({{10, "a"}, {10, "a"}}, {}).groups, ElementsAre(ElementsAre("a")));
}

TEST(SelectHosts, NullMxOnlyWhenAlone) {
  EXPECT_TRUE(SelectHosts({{0, ""}}, {}).null_mx);
  EXPECT_TRUE(SelectHosts({{10, ""}}, {}).null_mx);
  const MxHosts beside = SelectHosts({{0, ""}, {10, "a"}}, {});
  EXPECT_FALSE(beside.null_mx);
  EXPECT_THAT(beside.groups, ElementsAre(ElementsAre("a")));
}

TEST(SelectHosts, NamesThatAreNoHostsAreLeftOut) {
  EXPECT_THAT(SelectHosts({{1, "a\\046b"}, {2, "ok"}}, {}).groups, ElementsAre(ElementsAre("ok")));
  EXPECT_THAT(SelectHosts({{1, "a\\046b"}}, {}).groups, IsEmpty());
}

TEST(SelectHosts, OnlyBetterPreferencesThanOurOwn) {
  struct Case {
    const char* name;
    std::vector<dns::MxRecord> records;
    std::vector<std::string> used;
    bool cut;
  };
  const Case cases[] = {
      {"we are the backup", {{10, "a"}, {20, "us"}, {30, "c"}}, {"a"}, true},
      {"equal to us is no better", {{10, "a"}, {20, "b"}, {20, "us"}}, {"a"}, true},
      {"we are the best", {{10, "us"}, {20, "b"}}, {}, true},
      {"our best preference counts", {{10, "a"}, {20, "us"}, {30, "us2"}}, {"a"}, true},
      {"not us at all", {{10, "a"}, {20, "b"}}, {"a", "b"}, false},
  };
  for (const Case& c : cases) {
    const MxHosts hosts = SelectHosts(c.records, {"us", "us2"});
    EXPECT_EQ(hosts.All(), c.used) << c.name;
    EXPECT_EQ(hosts.cut_at_ourselves, c.cut) << c.name;
  }
}

TEST(SelectHosts, LongSetIsCutAtTheSamePlaceWhateverTheOrder) {
  std::vector<dns::MxRecord> records;
  for (int i = 0; i < 100; ++i) records.push_back({10, "h" + std::to_string(i)});
  const std::vector<std::string> all = SelectHosts(records, {}).All();
  EXPECT_THAT(all, SizeIs(kMaxHosts));
  std::reverse(records.begin(), records.end());
  EXPECT_EQ(SelectHosts(records, {}).All(), all);
}

TEST(MxSite, IsTheSameForTheSameHosts) {
  EXPECT_EQ(MxSite({"b", "a"}, 25), "mx:a,b:25");
  EXPECT_EQ(MxSite({"a", "b"}, 25), MxSite({"b", "a"}, 25));
  EXPECT_NE(MxSite({"a"}, 25), MxSite({"a"}, 26));
}

std::vector<std::string> Texts(const std::vector<Candidate>& candidates) {
  std::vector<std::string> texts;
  for (const Candidate& c : candidates) texts.push_back(c.host + "=" + c.endpoint.ToString());
  return texts;
}

TEST(OrderCandidates, FamiliesOfAHostAlternate) {
  EXPECT_THAT(Texts(OrderCandidates(
                  {{"a", {Ip("192.0.2.1"), Ip("192.0.2.2"), Ip("192.0.2.3"), Ip("2001:db8::1")}}}, 25, Last)),
              ElementsAre("a=192.0.2.1:25", "a=[2001:db8::1]:25", "a=192.0.2.2:25", "a=192.0.2.3:25"));
}

TEST(OrderCandidates, HostsTakeTurnsAndBeginWithDifferentFamilies) {
  EXPECT_THAT(Texts(OrderCandidates({{"a", {Ip("192.0.2.1"), Ip("2001:db8::1")}},
                                     {"b", {Ip("192.0.2.2"), Ip("2001:db8::2")}},
                                     {"c", {Ip("192.0.2.3")}}},
                                    2525, Last)),
              ElementsAre("a=192.0.2.1:2525", "b=[2001:db8::2]:2525", "c=192.0.2.3:2525",
                          "a=[2001:db8::1]:2525", "b=192.0.2.2:2525"));
}

TEST(OrderCandidates, TheChoiceDecidesTheOrder) {
  const std::vector<HostAddresses> hosts = {{"a", {Ip("192.0.2.1")}}, {"b", {Ip("192.0.2.2")}}};
  EXPECT_THAT(Texts(OrderCandidates(hosts, 25, First)), ElementsAre("b=192.0.2.2:25", "a=192.0.2.1:25"));
}

TEST(SomeOfEachHost, EachHostGetsAsManyPlacesAsAnyOther) {
  struct Case {
    const char* name;
    const char* hosts;
    std::size_t limit;
    const char* taken;
  };
  const Case cases[] = {
      {"few", "aab", 3, "aab"},
      {"the backup keeps its place", "aaaaab", 5, "aaaab"},
      {"of two each half", "aaaabbbb", 4, "aabb"},
      {"the odd one is the better host's", "aaabbb", 5, "aaabb"},
      {"turns stay turns", "abababcc", 5, "ababc"},
      {"more hosts than places", "aabbccdd", 3, "abc"},
      {"one place", "ab", 1, "a"},
      {"none", "", 5, ""},
  };
  for (const Case& c : cases) {
    std::vector<Candidate> candidates;
    for (const char* host = c.hosts; *host != '\0'; ++host) candidates.push_back({{}, std::string(1, *host)});
    std::string taken;
    for (const Candidate& candidate : SomeOfEachHost(candidates, c.limit)) taken += candidate.host;
    EXPECT_EQ(taken, c.taken) << c.name;
  }
}

TEST(ChooseAtRandom, ReachesEveryHostOfAGroup) {
  std::set<std::string> first;
  const std::vector<HostAddresses> hosts = {
      {"a", {Ip("192.0.2.1")}}, {"b", {Ip("192.0.2.2")}}, {"c", {Ip("192.0.2.3")}}};
  const Choose choose = ChooseAtRandom();
  for (int i = 0; i < 500; ++i) first.insert(OrderCandidates(hosts, 25, choose)[0].host);
  EXPECT_THAT(first, ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace goniec::outbound
