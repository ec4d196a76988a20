#include "outbound/route/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <optional>
#include <utility>

#include "tests/support/fake_resolver.h"

namespace goniec::outbound {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

net::IpAddress Ip(const char* text) {
  return *net::IpAddress::Parse(text);
}

DomainRoute SmartRoute(const char* pattern, const char* smart_host, bool mx = false) {
  return {pattern, *ParseSmartHost(smart_host, 25), mx};
}

class RouterTest : public ::testing::Test {
 protected:
  RouteResult Find(const std::string& domain) {
    const Router router(config_, dns_, interfaces_, [](size_t n) { return n - 1; });
    asio::io_context context;
    std::optional<RouteResult> result;
    asio::co_spawn(context, router.Find(domain),
                   [&](const std::exception_ptr&, RouteResult found) { result = std::move(found); });
    while (!result && context.run_one() > 0) {
    }
    return *result;
  }
  // "host=address:port …" or "code enhanced text".
  std::string Show(const std::string& domain) {
    const RouteResult result = Find(domain);
    if (const auto* failure = std::get_if<RouteFailure>(&result)) {
      return std::to_string(failure->reply_code) + " " + failure->enhanced_code + " " + failure->text;
    }
    std::string shown;
    for (const Candidate& c : std::get<0>(result)->candidates) {
      shown += (shown.empty() ? "" : " ") + c.host + "=" + c.endpoint.ToString();
    }
    return shown;
  }
  std::string Site(const std::string& domain) {
    const RouteResult result = Find(domain);
    const auto* route = std::get_if<0>(&result);
    return route == nullptr ? "none" : (*route)->site;
  }
  std::optional<RouteResult> FindWithoutDns(const std::string& domain) {
    return Router(config_, dns_, interfaces_).FindWithoutDns(domain);
  }

