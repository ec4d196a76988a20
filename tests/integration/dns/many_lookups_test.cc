// UnboundResolver under more lookups than its limits, with a name server that is slow, and names that it does
// not answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/dns/unbound_resolver.h"
#include "common/observe/metrics.h"
#include "tests/support/dns_server.h"
#include "tests/support/process.h"
#include "tests/support/slow_dns_server.h"

namespace goniec::dns {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class ManyLookupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    thread_ = std::thread([this] { context_.run(); });
  }
  void TearDown() override {
    resolver_.reset();
    work_.reset();
    thread_.join();
  }

  void Start(const std::string& server) {
    config_.servers = {server};
    auto resolver = UnboundResolver::Create(context_.get_executor(), config_, metrics_);
    ASSERT_TRUE(resolver.ok()) << resolver.status();
    resolver_ = *std::move(resolver);
  }
  std::future<MxAnswer> Mx(const std::string& domain) {
    return asio::co_spawn(context_, resolver_->LookupMx(domain), asio::use_future);
  }
  double Metric(const std::string& name) {
    const std::string text = metrics_.Render();
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  static void Report(const char* what, std::chrono::steady_clock::time_point start) {
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start).count();
    ::testing::Test::RecordProperty(what, static_cast<int>(took));
    printf("%s: %ld ms\n", what, static_cast<long>(took));
  }

  observe::Metrics metrics_;
  DnsConfig config_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<UnboundResolver> resolver_;
  std::thread thread_;
};

TEST_F(ManyLookupsTest, NoneFailsAboveTheLimit) {
  constexpr int kLookups = 20'000;
  constexpr int kDomains = 2'000;
  const test::SlowDnsServer server(milliseconds(50));
  config_.timeout = milliseconds(120'000);
  Start(server.address());
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::future<MxAnswer>> lookups;
  for (int i = 0; i < kLookups; ++i) lookups.push_back(Mx(absl::StrCat("d", i % kDomains, ".test")));
  std::map<std::string, int> results;
  for (auto& lookup : lookups) {
    const MxAnswer answer = lookup.get();
    ++results[absl::StrCat(std::string(ToString(answer.result)), " ", answer.reason)];
  }
  Report("20,000 lookups", start);
  EXPECT_THAT(results, ::testing::ElementsAre(::testing::Pair("found ", kLookups)));
  EXPECT_LT(server.questions(), kDomains * 3) << "equal questions are asked once";
}

TEST_F(ManyLookupsTest, NamesThatNobodyAnswersDoNotHoldUpTheOthers) {
  constexpr int kSilent = 1'500;
  constexpr int kGood = 200;
  const test::SlowDnsServer server(milliseconds(5));
  Start(server.address());
  std::vector<std::future<MxAnswer>> silent;
  for (int i = 0; i < kSilent; ++i) silent.push_back(Mx(absl::StrCat("silent", i, ".test")));
  ASSERT_TRUE(test::WaitUntil([&] { return server.questions() > 0; }));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kGood; ++i) {
    const MxAnswer answer = Mx(absl::StrCat("good", i, ".test")).get();
    EXPECT_EQ(answer.result, Result::kFound) << i << " " << answer.reason;
  }
  Report("200 good names, one after the other", start);
  EXPECT_EQ(silent.back().wait_for(milliseconds(0)), std::future_status::timeout)
      << "the good ones did not wait for the silent ones";
  EXPECT_GT(Metric("goniec_dns_lookups_slow_total"), 0);
  for (auto& lookup : silent) EXPECT_NE(lookup.get().result, Result::kFound);
}

// Nothing but silence for long enough that libunbound would call the server dead.
TEST_F(ManyLookupsTest, SilenceDoesNotMakeTheServerDead) {
  const test::SlowDnsServer server(milliseconds(1));
  config_.timeout = milliseconds(10'000);
  Start(server.address());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::future<MxAnswer>> silent;
    for (int i = 0; i < 300; ++i) silent.push_back(Mx(absl::StrCat("silent", round, "-", i, ".test")));
    for (auto& lookup : silent) EXPECT_NE(lookup.get().result, Result::kFound);
    const MxAnswer good = Mx(absl::StrCat("good", round, ".test")).get();
    EXPECT_EQ(good.result, Result::kFound) << round << " " << good.reason;
  }
}

TEST_F(ManyLookupsTest, ANameThatIsSlowIsAskedAgain) {
  test::SlowDnsServer server(milliseconds(1));
  Start(server.address());
  auto lookup = Mx("silent.test");
  ASSERT_TRUE(test::WaitUntil([&] { return Metric("goniec_dns_lookups_slow_total") == 1; }));
  server.Speak();
  EXPECT_EQ(lookup.get().result, Result::kFound);
}

TEST_F(ManyLookupsTest, WhatDidNotGetItsTurnWasNotAsked) {
  const test::SilentDnsServer server;
  config_.max_lookups = 1;
  config_.timeout = milliseconds(300);
  Start(server.address());
  auto first = Mx("first.test");
  auto second = Mx("second.test");
  EXPECT_EQ(first.get().result, Result::kTemporary);
  const MxAnswer late = second.get();
  EXPECT_EQ(late.result, Result::kNotAsked);
  EXPECT_THAT(late.reason, HasSubstr("turn"));
  EXPECT_EQ(Metric("goniec_dns_not_asked_total{why=\"late\"}"), 1);
}

TEST_F(ManyLookupsTest, AboveTheMostThatMayWaitNothingIsAsked) {
  const test::SilentDnsServer server;
  config_.max_waiting = 2;
  Start(server.address());
  auto first = Mx("first.test");
  auto second = Mx("second.test");
  const MxAnswer third = Mx("third.test").get();
  EXPECT_EQ(third.result, Result::kNotAsked);
  EXPECT_THAT(third.reason, HasSubstr("dns.max_waiting"));
  EXPECT_EQ(Metric("goniec_dns_not_asked_total{why=\"full\"}"), 1);
  EXPECT_EQ(Metric("goniec_dns_requests"), 2);
  resolver_.reset();
  EXPECT_EQ(first.get().result, Result::kNotAsked);
  EXPECT_THAT(second.get().reason, HasSubstr("stopping"));
}

TEST_F(ManyLookupsTest, EqualQuestionsUnderWayAreAskedOnce) {
  const test::SlowDnsServer server(milliseconds(200));
  Start(server.address());
  std::vector<std::future<MxAnswer>> lookups;
  for (int i = 0; i < 100; ++i) lookups.push_back(Mx("same.test"));
  for (auto& lookup : lookups) EXPECT_EQ(lookup.get().result, Result::kFound);
  EXPECT_EQ(server.questions(), 1U);
}

}  // namespace
}  // namespace goniec::dns
