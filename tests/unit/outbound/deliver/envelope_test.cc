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
  AppendMail(*mail, ParametersFor(*mail, std::vector<std::uint32_t>{0}, GetParam().extensions), &wire);
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
        MailCase{"EightBitWasSeen",
                 {.eight_bit_mime = true},
                 [](queue::v1::Mail& m) {
                   m.set_header_octets(queue::v1::OCTETS_ASCII);
                   m.set_body_octets(queue::v1::OCTETS_BEYOND_ASCII);
                 },
                 "MAIL FROM:<s@me.test> BODY=8BITMIME\r\n"},
        MailCase{"EightBitWasSeenInTheHeader",
                 {.eight_bit_mime = true},
                 [](queue::v1::Mail& m) {
                   m.set_header_octets(queue::v1::OCTETS_BEYOND_ASCII);
                   m.set_body_octets(queue::v1::OCTETS_ASCII);
                 },
                 "MAIL FROM:<s@me.test> BODY=8BITMIME\r\n"},
        MailCase{"EightBitWasSaidAndNotSeen",
                 {.eight_bit_mime = true},
                 [](queue::v1::Mail& m) {
                   m.set_body_type(queue::v1::BODY_TYPE_8BITMIME);
                   m.set_header_octets(queue::v1::OCTETS_ASCII);
                   m.set_body_octets(queue::v1::OCTETS_ASCII);
                 },
                 "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"Utf8WasSaidAndNotSeen",
                 {.smtputf8 = true},
                 [](queue::v1::Mail& m) {
                   m.set_smtputf8(true);
                   m.set_header_octets(queue::v1::OCTETS_ASCII);
                   m.set_body_octets(queue::v1::OCTETS_ASCII);
                 },
                 "MAIL FROM:<s@me.test>\r\n"},
        MailCase{"Utf8WasSeenInTheHeader",
                 {.smtputf8 = true},
                 [](queue::v1::Mail& m) {
                   m.set_smtputf8(true);
                   m.set_header_octets(queue::v1::OCTETS_BEYOND_ASCII);
                   m.set_body_octets(queue::v1::OCTETS_ASCII);
                 },
                 "MAIL FROM:<s@me.test> SMTPUTF8\r\n"},
        MailCase{"Utf8Sender",
                 {.smtputf8 = true},
                 [](queue::v1::Mail& m) { m.set_mail_from("ż@me.test"); },
                 "MAIL FROM:<ż@me.test> SMTPUTF8\r\n"},
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
  AppendRcpt(recipient, true, &wire);
  AppendRcpt(recipient, false, &wire);
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
  auto unfit = FindUnfit(*mail, GetParam().extensions);
  if (!unfit) unfit = FindUnfit(mail->recipients(0), GetParam().extensions);
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
        UnfitCase{"EightBitOfAnOlderRecordGoesAnyway",
                  {},
                  [](queue::v1::Mail& m) { m.set_body_type(queue::v1::BODY_TYPE_8BITMIME); },
                  ""},
        UnfitCase{"EightBitBody",
                  {},
                  [](queue::v1::Mail& m) { m.set_body_octets(queue::v1::OCTETS_BEYOND_ASCII); },
                  "5.6.3"},
        UnfitCase{"EightBitBodyOfALaterVersion",
                  {},
                  [](queue::v1::Mail& m) { m.set_body_octets(static_cast<queue::v1::Octets>(9)); },
                  "5.6.3"},
        UnfitCase{"EightBitBodyOffered",
                  {.eight_bit_mime = true},
                  [](queue::v1::Mail& m) { m.set_body_octets(queue::v1::OCTETS_BEYOND_ASCII); },
                  ""},
        UnfitCase{"EightBitSaidAndNotSeen",
                  {},
                  [](queue::v1::Mail& m) {
                    m.set_body_type(queue::v1::BODY_TYPE_8BITMIME);
                    m.set_body_octets(queue::v1::OCTETS_ASCII);
                  },
                  ""},
        UnfitCase{"EightBitHeaderWithoutSmtpUtf8",
                  {.smtputf8 = true},
                  [](queue::v1::Mail& m) { m.set_header_octets(queue::v1::OCTETS_BEYOND_ASCII); },
                  "5.6.3"},
        UnfitCase{"EightBitHeaderWithoutSmtpUtf8Offered",
                  {.eight_bit_mime = true},
                  [](queue::v1::Mail& m) { m.set_header_octets(queue::v1::OCTETS_BEYOND_ASCII); },
                  ""},
        UnfitCase{"Utf8Header",
                  {.eight_bit_mime = true},
                  [](queue::v1::Mail& m) {
                    m.set_smtputf8(true);
                    m.set_header_octets(queue::v1::OCTETS_BEYOND_ASCII);
                  },
                  "5.6.7"},
        UnfitCase{"Utf8SaidAndNotSeen",
                  {},
                  [](queue::v1::Mail& m) {
                    m.set_smtputf8(true);
                    m.set_header_octets(queue::v1::OCTETS_ASCII);
                  },
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
                                                     "not support SMTPUTF8, which this message needs [0]"));
}

TEST(ClientSessionTest, OnlyRecipientsThatNeedUtf8AreReturned) {
  testing::ScriptedSession peer;
  peer.mails = {MakeMail({"böb@x.test", "anna@x.test", "jörg@x.test", "a\nb@x.test"})};
  peer.Run(testing::Open({"PIPELINING"}));
  peer.Run({"submit", "C: MAIL FROM:<s@me.test>", "C: RCPT TO:<anna@x.test>", "C: DATA", "S: 250 ok",
            "S: 250 ok", "S: 354 go", "C: Subject: x", "C: ", "C: Hi", "C: .", "S: 250 ok", "want work"});
  EXPECT_THAT(peer.Results(),
              ::testing::ElementsAre(
                  "0: permanent MAIL UNSUPPORTED 5.6.7 the server does not support SMTPUTF8, which "
                  "this recipient's address needs [0,2]",
                  "0: permanent MAIL UNSUPPORTED 5.1.3 the recipient's address has control "
                  "characters [3]",
                  "0: delivered DOT ACCEPTED 250 ok [1]"));
}

TEST(ClientSessionTest, AllRecipientsMayNeedUtf8) {
  testing::ScriptedSession peer;
  peer.mails = {MakeMail({"böb@x.test", "jörg@x.test"})};
  peer.Run(testing::Open({"PIPELINING"}));
  peer.Run({"submit", "want work"});
  EXPECT_THAT(peer.Results(), ::testing::ElementsAre(::testing::HasSubstr("5.6.7")));
}

TEST(ClientSessionTest, WhoIsReturnedForUtf8IsAskedAboutAgainAfterACut) {
  testing::ScriptedSession peer;
  peer.mails = {MakeMail(), MakeMail({"böb@x.test", "anna@x.test"})};
  peer.Run(testing::Open({}));
  peer.Run({"submit", "C: MAIL FROM:<s@me.test>", "S: 550 no", "submit", "C: MAIL FROM:<s@me.test>", "cut"});
  EXPECT_THAT(peer.Results(), ::testing::ElementsAre("0: permanent MAIL REPLY 550 no [0]", "1: untouched"));
}

}  // namespace
}  // namespace goniec::outbound
