#include "outbound/site/site_effect.h"

#include <gtest/gtest.h>

#include "outbound/outcome/outcomes.h"

namespace goniec::outbound {
namespace {

using enum Effect;
using queue::v1::Phase;

struct ReplyCase {
  const char* name;
  Phase phase;
  std::uint32_t code;
  const char* enhanced;
  SiteEffect effect;
};

class ReplyEffectTest : public ::testing::TestWithParam<ReplyCase> {};

TEST_P(ReplyEffectTest, IsAsSaid) {
  queue::v1::Outcome outcome = MakeOutcome(outcomes::kRefused, GetParam().phase, {"text"});
  outcome.set_reply_code(GetParam().code);
  outcome.set_enhanced_code(GetParam().enhanced);
  const Verdict verdict = GetParam().code >= 500 ? Verdict::kPermanent : Verdict::kTemporary;
  EXPECT_EQ(EffectOf(verdict, outcome), GetParam().effect);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReplyEffectTest,
    ::testing::Values(
        ReplyCase{"GreetingRefused", queue::v1::PHASE_GREETING, 554, "", {kFailed, false}},
        ReplyCase{"GreetingLater", queue::v1::PHASE_GREETING, 421, "", {kFailed, false}},
        ReplyCase{"EhloRefused", queue::v1::PHASE_EHLO, 550, "", {kFailed, false}},
        ReplyCase{"SenderLater", queue::v1::PHASE_MAIL, 451, "", {kSlower, true}},
        ReplyCase{"SenderLaterForTheSystem", queue::v1::PHASE_MAIL, 452, "4.3.1", {kSlower, true}},
        ReplyCase{"SenderLaterForTheRate", queue::v1::PHASE_MAIL, 450, "4.7.28", {kSlower, true}},
        ReplyCase{"SenderAddressUnknown", queue::v1::PHASE_MAIL, 450, "4.1.8", {kNothing, true}},
        ReplyCase{"SenderDisliked", queue::v1::PHASE_MAIL, 451, "4.7.1", {kNothing, true}},
        ReplyCase{"GoodbyeToASender", queue::v1::PHASE_MAIL, 421, "4.7.1", {kSlower, false}},
        ReplyCase{"SenderRefused", queue::v1::PHASE_MAIL, 550, "5.7.1", {kNothing, true}},
        ReplyCase{"RecipientRefused", queue::v1::PHASE_RCPT, 550, "5.1.1", {kNothing, true}},
        ReplyCase{"RecipientLater", queue::v1::PHASE_RCPT, 450, "4.2.0", {kNothing, true}},
        ReplyCase{"RecipientLaterForTheSystem", queue::v1::PHASE_RCPT, 452, "4.3.1", {kNothing, true}},
        ReplyCase{"DataLater", queue::v1::PHASE_DATA, 451, "4.7.0", {kNothing, true}},
        ReplyCase{"ContentLater", queue::v1::PHASE_DOT, 451, "4.7.1", {kNothing, true}},
        ReplyCase{"ContentLaterForTheSystem", queue::v1::PHASE_DOT, 452, "4.3.1", {kSlower, true}},
        ReplyCase{"ContentRefused", queue::v1::PHASE_DOT, 554, "5.7.1", {kNothing, true}},
        ReplyCase{"GoodbyeAtSender", queue::v1::PHASE_MAIL, 421, "", {kSlower, false}},
        ReplyCase{"GoodbyeAtRecipient", queue::v1::PHASE_RCPT, 421, "", {kSlower, false}},
        ReplyCase{"GoodbyeAtTheEnd", queue::v1::PHASE_DOT, 421, "4.7.28", {kSlower, false}}),
    [](const auto& param) { return param.param.name; });

struct OwnCase {
  const char* name;
  const OutcomeRow* row;
  Phase phase;
  SiteEffect effect;
};

class OwnEffectTest : public ::testing::TestWithParam<OwnCase> {};

TEST_P(OwnEffectTest, IsAsSaid) {
  EXPECT_EQ(EffectOf(GetParam().row->verdict, MakeOutcome(*GetParam().row, GetParam().phase)),
            GetParam().effect);
}

INSTANTIATE_TEST_SUITE_P(
    All, OwnEffectTest,
    ::testing::Values(
        OwnCase{"Accepted", &outcomes::kAccepted, queue::v1::PHASE_DOT, {kWorked, true}},
        OwnCase{"ConnectRefused", &outcomes::kConnectFailed, queue::v1::PHASE_CONNECT, {kFailed, false}},
        OwnCase{"ConnectTimedOut", &outcomes::kConnectTimedOut, queue::v1::PHASE_CONNECT, {kFailed, false}},
        OwnCase{"SilentGreeting", &outcomes::kTimedOut, queue::v1::PHASE_GREETING, {kFailed, false}},
        OwnCase{"NoSmtp", &outcomes::kReplyMalformed, queue::v1::PHASE_GREETING, {kFailed, false}},
        OwnCase{"TimedOut", &outcomes::kTimedOut, queue::v1::PHASE_RCPT, {kSlower, false}},
        OwnCase{"Cut", &outcomes::kConnectionLost, queue::v1::PHASE_DATA, {kSlower, false}},
        OwnCase{"OutOfStep", &outcomes::kReplyOutOfPlace, queue::v1::PHASE_DATA, {kSlower, false}},
        // Of a domain.
        OwnCase{"Handshake", &outcomes::kHandshakeFailed, queue::v1::PHASE_STARTTLS, {kNothing, false}},
        OwnCase{"TlsDemanded", &outcomes::kTlsMissing, queue::v1::PHASE_MAIL, {kNothing, true}},
        OwnCase{"NullMx", &outcomes::kNullMx, queue::v1::PHASE_ROUTE, {kNothing, false}},
        OwnCase{"Unroutable", &outcomes::kUnroutable, queue::v1::PHASE_ROUTE, {kNothing, false}},
        OwnCase{"NoSuchDomain", &outcomes::kNoSuchDomain, queue::v1::PHASE_ROUTE, {kNothing, false}},
        OwnCase{"LookupFailed", &outcomes::kLookupFailed, queue::v1::PHASE_ROUTE, {kNothing, false}},
        // Of a mail.
        OwnCase{"NeedsUtf8", &outcomes::kMessageNeedsUtf8, queue::v1::PHASE_MAIL, {kNothing, true}},
        // Our own.
        OwnCase{"BodyUnreadable", &outcomes::kBodyUnreadable, queue::v1::PHASE_BODY, {kNothing, true}},
        OwnCase{"ShuttingDown", &outcomes::kShuttingDown, queue::v1::PHASE_CONNECT, {kNothing, false}},
        OwnCase{"NoDescriptor", &outcomes::kOwnLimit, queue::v1::PHASE_CONNECT, {kNothing, false}},
        OwnCase{"QueueSilent", &outcomes::kQueueSilent, queue::v1::PHASE_BODY, {kNothing, false}}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace goniec::outbound
