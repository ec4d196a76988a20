// Routing with libunbound and a real name server: what RFC 5321 §5.1 and RFC 7505 want, from zone file to
// candidates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <string>

#include "common/dns/unbound_resolver.h"
#include "common/observe/metrics.h"
#include "outbound/route/router.h"
#include "tests/support/dns_server.h"

namespace goniec::outbound {
namespace {

// c0 → c1 → … → bare.
std::string Chain(const std::string& name, int links) {
  std::string records;
  for (int i = 0; i < links; ++i) {
    const std::string next = i + 1 < links ? name + std::to_string(i + 1) : "bare";
    records += name + std::to_string(i) + " CNAME " + next + "\n";
  }
  return records;
}

constexpr char kRecords[] =
    "@ MX 20 backup\n@ MX 10 mx\n"
    "mx A 127.0.0.2\nmx AAAA ::1\nbackup A 127.0.0.3\n"
    "bare A 127.0.0.4\n"
    "alias CNAME example.test.\n"
    "barealias CNAME bare\n"
    "null MX 0 .\n"
    "text TXT \"no mail here\"\n"
    "nowhere MX 10 gone\n"
    "inside MX 10 private\nprivate A 10.0.0.1\n"
    "ring CNAME ring2\nring2 CNAME ring\n"
    "toring MX 10 ring\n"
    "self CNAME self\n"
    "toalias MX 10 barealias\n"
    "lame MX 10 mx.lame.test.\n";

class RoutingTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = test::DnsServer::Start(
        {{.name = "example.test", .records = kRecords + Chain("short", 5) + Chain("endless", 40)},
         {.name = "lame.test"}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  std::string Show(const std::string& domain) {
    dns::DnsConfig dns_config;
    dns_config.servers = {server_->address()};
    RouteConfig config;
    config.smtp_port = 2525;
    config.allow_networks = *net::NetworkSet::Parse({"127.0.0.0/8", "::1/128"});
    observe::Metrics metrics;
    asio::io_context context;
    auto resolver = dns::UnboundResolver::Create(context.get_executor(), dns_config, metrics);
    if (!resolver.ok()) return resolver.status().ToString();
    const Router router(config, **resolver, {}, [](size_t n) { return n - 1; });
    std::string shown;
    asio::co_spawn(context, router.Find(domain), [&](const std::exception_ptr&, RouteResult result) {
      shown = Text(result);
      resolver->reset();  // else it waits for answers, and the context never runs out of work
    });
    context.run();
    return shown;
  }

 private:
  static std::string Text(const RouteResult& result) {
    if (const auto* failure = std::get_if<RouteFailure>(&result)) {
      return std::to_string(failure->reply_code) + " " + failure->enhanced_code;
    }
    const auto& route = std::get<0>(result);
    std::string text = route->site;
    for (const Candidate& c : route->candidates) text += " " + c.host + "=" + c.endpoint.ToString();
    return text;
  }

  static test::DnsServer* server_;
};
test::DnsServer* RoutingTest::server_ = nullptr;

TEST_F(RoutingTest, FromZoneToCandidates) {
  const std::string kMx =
      "mx:backup.example.test,mx.example.test:2525 mx.example.test=127.0.0.2:2525 mx.example.test=[::1]:2525 "
      "backup.example.test=127.0.0.3:2525";
  const std::string kBare = "mx:bare.example.test:2525 bare.example.test=127.0.0.4:2525";
  struct Case {
    const char* domain;
    std::string shown;
  };
  const Case cases[] = {
      {"example.test", kMx},
      {"alias.example.test", kMx},
      {"bare.example.test", kBare},
      {"barealias.example.test", kBare},
      {"null.example.test", "556 5.1.10"},
      {"text.example.test", "550 5.4.4"},
      {"absent.example.test", "550 5.1.2"},
      {"nowhere.example.test", "550 5.4.4"},
      {"inside.example.test", "550 5.4.4"},
      {"lame.example.test", "451 4.4.3"},
      {"lame.test", "451 4.4.3"},
      // Chains end, and so do circles.
      {"short0.example.test", kBare},
      {"endless0.example.test", "451 4.4.3"},
      {"ring.example.test", "451 4.4.3"},
      {"self.example.test", "451 4.4.3"},
      {"toring.example.test", "451 4.4.3"},
      {"toalias.example.test", "mx:barealias.example.test:2525 barealias.example.test=127.0.0.4:2525"},
  };
  for (const Case& c : cases) EXPECT_EQ(Show(c.domain), c.shown) << c.domain;
}

}  // namespace
}  // namespace goniec::outbound
