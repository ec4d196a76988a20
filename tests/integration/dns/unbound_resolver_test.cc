// UnboundResolver against a real name server.
#include "common/dns/unbound_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/observe/metrics.h"
#include "tests/support/dns_server.h"

namespace goniec::dns {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kRecords[] =
    "@ MX 20 mx2\n"
    "@ MX 10 MX1\n"
    "@ MX 10 mx1b.other.test.\n"
    "mx1 A 127.0.0.2\nmx1 A 127.0.0.3\nmx1 AAAA fd00::1\n"
    "mx2 AAAA fd00::2\n"
    "alias CNAME target\n"
    "target MX 5 mx1\n"
    "hostalias CNAME mx1\n"
    "bare A 127.0.0.4\n"
    "text TXT \"nothing else\"\n"
    "null MX 0 .\n"
    "strange MX 1 a\\.b\n"
    "dangling CNAME nowhere\n";

// 300 records do not fit into a datagram.
std::string ManyRecords() {
  std::string records;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&records, "many MX ", i, " mail-exchanger-number-", i, "\n");
  return records;
}

class UnboundResolverTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = test::DnsServer::Start(
        {{.name = "example.test", .records = kRecords + ManyRecords()},
         {.name = "lame.test", .records = std::nullopt},
         {.name = "signed.test", .records = "@ MX 0 mx\nmx A 127.0.0.5\n", .sign = true}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override {
    thread_ = std::thread([this] { context_.run(); });
    config_.servers = {server_->address()};
  }
  void TearDown() override {
    resolver_.reset();
    work_.reset();
    thread_.join();
  }

  Resolver& resolver() {
    if (!resolver_) {
      auto resolver = UnboundResolver::Create(context_.get_executor(), config_, metrics_);
      if (!resolver.ok()) throw std::runtime_error(resolver.status().ToString());
      resolver_ = *std::move(resolver);
    }
    return *resolver_;
  }
  MxAnswer Mx(const std::string& domain) {
    return asio::co_spawn(context_, resolver().LookupMx(domain), asio::use_future).get();
  }
  AddressAnswer Addresses(const std::string& host, Families families = Families::kBoth) {
    return asio::co_spawn(context_, resolver().LookupAddresses(host, families), asio::use_future).get();
  }
  static std::vector<std::string> Texts(const AddressAnswer& answer) {
    std::vector<std::string> texts;
    for (const net::IpAddress& ip : answer.addresses) texts.push_back(ip.ToString());
    return texts;
  }

  static test::DnsServer* server_;
  observe::Metrics metrics_;
  DnsConfig config_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<UnboundResolver> resolver_;
  std::thread thread_;
};
test::DnsServer* UnboundResolverTest::server_ = nullptr;

TEST_F(UnboundResolverTest, MxRecordsHavePreferenceAndNormalName) {
  const MxAnswer answer = Mx("Example.TEST.");
  ASSERT_EQ(answer.result, Result::kFound) << answer.reason;
  EXPECT_THAT(answer.records,
              UnorderedElementsAre(MxRecord{20, "mx2.example.test"}, MxRecord{10, "mx1.example.test"},
                                   MxRecord{10, "mx1b.other.test"}));
  EXPECT_GT(answer.ttl, std::chrono::seconds(200));
  EXPECT_LE(answer.ttl, std::chrono::seconds(300));
  EXPECT_EQ(answer.canonical_name, "example.test");
  EXPECT_FALSE(answer.secure);
}

TEST_F(UnboundResolverTest, CnameIsFollowed) {
  const MxAnswer answer = Mx("alias.example.test");
  ASSERT_EQ(answer.result, Result::kFound) << answer.reason;
  EXPECT_THAT(answer.records, ElementsAre(MxRecord{5, "mx1.example.test"}));
  EXPECT_EQ(answer.canonical_name, "target.example.test");
  EXPECT_THAT(Texts(Addresses("hostalias.example.test", Families::kIPv6)), ElementsAre("fd00::1"));
}

TEST_F(UnboundResolverTest, NullMxIsTheRoot) {
  EXPECT_THAT(Mx("null.example.test").records, ElementsAre(MxRecord{0, ""}));
}

TEST_F(UnboundResolverTest, NameThatNoHostHasIsShownEscapedAndNeverFound) {
  const MxAnswer answer = Mx("strange.example.test");
  EXPECT_THAT(answer.records, ElementsAre(MxRecord{1, "a\\046b.example.test"}));
  EXPECT_EQ(Addresses(answer.records[0].exchange).result, Result::kNoDomain);
}

TEST_F(UnboundResolverTest, NoDataAndNoDomainAreToldApart) {
  EXPECT_EQ(Mx("bare.example.test").result, Result::kNoData);
  EXPECT_EQ(Mx("nowhere.example.test").result, Result::kNoDomain);
  EXPECT_EQ(Mx("dangling.example.test").result, Result::kNoDomain);
  EXPECT_EQ(Addresses("text.example.test").result, Result::kNoData);
  EXPECT_EQ(Addresses("nowhere.example.test").result, Result::kNoDomain);
  EXPECT_EQ(Mx("no..such").result, Result::kNoDomain);
  EXPECT_EQ(Mx(std::string(64, 'a') + ".example.test").result, Result::kNoDomain);
}

TEST_F(UnboundResolverTest, BothFamiliesInOneAnswer) {
  const AddressAnswer answer = Addresses("mx1.example.test");
  ASSERT_EQ(answer.result, Result::kFound) << answer.reason;
  EXPECT_THAT(Texts(answer), UnorderedElementsAre("127.0.0.2", "127.0.0.3", "fd00::1"));
  EXPECT_EQ(answer.addresses.back().ToString(), "fd00::1");
  EXPECT_THAT(Texts(Addresses("mx1.example.test", Families::kIPv6)), ElementsAre("fd00::1"));
  EXPECT_THAT(Texts(Addresses("mx2.example.test")), ElementsAre("fd00::2"));
  EXPECT_EQ(Addresses("mx2.example.test", Families::kIPv4).result, Result::kNoData);
}

TEST_F(UnboundResolverTest, ServfailIsTemporary) {
  const MxAnswer answer = Mx("lame.test");
  EXPECT_EQ(answer.result, Result::kTemporary);
  EXPECT_EQ(answer.reason, "SERVFAIL");
  EXPECT_EQ(Addresses("mx.lame.test").result, Result::kTemporary);
}

TEST_F(UnboundResolverTest, RefusedIsTemporary) {
  EXPECT_EQ(Mx("elsewhere.org").result, Result::kTemporary);
}

TEST_F(UnboundResolverTest, LargeAnswerComesOverTcp) {
  const MxAnswer answer = Mx("many.example.test");
  ASSERT_EQ(answer.result, Result::kFound) << answer.reason;
  EXPECT_THAT(answer.records, SizeIs(300));
}

TEST_F(UnboundResolverTest, SilentServerIsTemporaryWithinTheTimeout) {
  const test::SilentDnsServer silent;
  config_.servers = {silent.address()};
  config_.timeout = milliseconds(150);
  const MxAnswer answer = Mx("example.test");
  EXPECT_EQ(answer.result, Result::kTemporary);
  EXPECT_THAT(answer.reason, HasSubstr("in time"));
  EXPECT_EQ(Addresses("example.test").result, Result::kTemporary);
}

TEST_F(UnboundResolverTest, StopEndsEveryLookup) {
  const test::SilentDnsServer silent;
  config_.servers = {silent.address()};
  std::vector<std::future<AddressAnswer>> lookups;
  for (int i = 0; i < 20; ++i) {
    lookups.push_back(
        asio::co_spawn(context_, resolver().LookupAddresses(absl::StrCat("h", i, ".test"), Families::kBoth),
                       asio::use_future));
  }
  asio::post(context_, asio::use_future).get();  // all of them have begun
  resolver_.reset();
  for (auto& lookup : lookups) {
    const AddressAnswer answer = lookup.get();
    EXPECT_EQ(answer.result, Result::kNotAsked);
    EXPECT_THAT(answer.reason, HasSubstr("stopping"));
  }
}

TEST_F(UnboundResolverTest, ManyLookupsFromManyThreads) {
  std::array<asio::io_context, 4> contexts;
  std::vector<std::thread> threads;
  std::atomic<int> found = 0;
  resolver();
  for (asio::io_context& own : contexts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        asio::co_spawn(own, resolver_->LookupAddresses("mx1.example.test", Families::kBoth),
                       [&](const std::exception_ptr&, const AddressAnswer& answer) {
                         if (answer.result == Result::kFound) ++found;
                       });
      }
      own.run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  resolver_.reset();  // its thread may still be on its way out of a post to one of the contexts
  EXPECT_EQ(found, 200);
}

TEST_F(UnboundResolverTest, SignedAnswerIsSecure) {
  config_.trust_anchor_file = server_->trust_anchor_file();
  const MxAnswer mx = Mx("signed.test");
  ASSERT_EQ(mx.result, Result::kFound) << mx.reason;
  EXPECT_TRUE(mx.secure);
  EXPECT_TRUE(Addresses("mx.signed.test").secure);
  const MxAnswer absent = Mx("nowhere.signed.test");
  EXPECT_EQ(absent.result, Result::kNoDomain);
  EXPECT_TRUE(absent.secure);
  EXPECT_FALSE(Mx("example.test").secure);
}

TEST_F(UnboundResolverTest, BogusAnswerIsTemporary) {
  // An anchor that says that example.test is signed, by a key that it does not have.
  const test::TempDir folder;
  config_.trust_anchor_file = folder.Write(
      "anchor",
      "example.test. IN DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n");
  const MxAnswer answer = Mx("example.test");
  EXPECT_EQ(answer.result, Result::kTemporary);
  EXPECT_THAT(answer.reason, HasSubstr("DNSSEC"));
  EXPECT_THAT(answer.records, IsEmpty());
}

TEST_F(UnboundResolverTest, BadSettingsAreNamed) {
  config_.servers = {"resolver.example"};
  EXPECT_THAT(UnboundResolver::Create(context_.get_executor(), config_, metrics_).status().ToString(),
              HasSubstr("dns.servers: \"resolver.example\""));
  config_.servers = {"127.0.0.1"};
  config_.trust_anchor_file = "/nonexistent/anchors";
  EXPECT_THAT(UnboundResolver::Create(context_.get_executor(), config_, metrics_).status().ToString(),
              HasSubstr("dns.trust_anchor_file: cannot read /nonexistent/anchors"));
}

}  // namespace
}  // namespace goniec::dns
