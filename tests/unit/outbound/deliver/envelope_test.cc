#include "outbound/deliver/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/outbound/deliver/session_script.h"

namespace goniec::outbound {
namespace {

using testing::MakeMail;

smtp::Reply EhloReply(std::vector<std::string> keywords) {
  smtp::Reply reply;
  reply.code = 250;
  reply.lines = std::move(keywords);
  return reply;
}

TEST(ParseExtensionsTest, KnowsItsKeywordsInAnyCase) {
  const Extensions extensions = ParseExtensions(
      EhloReply({"mx PIPELINING", "pipelining", "Size 1000", "8BITMIME", "SMTPUTF8", "CHUNKING",
                 "ENHANCEDSTATUSCODES", "starttls", "DSN", "AUTH PLAIN LOGIN", "X-FOO"}));
  EXPECT_TRUE(extensions.pipelining && extensions.size && extensions.eight_bit_mime && extensions.smtputf8 &&
              extensions.chunking && extensions.enhanced_status_codes && extensions.starttls &&
              extensions.dsn);
  EXPECT_EQ(extensions.size_limit, 1000u);
}

TEST(ParseExtensionsTest, FirstLineIsTheServersName) {
  EXPECT_FALSE(ParseExtensions(EhloReply({"PIPELINING"})).pipelining);
}

struct SizeCase {
  const char* name;
  const char* line;
  std::uint64_t limit;
};

class SizeTest : public ::testing::TestWithParam<SizeCase> {};

TEST_P(SizeTest, LimitIsANumberOrNone) {
  const Extensions extensions = ParseExtensions(EhloReply({"mx", GetParam().line}));
  EXPECT_TRUE(extensions.size);
  EXPECT_EQ(extensions.size_limit, GetParam().limit);
}

INSTANTIATE_TEST_SUITE_P(All, SizeTest,
                         ::testing::Values(SizeCase{"Number", "SIZE 35882577", 35882577},
                                           SizeCase{"Bare", "SIZE", 0}, SizeCase{"Zero", "SIZE 0", 0},
                                           SizeCase{"Words", "SIZE none", 0},
                                           SizeCase{"Endless", "SIZE 99999999999999999999999", 0},
                                           SizeCase{"Spaces", "SIZE  12 ", 12}),
                         [](const auto& param) { return param.param.name; });

struct MailCase {
  const char* name;
  Extensions extensions;
  void (*change)(queue::v1::Mail&);
  const char* wire;
};

class AppendMailTest : public ::testing::TestWithParam<MailCase> {};

TEST_P(AppendMailTest, SaysWhatTheServerKnows) {
  auto mail = MakeMail();
  GetParam().change(*mail);
  std::string wire;
  AppendMail(*mail, {0}, GetParam().extensions, &wire);
  EXPECT_EQ(wire, GetParam().wire);
}

INSTANTIATE_TEST_SUITE_P(
    All, AppendMailTest,
    ::testing::Values(
        MailCase{"Plain", {}, [](queue::v1::Mail&) {}, "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"NullSender", {}, [](queue::v1::Mail& m) { m.clear_mail_from(); }, "MAIL FROM:<>\r\n"},
        MailCase{"Size", {.size = true}, [](queue::v1::Mail&) {}, "MAIL FROM:<s@me.test> SIZE=18\r\n"},
        MailCase{"EightBit",
                 {.eight_bit_mime = true},
                 [](queue::v1::Mail& m) { m.set_body_type(queue::v1::BODY_TYPE_8BITMIME); },
                 "MAIL FROM:<s@me.test> BODY=8BITMIME\r\n"},
        MailCase{"EightBitUnknownToTheServer",
                 {},
                 [](queue::v1::Mail& m) { m.set_body_type(queue::v1::BODY_TYPE_8BITMIME); },
                 "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"Utf8Flag",
                 {.smtputf8 = true},
                 [](queue::v1::Mail& m) { m.set_smtputf8(true); },
                 "MAIL FROM:<s@me.test> SMTPUTF8\r\n"},
        MailCase{"Utf8Recipient",
                 {.smtputf8 = true},
                 [](queue::v1::Mail& m) { m.mutable_recipients(0)->set_address("ż@x.test"); },
                 "MAIL FROM:<s@me.test> SMTPUTF8\r\n"},
        MailCase{"Utf8NotNeeded", {.smtputf8 = true}, [](queue::v1::Mail&) {}, "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"Dsn",
                 {.dsn = true},
                 [](queue::v1::Mail& m) {
                   m.mutable_dsn()->set_ret("HDRS");
                   m.mutable_dsn()->set_envid("a+20b");
                 },
                 "MAIL FROM:<s@me.test> RET=HDRS ENVID=a+20b\r\n"},
        MailCase{"DsnUnknownToTheServer",
                 {},
                 [](queue::v1::Mail& m) { m.mutable_dsn()->set_ret("HDRS"); },
                 "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"DsnThatWouldBeACommand",
                 {.dsn = true},
                 [](queue::v1::Mail& m) { m.mutable_dsn()->set_envid("x\r\nQUIT"); },
                 "MAIL FROM:<s@me.test>\r\n"}),
    [](const auto& param) { return param.param.name; });

TEST(AppendRcptTest, CarriesDsnParameters) {
  queue::v1::Recipient recipient;
  recipient.set_address("a@x.test");
  recipient.set_notify("FAILURE,DELAY");
  recipient.set_orcpt("rfc822;a@x.test");
  std::string wire;
  AppendRcpt(recipient, {.dsn = true}, &wire);
  AppendRcpt(recipient, {}, &wire);
  EXPECT_EQ(wire, "RCPT TO:<a@x.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@x.test\r\nRCPT TO:<a@x.test>\r\n");
}

struct UnfitCase {
  const char* name;
  Extensions extensions;
  void (*change)(queue::v1::Mail&);
  const char* enhanced_code;  // empty: fit
};

class FindUnfitTest : public ::testing::TestWithParam<UnfitCase> {};

TEST_P(FindUnfitTest, JudgesBeforeAWordIsSaid) {
  auto mail = MakeMail();
  GetParam().change(*mail);
  const auto unfit = FindUnfit(*mail, {0}, GetParam().extensions);
  EXPECT_EQ(unfit ? unfit->enhanced_code : "", GetParam().enhanced_code);
}

INSTANTIATE_TEST_SUITE_P(
    All, FindUnfitTest,
    ::testing::Values(
        UnfitCase{"Fit", {}, [](queue::v1::Mail&) {}, ""},
        UnfitCase{"AsLargeAsAllowed", {.size = true, .size_limit = 18}, [](queue::v1::Mail&) {}, ""},
        UnfitCase{"TooLarge", {.size = true, .size_limit = 17}, [](queue::v1::Mail&) {}, "5.3.4"},
        UnfitCase{
            "NoLimitStated", {.size = true}, [](queue::v1::Mail& m) { m.set_size_bytes(1ULL << 40); }, ""},
        UnfitCase{"EightBitGoesAnyway",
                  {},
                  [](queue::v1::Mail& m) { m.set_body_type(queue::v1::BODY_TYPE_8BITMIME); },
                  ""},
        UnfitCase{"Utf8Message", {}, [](queue::v1::Mail& m) { m.set_smtputf8(true); }, "5.6.7"},
        UnfitCase{"Utf8Sender", {}, [](queue::v1::Mail& m) { m.set_mail_from("ż@x.test"); }, "5.6.7"},
        UnfitCase{"Utf8Recipient",
                  {},
                  [](queue::v1::Mail& m) { m.mutable_recipients(0)->set_address("ż@x.test"); },
                  "5.6.7"},
        UnfitCase{"Utf8Offered", {.smtputf8 = true}, [](queue::v1::Mail& m) { m.set_smtputf8(true); }, ""},
        UnfitCase{"SenderWithLineEnd", {}, [](queue::v1::Mail& m) { m.set_mail_from("a\r\nDATA"); }, "5.1.7"},
        UnfitCase{"RecipientWithLineEnd",
                  {},
                  [](queue::v1::Mail& m) { m.mutable_recipients(0)->set_address("a\nb@x.test"); },
                  "5.1.3"}),
    [](const auto& param) { return param.param.name; });

TEST(ClientSessionTest, UnfitMailIsDecidedWithoutAWord) {
  testing::ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_smtputf8(true);
  peer.Run(testing::Open({"PIPELINING"}));
  peer.Run({"submit", "want work"});
  EXPECT_EQ(peer.session().output(), "");
  EXPECT_THAT(peer.Results(), ::testing::ElementsAre("0: permanent MAIL UNSUPPORTED 5.6.7 the server does "
                                                     "not offer SMTPUTF8, which this message needs [0]"));
}

}  // namespace
}  // namespace goniec::outbound
