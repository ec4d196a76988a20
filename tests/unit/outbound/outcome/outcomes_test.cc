#include "outbound/outcome/outcomes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace goniec::outbound {
namespace {

using ::testing::MatchesRegex;

TEST(OutcomesTest, CodesAgreeWithTheVerdict) {
  for (const OutcomeRow& row : outcomes::kAll) {
    SCOPED_TRACE(queue::v1::Reason_Name(row.reason) + ": " + std::string(row.text));
    const char category = row.verdict == Verdict::kPermanent ? '5' : '4';
    if (!row.enhanced_code.empty()) {
      EXPECT_THAT(std::string(row.enhanced_code), MatchesRegex("[45]\\.[0-9]+\\.[0-9]+"));
      EXPECT_EQ(row.enhanced_code[0], category);
    }
    if (row.reply_code != 0) EXPECT_EQ(row.reply_code / 100, static_cast<std::uint32_t>(category - '0'));
  }
}

TEST(OutcomesTest, EachHasAReasonAndWordsOfItsOwn) {
  std::set<std::string> seen;
  for (const OutcomeRow& row : outcomes::kAll) {
    EXPECT_NE(row.reason, queue::v1::REASON_UNSPECIFIED) << row.text;
    EXPECT_FALSE(row.text.empty());
    EXPECT_TRUE(seen.insert(queue::v1::Reason_Name(row.reason) + std::string(VerdictName(row.verdict)) +
                            std::string(row.enhanced_code) + std::string(row.text))
                    .second)
        << row.text;
  }
}

// Trouble with the network, TLS, the DNS, the protocol or ourselves is never a bounce.
TEST(OutcomesTest, OnlyAVerdictOnTheMailIsPermanent) {
  const std::set<queue::v1::Reason> verdicts = {queue::v1::REASON_REPLY, queue::v1::REASON_UNSUPPORTED,
                                                queue::v1::REASON_NO_SUCH_DOMAIN, queue::v1::REASON_NULL_MX,
                                                queue::v1::REASON_ROUTE_REFUSED};
  for (const OutcomeRow& row : outcomes::kAll) {
    if (row.verdict == Verdict::kPermanent) EXPECT_TRUE(verdicts.contains(row.reason)) << row.text;
  }
}

struct TextCase {
  const char* name;
  const OutcomeRow& row;
  std::initializer_list<std::string_view> values;
  const char* text;
};

TEST(OutcomesTest, ValuesStandInTheirPlaces) {
  const TextCase cases[] = {
      {"None", outcomes::kTimedOut, {}, "timed out"},
      {"Alone", outcomes::kConnectFailed, {"refused"}, "refused"},
      {"InFront", outcomes::kReplyOutOfPlace, {"the greeting"}, "the greeting makes no sense"},
      {"Two", outcomes::kLookupFailed, {"x.test", "100%"}, "DNS lookup of x.test failed: 100%"},
  };
  for (const TextCase& c : cases) EXPECT_EQ(TextOf(c.row, c.values), c.text) << c.name;
}

TEST(OutcomesTest, AValueThatIsMissingIsLeftOut) {
  EXPECT_EQ(TextOf(outcomes::kHandshakeFailed), "");
  EXPECT_EQ(TextOf(outcomes::kLookupFailed, {"x.test"}), "DNS lookup of x.test failed: ");
}

TEST(OutcomesTest, AnOutcomeSaysWhatItsRowSays) {
  const queue::v1::Outcome outcome = MakeOutcome(outcomes::kNullMx, queue::v1::PHASE_ROUTE, {"x.test"});
  EXPECT_EQ(outcome.phase(), queue::v1::PHASE_ROUTE);
  EXPECT_EQ(outcome.reason(), queue::v1::REASON_NULL_MX);
  EXPECT_EQ(outcome.reply_code(), 556u);
  EXPECT_EQ(outcome.enhanced_code(), "5.1.10");
  EXPECT_EQ(outcome.text(), "domain x.test accepts no mail (null MX)");
}

}  // namespace
}  // namespace goniec::outbound