  RouteConfig config_;
  test::FakeResolver dns_;
  std::vector<net::IpAddress> interfaces_;
};

TEST_F(RouterTest, MxInOrderOfPreference) {
  dns_.Mx("d.org", {"20 backup.d.org", "10 mx.d.org"});
  dns_.Addresses("mx.d.org", {"8.8.8.1", "2600::1"});
  dns_.Addresses("backup.d.org", {"8.8.8.2"});
  EXPECT_EQ(Show("d.org"), "mx.d.org=8.8.8.1:25 mx.d.org=[2600::1]:25 backup.d.org=8.8.8.2:25");
  EXPECT_EQ(Site("d.org"), "mx:backup.d.org,mx.d.org:25");
}

TEST_F(RouterTest, DomainsWithTheSameHostsShareASite) {
  dns_.Mx("a.org", {"10 mx1.big.org", "20 mx2.big.org"});
  dns_.Mx("b.org", {"5 mx2.big.org", "5 mx1.big.org"});
  dns_.Addresses("mx1.big.org", {"8.8.8.1"});
  dns_.Addresses("mx2.big.org", {"8.8.8.2"});
  EXPECT_EQ(Site("a.org"), Site("b.org"));
}

// RFC 5321 §5.1: a host with many addresses does not hide the one that is there for when they fail.
TEST_F(RouterTest, ManyAddressesOfOneHostDoNotHideTheBackup) {
  dns_.Mx("d.org", {"10 mx1.d.org", "20 mx2.d.org"});
  std::vector<std::string> many;
  for (int i = 1; i <= 30; ++i) many.push_back("8.8.8." + std::to_string(i));
  dns_.Addresses("mx1.d.org", many);
  dns_.Addresses("mx2.d.org", {"8.8.4.1", "8.8.4.2"});
  EXPECT_THAT(dns_.questions(), IsEmpty());
  const auto route = std::get<0>(Find("d.org"));
  ASSERT_EQ(route->candidates.size(), kMaxAddresses);
  EXPECT_EQ(route->candidates[kMaxAddresses - 3].host, "mx1.d.org");
  EXPECT_EQ(route->candidates[kMaxAddresses - 2].host, "mx2.d.org");
  EXPECT_EQ(route->candidates[kMaxAddresses - 1].host, "mx2.d.org");
  EXPECT_THAT(dns_.questions(), ElementsAre("MX d.org", "A mx1.d.org", "A mx2.d.org"));
}

TEST_F(RouterTest, WhatWeDidNotAskIsNotTried) {
  dns_.NotAsked("d.org");
  dns_.Mx("e.org", {"10 mx.e.org"});
  dns_.NotAsked("mx.e.org");
  dns_.FailMx("f.org", "SERVFAIL");
  const auto failure = [&](const char* domain) { return std::get<RouteFailure>(Find(domain)); };
  EXPECT_TRUE(failure("d.org").not_tried);
  EXPECT_EQ(failure("d.org").text, "DNS lookup of d.org not made: busy");
  EXPECT_TRUE(failure("e.org").not_tried);
  EXPECT_FALSE(failure("f.org").not_tried);
}

// The addresses of a host that nobody answers for are waited for only while they are needed.
TEST_F(RouterTest, BackupWithoutAnAnswerDoesNotKeepTheMailWaiting) {
  dns_.Mx("d.org", {"10 mx.d.org", "20 silent.d.org", "30 last.d.org"});
  dns_.Addresses("mx.d.org", {"8.8.8.1"});
  dns_.NeverAnswer("silent.d.org");
  dns_.Addresses("last.d.org", {"8.8.8.3"});
  EXPECT_EQ(Show("d.org"), "mx.d.org=8.8.8.1:25");
}

TEST_F(RouterTest, ImplicitMxIsTheDomainItself) {
  dns_.NoMx("d.org");
  dns_.Addresses("d.org", {"8.8.8.1"});
  EXPECT_EQ(Show("d.org"), "d.org=8.8.8.1:25");
  EXPECT_EQ(Site("d.org"), "mx:d.org:25");
}

TEST_F(RouterTest, ImplicitMxOfAnAliasIsItsTarget) {
  dns_.NoMx("alias.org");
  dns_.MxAlias("alias.org", "host.org");
  dns_.Addresses("host.org", {"8.8.8.1"});
  EXPECT_EQ(Show("alias.org"), "host.org=8.8.8.1:25");
}

TEST_F(RouterTest, MxRecordsThatLeadNowhereDoNotMakeTheDomainItsOwnHost) {
  dns_.Mx("d.org", {"10 gone.d.org"});
  dns_.Addresses("d.org", {"8.8.8.1"});
  EXPECT_EQ(Show("d.org"), "550 5.4.4 no way to d.org: no MX host of it has an address");
}

TEST_F(RouterTest, Failures) {
  dns_.Mx("null.org", {"0 ."});
  dns_.FailMx("broken.org", "SERVFAIL");
  dns_.NoMx("empty.org");
  dns_.NoAddresses("empty.org");
  dns_.Mx("slow.org", {"10 mx.slow.org"});
  dns_.FailAddresses("mx.slow.org", "timed\nout");
  dns_.Mx("half.org", {"10 gone.half.org", "20 mx.slow.org"});
  dns_.Mx("odd.org", {"10 a\\046b"});
  struct Case {
    const char* domain;
    const char* outcome;
    bool permanent;
  };
  const Case cases[] = {
      {"null.org", "556 5.1.10 domain null.org accepts no mail (null MX)", true},
      {"gone.org", "550 5.1.2 domain gone.org does not exist", true},
      {"broken.org", "451 4.4.3 DNS lookup of broken.org failed: SERVFAIL", false},
      {"empty.org", "550 5.4.4 no way to empty.org: it has neither MX nor address records", true},
      {"slow.org", "451 4.4.3 DNS lookup of mx.slow.org failed: timed\\x0aout", false},
      {"half.org", "451 4.4.3 DNS lookup of mx.slow.org failed: timed\\x0aout", false},
      {"odd.org", "550 5.4.4 no way to odd.org: no MX host of it has an address", true},
      {"[tag:thing]", "550 5.1.2 [tag:thing] is no address that mail can be sent to", true},
      {"[", "550 5.1.2 [ is no address that mail can be sent to", true},
      {"[2001:db8::1]", "550 5.1.2 [2001:db8::1] is no address that mail can be sent to", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Show(c.domain), c.outcome);
    EXPECT_EQ(std::get<RouteFailure>(Find(c.domain)).permanent, c.permanent) << c.domain;
  }
}

TEST_F(RouterTest, AFailureNamesItsReason) {
  dns_.Mx("null.org", {"0 ."});
  dns_.FailMx("broken.org", "SERVFAIL");
  dns_.NotAsked("busy.org");
  dns_.NoMx("empty.org");
  dns_.NoAddresses("empty.org");
  struct Case {
    const char* domain;
    queue::v1::Reason reason;
    Verdict verdict;
  };
  const Case cases[] = {
      {"null.org", queue::v1::REASON_NULL_MX, Verdict::kPermanent},
      {"gone.org", queue::v1::REASON_NO_SUCH_DOMAIN, Verdict::kPermanent},
      {"[", queue::v1::REASON_NO_SUCH_DOMAIN, Verdict::kPermanent},
      {"empty.org", queue::v1::REASON_ROUTE_REFUSED, Verdict::kPermanent},
      {"broken.org", queue::v1::REASON_DNS_TEMPORARY, Verdict::kTemporary},
      {"busy.org", queue::v1::REASON_LOOKUP_BUSY, Verdict::kNotTried},
  };
  for (const Case& c : cases) {
    const auto failure = std::get<RouteFailure>(Find(c.domain));
    EXPECT_EQ(failure.reason, c.reason) << c.domain;
    EXPECT_EQ(ResultOf(failure, {0}).verdict, c.verdict) << c.domain;
  }
}

TEST_F(RouterTest, HostThatFailsDoesNotHideTheOthers) {
  dns_.Mx("d.org", {"10 mx1.d.org", "20 mx2.d.org"});
  dns_.FailAddresses("mx1.d.org", "SERVFAIL");
  dns_.Addresses("mx2.d.org", {"8.8.8.2"});
  EXPECT_EQ(Show("d.org"), "mx2.d.org=8.8.8.2:25");
}

TEST_F(RouterTest, SpecialNetworksAreRefused) {
  struct Case {
    const char* address;
    const char* kind;
  };
  const Case cases[] = {
      {"127.0.0.1", "loopback"},        {"10.1.2.3", "private"},         {"172.16.0.1", "private"},
      {"192.168.1.1", "private"},       {"169.254.1.1", "link-local"},   {"100.64.0.1", "CGNAT"},
      {"0.0.0.0", "unspecified"},       {"224.0.0.1", "multicast"},      {"::1", "loopback"},
      {"fe80::1", "link-local"},        {"fd00::1", "unique local"},     {"ff02::1", "multicast"},
      {"::ffff:127.0.0.1", "loopback"}, {"64:ff9b::7f00:1", "loopback"},
  };
  for (const Case& c : cases) {
    dns_.Mx("d.org", {"10 mx.d.org"});
    dns_.Addresses("mx.d.org", {c.address});
    EXPECT_THAT(Show("d.org"), HasSubstr("550 5.4.4 no way to d.org: this system does not deliver to"))
        << c.address;
    EXPECT_THAT(Show("d.org"), HasSubstr(c.kind)) << c.address;
  }
}

TEST_F(RouterTest, OneRefusedAddressDoesNotHideTheOthers) {
  dns_.Mx("d.org", {"10 mx.d.org"});
  dns_.Addresses("mx.d.org", {"10.0.0.1", "8.8.8.1"});
  EXPECT_EQ(Show("d.org"), "mx.d.org=8.8.8.1:25");
}

TEST_F(RouterTest, AllowedNetworksAreNotRefused) {
  config_.allow_networks = *net::NetworkSet::Parse({"127.0.0.0/8"});
  config_.smtp_port = 2525;
  dns_.Mx("d.org", {"10 mx.d.org"});
  dns_.Addresses("mx.d.org", {"127.0.0.3", "10.0.0.1"});
  EXPECT_EQ(Show("d.org"), "mx.d.org=127.0.0.3:2525");
  EXPECT_EQ(Show("[127.0.0.4]"), "127.0.0.4=127.0.0.4:2525");
}

TEST_F(RouterTest, Literals) {
  EXPECT_EQ(Show("[8.8.8.8]"), "8.8.8.8=8.8.8.8:25");
  EXPECT_EQ(Site("[8.8.8.8]"), "ip:8.8.8.8:25");
  EXPECT_EQ(Show("[IPv6:2600::1]"), "2600::1=[2600::1]:25");
  EXPECT_EQ(Show("[ipv6:2600::1]"), "2600::1=[2600::1]:25");
  EXPECT_THAT(Show("[127.0.0.1]"), HasSubstr("550 5.4.4"));
  EXPECT_THAT(Show("[IPv6:::ffff:10.0.0.1]"), HasSubstr("550 5.4.4"));
  EXPECT_TRUE(FindWithoutDns("[8.8.8.8]").has_value());
  EXPECT_THAT(dns_.questions(), IsEmpty());
  config_.families = dns::Families::kIPv4;
  EXPECT_THAT(Show("[IPv6:2600::1]"), HasSubstr("550 5.4.4"));
}

TEST_F(RouterTest, OwnHostNameIsALoop) {
  config_.own_hosts = {"Us.org"};
  dns_.Mx("d.org", {"10 us.org", "20 other.org"});
  EXPECT_EQ(Show("d.org"), "554 5.4.6 mail for d.org would come back to this system");
  dns_.Mx("e.org", {"10 better.org", "20 us.org", "20 equal.org", "30 worse.org"});
  dns_.Addresses("better.org", {"8.8.8.1"});
  EXPECT_EQ(Show("e.org"), "better.org=8.8.8.1:25");
  EXPECT_EQ(Site("e.org"), "mx:better.org:25");
  dns_.NoMx("us.org");
  EXPECT_THAT(Show("us.org"), HasSubstr("554 5.4.6"));
}

TEST_F(RouterTest, OwnAddressIsALoop) {
  config_.own_addresses = {Ip("8.8.8.9")};
  interfaces_ = {Ip("8.8.4.4"), Ip("10.0.0.9")};
  dns_.Mx("d.org", {"10 mx.d.org"});
  for (const char* ours : {"8.8.8.9", "8.8.4.4", "10.0.0.9"}) {
    dns_.Addresses("mx.d.org", {"8.8.8.1", ours});
    EXPECT_THAT(Show("d.org"), HasSubstr("554 5.4.6")) << ours;
    EXPECT_THAT(Show("[" + std::string(ours) + "]"), HasSubstr("554 5.4.6")) << ours;
  }
  // A better host is used, an equal or worse one is not.
  dns_.Addresses("mx.d.org", {"8.8.8.9"});
  dns_.Mx("e.org", {"10 better.org", "20 mx.d.org", "20 equal.org", "30 worse.org"});
  for (const char* other : {"better.org", "equal.org", "worse.org"}) dns_.Addresses(other, {"8.8.8.1"});
  EXPECT_EQ(Show("e.org"), "better.org=8.8.8.1:25");
}

TEST_F(RouterTest, AllowedNetworkMakesAnInterfaceADestinationButNotAnOwnAddress) {
  config_.allow_networks = *net::NetworkSet::Parse({"10.0.0.0/8"});
  interfaces_ = {Ip("10.0.0.9")};
  dns_.Mx("d.org", {"10 mx.d.org"});
  dns_.Addresses("mx.d.org", {"10.0.0.9"});
  EXPECT_EQ(Show("d.org"), "mx.d.org=10.0.0.9:25");
  config_.own_addresses = {Ip("10.0.0.9")};
  EXPECT_THAT(Show("d.org"), HasSubstr("554 5.4.6"));
}

TEST_F(RouterTest, MostSpecificPatternCounts) {
  config_.routes = {SmartRoute("*", "8.0.0.1"), SmartRoute("*.d.org", "8.0.0.2"),
                    SmartRoute("*.c.d.org", "8.0.0.3"), SmartRoute("c.d.org", "8.0.0.4"),
                    DomainRoute{"mx.org", {}, false}};
  dns_.Mx("mx.org", {"10 host.mx.org"});
  dns_.Addresses("host.mx.org", {"8.8.8.8"});
  struct Case {
    const char* domain;
    const char* shown;
  };
  const Case cases[] = {
      {"other.org", "8.0.0.1=8.0.0.1:25"}, {"d.org", "8.0.0.1=8.0.0.1:25"},
      {"x.d.org", "8.0.0.2=8.0.0.2:25"},   {"y.x.d.org", "8.0.0.2=8.0.0.2:25"},
      {"c.d.org", "8.0.0.4=8.0.0.4:25"},   {"a.c.d.org", "8.0.0.3=8.0.0.3:25"},
      {"xd.org", "8.0.0.1=8.0.0.1:25"},    {"mx.org", "host.mx.org=8.8.8.8:25"},
      {"[8.8.8.8]", "8.0.0.1=8.0.0.1:25"}, {"[127.0.0.1]", "8.0.0.1=8.0.0.1:25"},
  };
  for (const Case& c : cases) EXPECT_EQ(Show(c.domain), c.shown) << c.domain;
}

TEST_F(RouterTest, SmartHostByAddressNeedsNoDnsAndIsExemptFromTheNetworkRules) {
  config_.routes = {SmartRoute("*", "127.0.0.1:2525")};
  config_.own_addresses = {Ip("127.0.0.1")};
  const auto result = FindWithoutDns("any.org");
  ASSERT_TRUE(result.has_value());
  const auto& route = std::get<0>(*result);
  EXPECT_EQ(route->site, "host:127.0.0.1:2525");
  EXPECT_TRUE(route->configured);
  EXPECT_EQ(route->candidates[0].endpoint.ToString(), "127.0.0.1:2525");
  EXPECT_THAT(dns_.questions(), IsEmpty());
}

TEST_F(RouterTest, SmartHostByName) {
  config_.routes = {SmartRoute("*", "relay.org:587"), SmartRoute("d.org", "big.org:26", true)};
  dns_.Addresses("relay.org", {"10.0.0.1", "2600::1"});
  dns_.Mx("big.org", {"10 mx.big.org"});
  dns_.Addresses("mx.big.org", {"127.0.0.2"});
  EXPECT_FALSE(FindWithoutDns("any.org").has_value());
  EXPECT_EQ(Show("any.org"), "relay.org=10.0.0.1:587 relay.org=[2600::1]:587");
  EXPECT_EQ(Site("any.org"), "host:relay.org:587");
  EXPECT_EQ(Show("d.org"), "mx.big.org=127.0.0.2:26");
  EXPECT_EQ(Site("d.org"), "mx:mx.big.org:26");
}

TEST_F(RouterTest, SmartHostThatDoesNotWorkIsAMistakeOfOursAndTemporary) {
  config_.routes = {SmartRoute("a.org", "gone.org"), SmartRoute("b.org", "gone.org", true),
                    SmartRoute("c.org", "slow.org"), SmartRoute("d.org", "null.org", true)};
  dns_.FailAddresses("slow.org", "SERVFAIL");
  dns_.Mx("null.org", {"0 ."});
  EXPECT_EQ(Show("a.org"), "451 4.3.5 smart host gone.org cannot be used: it has no address");
  EXPECT_EQ(Show("b.org"), "451 4.3.5 smart host gone.org cannot be used: domain gone.org does not exist");
  EXPECT_EQ(Show("c.org"), "451 4.4.3 DNS lookup of slow.org failed: SERVFAIL");
  EXPECT_THAT(Show("d.org"), HasSubstr("451 4.3.5"));
}

}  // namespace
}  // namespace goniec::outbound
