#include "outbound/route/route.h"

#include <gtest/gtest.h>

#include <set>

namespace goniec::outbound {
namespace {

TEST(SiteToken, IsStableAndFitForASubject) {
  // The first 130 bits of SHA-256("mx:mx.example:25") in base32: other processes and versions must agree on
  // it.
  EXPECT_EQ(SiteToken("mx:mx.example:25"), "wlfsrl7xi7uoqrc5zef6ocuxjw");
  for (const char* site : {"", "host:[::1]:2525", "mx:a,b:25"}) {
    const std::string token = SiteToken(site);
    EXPECT_EQ(token.size(), 26U);
    EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"), std::string::npos) << token;
  }
}

TEST(SiteToken, DiffersBySite) {
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) tokens.insert(SiteToken("mx:mx" + std::to_string(i) + ".example:25"));
  EXPECT_EQ(tokens.size(), 1000U);
}

TEST(RouteFailureTest, IsAnOutcomeOfRouting) {
  const RouteFailure failure{.reason = queue::v1::REASON_NULL_MX,
                             .permanent = true,
                             .reply_code = 556,
                             .enhanced_code = "5.1.10",
                             .text = "no mail"};
  const Result result = ResultOf(failure, {2, 3});
  EXPECT_EQ(result.verdict, Verdict::kPermanent);
  EXPECT_EQ(result.recipients, (std::vector<std::uint32_t>{2, 3}));
  EXPECT_EQ(result.outcome.phase(), queue::v1::PHASE_ROUTE);
  EXPECT_EQ(result.outcome.reason(), queue::v1::REASON_NULL_MX);
  EXPECT_EQ(result.outcome.reply_code(), 556u);
  EXPECT_EQ(result.outcome.enhanced_code(), "5.1.10");
  EXPECT_EQ(result.outcome.text(), "no mail");
}

}  // namespace
}  // namespace goniec::outbound
