#include "common/smtp/command.h"

#include <gtest/gtest.h>

#include <string>

#include "common/smtp/replies.h"

namespace goniec::smtp {
namespace {

TEST(CommandLine, VerbsAreRecognisedInAnyCase) {
  struct Row {
    const char* line;
    Verb verb;
    const char* argument;
  };
  for (const Row& row : {
           Row{"EHLO a.example", Verb::kEhlo, "a.example"},
           Row{"helo  a ", Verb::kHelo, "a"},
           Row{"MAIL FROM:<a@b>", Verb::kMail, "FROM:<a@b>"},
           Row{"rCpT TO:<a@b>", Verb::kRcpt, "TO:<a@b>"},
           Row{"DATA", Verb::kData, ""},
           Row{"BDAT 10 LAST", Verb::kBdat, "10 LAST"},
           Row{"RSET", Verb::kRset, ""},
           Row{"NOOP x", Verb::kNoop, "x"},
           Row{"VRFY x", Verb::kVrfy, "x"},
           Row{"HELP", Verb::kHelp, ""},
           Row{"QUIT\t", Verb::kQuit, ""},
           Row{"STARTTLS", Verb::kStartTls, ""},
           Row{"AUTH PLAIN x", Verb::kNotImplemented, "PLAIN x"},
           Row{"EXPN x", Verb::kNotImplemented, "x"},
           Row{"TURN", Verb::kNotImplemented, ""},
           Row{"GET / HTTP/1.1", Verb::kForeign, "/ HTTP/1.1"},
           Row{"", Verb::kUnknown, ""},
           Row{" DATA", Verb::kUnknown, "DATA"},
           Row{"DATAX", Verb::kUnknown, ""},
           Row{"DAT", Verb::kUnknown, ""},
           Row{"MAILFROM:<a@b>", Verb::kUnknown, ""},
           Row{"\xFF", Verb::kUnknown, ""},
       }) {
    const CommandLine command = ParseCommandLine(row.line);
    EXPECT_EQ(command.verb, row.verb) << row.line;
    EXPECT_EQ(command.argument, row.argument) << row.line;
  }
}

TEST(MailCommand, Parameters) {
  const Parsed<MailCommand> parsed =
      ParseMail("from: <a@b>  SIZE=1000\tbody=8bitmime SMTPUTF8", Extensions());
  ASSERT_TRUE(std::holds_alternative<MailCommand>(parsed)) << std::get<Reply>(parsed).ToWire();
  const auto& command = std::get<MailCommand>(parsed);
  EXPECT_EQ(command.reverse_path.mailbox.ToString(), "a@b");
  EXPECT_EQ(command.parameters.size, 1000U);
  EXPECT_EQ(command.parameters.body, BodyType::k8BitMime);
  EXPECT_TRUE(command.parameters.smtputf8);
}

TEST(MailCommand, SizeBeyond64BitsIsVeryLarge) {
  const Parsed<MailCommand> parsed = ParseMail("FROM:<a@b> SIZE=99999999999999999999", Extensions());
  EXPECT_EQ(std::get<MailCommand>(parsed).parameters.size, UINT64_MAX);
}

struct Refused {
  const char* name;
  const char* argument;
  int code;
  EnhancedCode enhanced;
};

class MailRefused : public ::testing::TestWithParam<Refused> {};
TEST_P(MailRefused, With) {
  const Parsed<MailCommand> parsed = ParseMail(GetParam().argument, Extensions());
  ASSERT_TRUE(std::holds_alternative<Reply>(parsed));
  EXPECT_EQ(std::get<Reply>(parsed).code, GetParam().code);
  EXPECT_TRUE(std::get<Reply>(parsed).enhanced == GetParam().enhanced) << std::get<Reply>(parsed).ToWire();
}

constexpr EnhancedCode kSyntax{5, 5, 4};
constexpr EnhancedCode kSender{5, 1, 7};
constexpr EnhancedCode kRecipient{5, 1, 3};

INSTANTIATE_TEST_SUITE_P(
    Table, MailRefused,
    ::testing::Values(Refused{"Nothing", "", 501, kSyntax}, Refused{"NoLabel", "<a@b>", 501, kSyntax},
                      Refused{"OtherLabel", "TO:<a@b>", 501, kSyntax},
                      Refused{"NoPath", "FROM:", 501, kSender},
                      Refused{"NoBrackets", "FROM:a@b", 501, kSender},
                      Refused{"NoDomain", "FROM:<a>", 501, kSender},
                      Refused{"Glued", "FROM:<a@b>SIZE=1", 501, kSyntax},
                      Refused{"Junk", "FROM:<a@b> junk=,", 555, kSyntax},
                      Refused{"Unknown", "FROM:<a@b> XFOO=1", 555, kSyntax},
                      Refused{"BadKeyword", "FROM:<a@b> =1", 501, kSyntax},
                      Refused{"TwoEquals", "FROM:<a@b> SIZE=1=2", 501, kSyntax},
                      Refused{"EmptyValue", "FROM:<a@b> SIZE=", 501, kSyntax},
                      Refused{"SizeNoValue", "FROM:<a@b> SIZE", 501, kSyntax},
                      Refused{"SizeNegative", "FROM:<a@b> SIZE=-1", 501, kSyntax},
                      Refused{"SizeWord", "FROM:<a@b> SIZE=1x", 501, kSyntax},
                      Refused{"SizeTooLong", "FROM:<a@b> SIZE=123456789012345678901", 501, kSyntax},
                      Refused{"SizeTwice", "FROM:<a@b> SIZE=1 SIZE=1", 501, kSyntax},
                      Refused{"BodyBinary", "FROM:<a@b> BODY=BINARYMIME", 501, kSyntax},
                      Refused{"Utf8Value", "FROM:<a@b> SMTPUTF8=1", 501, kSyntax},
                      Refused{"Ret", "FROM:<a@b> RET=HDRS", 555, kSyntax},
                      Refused{"Envid", "FROM:<a@b> ENVID=x", 555, kSyntax},
                      Refused{"Auth", "FROM:<a@b> AUTH=<>", 555, kSyntax},
                      Refused{"Utf8Missing", "FROM:<ü@b>", 550, {5, 6, 7}},
                      Refused{"Utf8DomainMissing", "FROM:<a@ü.de>", 550, {5, 6, 7}}),
    [](const auto& info) { return info.param.name; });

class RcptRefused : public ::testing::TestWithParam<Refused> {};
TEST_P(RcptRefused, With) {
  const Parsed<RcptCommand> parsed = ParseRcpt(GetParam().argument, Extensions());
  ASSERT_TRUE(std::holds_alternative<Reply>(parsed));
  EXPECT_EQ(std::get<Reply>(parsed).code, GetParam().code);
  EXPECT_TRUE(std::get<Reply>(parsed).enhanced == GetParam().enhanced) << std::get<Reply>(parsed).ToWire();
}

INSTANTIATE_TEST_SUITE_P(Table, RcptRefused,
                         ::testing::Values(Refused{"Nothing", "", 501, kSyntax},
                                           Refused{"Null", "TO:<>", 501, kRecipient},
                                           Refused{"NoDomain", "TO:<a>", 501, kRecipient},
                                           Refused{"Notify", "TO:<a@b> NOTIFY=NEVER", 555, kSyntax},
                                           Refused{"Orcpt", "TO:<a@b> ORCPT=rfc822;a@b", 555, kSyntax},
                                           Refused{"Size", "TO:<a@b> SIZE=1", 555, kSyntax}),
                         [](const auto& info) { return info.param.name; });

TEST(DsnParameters, AreParsedWhereTheyAreOffered) {
  Extensions offered;
  offered.dsn = true;
  const Parsed<MailCommand> mail = ParseMail("FROM:<a@b> RET=HDRS ENVID=QQ+2B1", offered);
  EXPECT_EQ(std::get<MailCommand>(mail).parameters.ret, DsnReturn::kHeaders);
  EXPECT_EQ(std::get<MailCommand>(mail).parameters.envid, "QQ+1");
  const Parsed<RcptCommand> rcpt = ParseRcpt("TO:<a@b> NOTIFY=success,DELAY ORCPT=rfc822;x+40y", offered);
  const RcptParameters& parameters = std::get<RcptCommand>(rcpt).parameters;
  ASSERT_TRUE(parameters.notify.has_value());
  EXPECT_TRUE(parameters.notify->success && parameters.notify->delay);
  EXPECT_FALSE(parameters.notify->never || parameters.notify->failure);
  EXPECT_EQ(parameters.orcpt, "rfc822;x@y");
  for (const char* bad :
       {"TO:<a@b> NOTIFY=NEVER,DELAY", "TO:<a@b> NOTIFY=", "TO:<a@b> NOTIFY=x", "TO:<a@b> ORCPT=nothing",
        "TO:<a@b> ORCPT=rfc822;a+4", "TO:<a@b> ORCPT=rfc822;a+4g"}) {
    EXPECT_EQ(std::get<Reply>(ParseRcpt(bad, offered)).code, 501) << bad;
  }
}

TEST(BdatCommand, SizeAndLast) {
  const auto parse = [](std::string_view text) { return std::get<BdatCommand>(ParseBdat(text)); };
  EXPECT_EQ(parse("0").size, 0U);
  EXPECT_EQ(parse("18446744073709551615").size, UINT64_MAX);
  EXPECT_FALSE(parse("10").last);
  EXPECT_TRUE(parse("10 LAST").last);
  EXPECT_TRUE(parse("10  last").last);
  for (const char* bad : {"", "LAST", "x", "-1", "+1", "1x", "18446744073709551616", "10 LAS", "10 LAST x"}) {
    EXPECT_EQ(std::get<Reply>(ParseBdat(bad)).code, 501) << bad;
  }
}

TEST(HelloName, AnythingThatCanBeAName) {
  for (const char* good :
       {"a", "a.example", "[192.0.2.1]", "[IPv6:::1]", "192.0.2.1", "under_score", "ü.example"}) {
    EXPECT_TRUE(IsAcceptableHelloName(good)) << good;
  }
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\tb"), std::string("\xFF"),
                                 std::string("a\0b", 3), std::string(256, 'a')}) {
    EXPECT_FALSE(IsAcceptableHelloName(bad)) << bad;
  }
}

}  // namespace
}  // namespace goniec::smtp
