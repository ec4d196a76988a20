// Limits of one site that a rule sets: rates, connections and what one of them serves. And how mails wait.
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kDelivered[] = "delivered DOT ACCEPTED 250 [0]";
constexpr char kSite[] = "mx:mx.ruled.example:25";

DeliverConfig WithRule(const std::function<void(SiteRule&)>& change) {
  DeliverConfig config = FastConfig();
  SiteRule& rule = config.sites.emplace_back();
  rule.match = {"ruled.example"};
  change(rule);
  return config;
}

void AsReleased(Job& job) {
  job.released = true;
}

TEST(SiteRulesTest, ARateIsHeldAndWhatWasReleasedWaitsForIt) {
  SinkProcess sink;
  Delivery delivery(WithRule([](SiteRule& rule) { rule.messages = Rate{5, std::chrono::seconds(1)}; }));
  const auto route = Delivery::RouteTo({sink.port()}, kSite);
  std::vector<BootTime> begun;
  for (int i = 0; i < 6; ++i) {
    delivery.Send(Delivery::MakeMail(), route, [&](Job& job) {
      job.released = true;
      job.may_finish = [&] {
        begun.push_back(BootClock::now());
        return true;
      };
    });
  }
  delivery.RunUntilDone();
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre(kDelivered))));
  ASSERT_THAT(begun, SizeIs(6));
  EXPECT_GE(begun[5] - begun[0], milliseconds(900)) << "the first may have been late to end";
}

TEST(SiteRulesTest, WhatIsTooMuchForARateIsMoved) {
  SinkProcess sink;
  Delivery delivery(WithRule([](SiteRule& rule) { rule.messages = Rate{1, std::chrono::minutes(1)}; }));
  const auto route = Delivery::RouteTo({sink.port()}, kSite);
  for (int i = 0; i < 20; ++i) delivery.Send(Delivery::MakeMail(), route);
  delivery.RunUntil([&] { return delivery.results.size() == 19; });
  EXPECT_THAT(delivery.results, Each(Pair(::testing::_, ElementsAre("not_tried CONNECT SITE_BUSY [0]"))));
  EXPECT_THAT(sink.Log(), SizeIs(0)) << "another worker may have sent one just before this one began";
  // Sites without a rate are not concerned.
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}), AsReleased).size(), 1u);
}

TEST(SiteRulesTest, ConnectionsAndTheirMessagesAreTheRules) {
  SinkProcess sink;
  Delivery delivery(WithRule([](SiteRule& rule) {
    rule.connections = 1;
    rule.messages_per_connection = 2;
  }));
  for (int i = 0; i < 6; ++i) delivery.Send(Delivery::MakeMail(), Delivery::RouteTo({sink.port()}, kSite));
  delivery.RunUntilDone();
  std::vector<std::string> connections;
  for (const LogEntry& entry : sink.Log()) connections.push_back(entry.at("connection"));
  EXPECT_THAT(connections, ElementsAre("1", "1", "2", "2", "3", "3"));
}

TEST(SiteRulesTest, AnOldConnectionTakesNoMoreMail) {
  SinkProcess sink;
  DeliverConfig config = WithRule([](SiteRule& rule) { rule.max_age = milliseconds(1); });
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()}, kSite);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre(kDelivered));
    delivery.RunUntil([&] { return delivery.dispatcher->connections() == 0; });
  }
}

// Ten mails behind another tenant's hundred, over one connection.
TEST(FairnessTest, ATenantsManyMailsDelayAnothersFewByAsMany) {
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.connections_per_site = 1;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({sink.port()});
  const auto send = [&](const std::string& tenant, queue::v1::MailClass mail_class, int count) {
    for (int i = 0; i < count; ++i) {
      auto mail = Delivery::MakeMail({tenant + "@x.test"});
      mail->set_tenant(tenant);
      mail->set_mail_class(mail_class);
      delivery.Send(std::move(mail), route);
    }
  };
  send("large", queue::v1::MAIL_CLASS_BULK, 20);
  send("large", queue::v1::MAIL_CLASS_TRANSACTIONAL, 100);
  send("small", queue::v1::MAIL_CLASS_TRANSACTIONAL, 10);
  delivery.RunUntilDone();
  const std::vector<LogEntry> log = sink.Log();
  ASSERT_THAT(log, SizeIs(130));
  std::size_t last_small = 0;
  for (std::size_t i = 0; i < log.size(); ++i) {
    if (log[i].at("rcpts").find("small") != std::string::npos) last_small = i;
  }
  EXPECT_LE(last_small, 22u);
}

}  // namespace
}  // namespace goniec::outbound::testing
