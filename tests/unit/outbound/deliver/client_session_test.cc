#include "outbound/deliver/client_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/outbound/deliver/session_script.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

struct Dialogue {
  std::string name;
  Script script;
  std::vector<std::string> results;
  std::vector<std::string> recipients = {"a@x.test"};
  // False: it is about what comes in one segment.
  bool any_segments = true;
};

std::ostream& operator<<(std::ostream& out, const Dialogue& dialogue) {
  return out << dialogue.name;
}

class DialogueTest : public ::testing::TestWithParam<Dialogue> {};

TEST_P(DialogueTest, EndsAsSaid) {
  for (const std::size_t segment : {0, 1, 7}) {
    if (segment != 0 && !GetParam().any_segments) continue;
    SCOPED_TRACE("segments of " + std::to_string(segment));
    ScriptedSession peer(segment);
    peer.mails = {MakeMail(GetParam().recipients)};
    peer.Run(GetParam().script);
    EXPECT_THAT(peer.Results(), ElementsAreArray(GetParam().results));
  }
}

std::string Name(const ::testing::TestParamInfo<Dialogue>& param) {
  return param.param.name;
}

// --- The opening ---

INSTANTIATE_TEST_SUITE_P(
    Opening, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"Ehlo", Open({"SIZE 100", "PIPELINING"}), {}},
        {"EhloWithoutExtensions", Open({}), {}},
        {"MultilineGreeting", {"S: 220-mx.test", "S: 220 welcome", "C: EHLO me.test"}, {}},
        {"HeloFallback",
         {"S: 220 mx", "C: EHLO me.test", "S: 502 what?", "C: HELO me.test", "S: 250 mx", "want work"},
         {}},
        {"Greeting4",
         {"S: 450 4.3.2 later", "want close"},
         {"opening: temporary GREETING REPLY 450 4.3.2 later"}},
        {"Greeting421", {"S: 421 busy", "want close"}, {"opening: temporary GREETING REPLY 421 busy"}},
        {"Greeting5",
         {"S: 554 5.7.1 go away", "want close"},
         {"opening: temporary GREETING REPLY 554 5.7.1 go away"}},
        {"Greeting521",
         {"S: 521 5.3.2 no mail here", "want close"},
         {"opening: temporary GREETING REPLY 521 5.3.2 no mail here"}},
        {"Greeting3",
         {"S: 354 what", "want close"},
         {"opening: temporary GREETING PROTOCOL 4.5.0 the greeting makes no sense"}},
        {"Ehlo4",
         {"S: 220 mx", "C: EHLO me.test", "S: 451 4.3.0 oops", "want close"},
         {"opening: temporary EHLO REPLY 451 4.3.0 oops"}},
        {"Ehlo421",
         {"S: 220 mx", "C: EHLO me.test", "S: 421 bye", "want close"},
         {"opening: temporary EHLO REPLY 421 bye"}},
        {"Helo5",
         {"S: 220 mx", "C: EHLO me.test", "S: 550 no", "C: HELO me.test", "S: 550 5.7.1 no", "want close"},
         {"opening: temporary EHLO REPLY 550 5.7.1 no"}},
        {"Garbage",
         {"S: SSH-2.0-OpenSSH_9.2", "want close"},
         {"opening: temporary GREETING PROTOCOL 4.5.0 the reply does not begin with a code"}},
        {"GarbageAfterEhlo",
         {"S: 220 mx", "C: EHLO me.test", "S: 2x0 what", "want close"},
         {"opening: temporary EHLO PROTOCOL 4.5.0 the reply does not begin with a code"}},
        {"TwoGreetings",
         {"S: 220 mx", "S: 220 mx", "want close"},
         {"opening: temporary GREETING PROTOCOL 4.5.0 a reply came before its command"},
         {"a@x.test"},
         false},
        {"CutBeforeGreeting",
         {"cut", "want close"},
         {"opening: temporary GREETING CONNECTION_LOST 4.4.2 connection lost while waiting for the "
          "greeting"}},
        {"CutAfterEhlo",
         {"S: 220 mx", "C: EHLO me.test", "cut"},
         {"opening: temporary EHLO CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to "
          "EHLO"}},
        {"TimeoutOfGreeting",
         {"timeout"},
         {"opening: temporary GREETING TIMEOUT 4.4.2 timed out while waiting for the greeting"}},
        {"ShutdownWhileOpening",
         {"S: 220 mx", "C: EHLO me.test", "shutdown"},
         {"opening: not_tried EHLO SHUTDOWN shutting down while waiting for the reply to EHLO"}},
    }),
    Name);

// --- STARTTLS ---

const Script kStartTls = {"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS"};

INSTANTIATE_TEST_SUITE_P(
    StartTls, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"EhloIsSaidAgain",
         kStartTls + Script{"S: 220 go", "want tls", "tls", "C: EHLO me.test", "S: 250-mx", "S: 250 STARTTLS",
                            "want work"},
         {}},
        {"Refused454GoesOnInPlainText", kStartTls + Script{"S: 454 4.7.0 not now", "want work"}, {}},
        {"Refused5GoesOnInPlainText", kStartTls + Script{"S: 502 no", "want work"}, {}},
        {"FailedHandshake",
         kStartTls + Script{"S: 220 go", "tls failed", "want close"},
         {"opening: temporary STARTTLS TLS_FAILED 4.7.5 bad certificate"}},
        {"InjectedReply",
         kStartTls + Script{"S: 220 go", "S: 250 injected", "want close"},
         {"opening: temporary STARTTLS PROTOCOL 4.5.0 a reply came before its command"},
         {"a@x.test"},
         false},
        {"InjectedGoodbye",
         kStartTls + Script{"S: 220 go", "S: 421 injected", "want close"},
         {"opening: temporary STARTTLS PROTOCOL 4.5.0 a reply came before its command"},
         {"a@x.test"},
         false},
        {"CutAfterStartTls",
         kStartTls + Script{"cut"},
         {"opening: temporary STARTTLS CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to "
          "STARTTLS"}},
        {"Closed421", kStartTls + Script{"S: 421 bye"}, {"opening: temporary STARTTLS REPLY 421 bye"}},
    }),
    Name);

// --- A server that insists on the TLS which it offers and which is not in use (RFC 3207 §4) ---

const Script kRefusedTls = kStartTls + Script{"S: 454 4.7.0 not now", "want work"};
const Script kMailInPlain = kRefusedTls + Script{"submit", "C: MAIL FROM:<s@me.test>"};
const Script kOver = {"cannot submit", "want work"};

INSTANTIATE_TEST_SUITE_P(
    TlsIsMissing, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"Mail530",
         kMailInPlain + Script{"S: 530 Must issue a STARTTLS command first"} + kOver,
         {"0: temporary MAIL TLS_FAILED 530 TLS is offered and not in use, STARTTLS was refused: Must issue "
          "a "
          "STARTTLS command first [0]"}},
        {"Mail550",
         kMailInPlain + Script{"S: 550 5.7.10 encryption needed"} + kOver,
         {"0: temporary MAIL TLS_FAILED 550 5.7.10 TLS is offered and not in use, STARTTLS was refused: "
          "encryption needed [0]"}},
        {"Mail554NamesIt",
         kMailInPlain + Script{"S: 554 use STARTTLS"} + kOver,
         {"0: temporary MAIL TLS_FAILED 554 TLS is offered and not in use, STARTTLS was refused: use "
          "STARTTLS "
          "[0]"}},
        {"Rcpt530",
         kMailInPlain +
             Script{"S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 530 5.7.0 TLS first", "C: RSET", "S: 250 ok"} +
             kOver,
         {"0: temporary RCPT TLS_FAILED 530 5.7.0 TLS is offered and not in use, STARTTLS was refused: TLS "
          "first "
          "[0]"}},
        {"Data530",
         kMailInPlain +
             Script{"S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: DATA", "S: 530 5.7.0 TLS first",
                    "C: RSET", "S: 250 ok"} +
             kOver,
         {"0: temporary DATA TLS_FAILED 530 5.7.0 TLS is offered and not in use, STARTTLS was refused: TLS "
          "first "
          "[0]"}},
        {"AnotherRefusalIsAVerdict",
         kMailInPlain + Script{"S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 550 5.1.1 who", "C: RSET",
                               "S: 250 ok", "want work", "submit"},
         {"0: permanent RCPT REPLY 550 5.1.1 who [0]"}},
    }),
    Name);

TEST(ClientSessionTest, TlsThatFailedLatelyIsMissed) {
  ScriptedSession peer(0, {.tls = SessionConfig::Tls::kNever}, {.tls_failed = true});
  peer.mails = {MakeMail()};
  peer.Run(Open({}) + Script{"submit", "C: MAIL FROM:<s@me.test>", "S: 530 5.7.0 TLS first", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary MAIL TLS_FAILED 530 5.7.0 TLS is offered and not in "
                                          "use, the handshake failed: TLS first [0]"));
  EXPECT_TRUE(peer.session().tls_demanded());
  EXPECT_TRUE(peer.session().spent());
}

TEST(ClientSessionTest, TlsThatFailedLatelyIsMissedAtTheOpening) {
  ScriptedSession peer(0, {.tls = SessionConfig::Tls::kNever}, {.tls_failed = true});
  peer.Run({"S: 220 mx", "C: EHLO me.test", "S: 530 5.7.0 TLS first", "C: HELO me.test",
            "S: 530 5.7.0 TLS first", "want close"});
  EXPECT_THAT(peer.Results(),
              ElementsAre(HasSubstr("opening: temporary EHLO TLS_FAILED 530 5.7.0 TLS is offered")));
  EXPECT_TRUE(peer.session().tls_demanded());
}

TEST(ClientSessionTest, PolicyIsAVerdictWhereTlsIsInUseOrNotOffered) {
  const Script refused = {"submit", "C: MAIL FROM:<s@me.test>", "S: 550 5.7.1 no", "want work"};
  for (const Script& opening :
       {Open({}), kStartTls + Script{"S: 220 go", "tls", "C: EHLO me.test", "S: 250 mx"}}) {
    ScriptedSession peer;
    peer.mails = {MakeMail()};
    peer.Run(opening + refused);
    EXPECT_THAT(peer.Results(), ElementsAre("0: permanent MAIL REPLY 550 5.7.1 no [0]"));
    EXPECT_FALSE(peer.session().spent());
  }
}

TEST(ClientSessionTest, TlsIsNotAskedForWhenOff) {
  ScriptedSession peer(0, {.tls = SessionConfig::Tls::kNever});
  peer.Run({"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250 STARTTLS", "want work"});
}

TEST(ClientSessionTest, ExtensionsOfThePlainEhloAreForgotten) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run({"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250-PIPELINING", "S: 250 STARTTLS",
            "C: STARTTLS", "S: 220 go", "tls", "C: EHLO me.test", "S: 250 mx", "submit",
            "C: MAIL FROM:<s@me.test>"});
  EXPECT_FALSE(peer.session().extensions().pipelining);
}

TEST(ClientSessionTest, OutcomeNamesTls) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run({"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "tls",
            "C: EHLO me.test", "S: 250 mx", "submit", "S: 550 no"});
  const queue::v1::Outcome& outcome = peer.session().finished().front()->results().front().outcome;
  EXPECT_EQ(outcome.tls_version(), "TLSv1.3");
  EXPECT_EQ(outcome.tls_cipher(), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(outcome.remote_host(), "mx.test");
}

// --- One transaction, command by command ---

const Script kPlain = Open({});
const Script kMail = kPlain + Script{"submit", "C: MAIL FROM:<s@me.test>"};
const Script kRcpt = kMail + Script{"S: 250 ok", "C: RCPT TO:<a@x.test>"};
const Script kData = kRcpt + Script{"S: 250 ok", "C: DATA"};
const Script kContent = {"C: Subject: x", "C: ", "C: Hi", "C: ."};
const Script kDot = kData + Script{"S: 354 go"} + kContent;
const Script kReset = {"C: RSET", "S: 250 ok", "want work"};

INSTANTIATE_TEST_SUITE_P(
    OneByOne, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"Delivered",
         kDot + Script{"S: 250 2.0.0 queued as 1", "want work"},
         {"0: delivered DOT ACCEPTED 250 2.0.0 queued as 1 [0]"}},
        {"Mail4",
         kMail + Script{"S: 451 4.3.0 later", "want work"},
         {"0: temporary MAIL REPLY 451 4.3.0 later [0]"}},
        {"Mail5",
         kMail + Script{"S: 550 5.7.1 no", "want work"},
         {"0: permanent MAIL REPLY 550 5.7.1 no [0]"}},
        {"Mail421",
         kMail + Script{"S: 421 4.3.2 bye", "want close"},
         {"0: temporary MAIL REPLY 421 4.3.2 bye [0]"}},
        {"Mail503IsAboutTheFirstMail",
         kMail + Script{"S: 503 auth first", "want work"},
         {"0: permanent MAIL REPLY 503 auth first [0]"}},
        {"Mail3",
         kMail + Script{"S: 354 what", "want close"},
         {"0: temporary MAIL PROTOCOL 4.5.0 the reply to MAIL makes no sense [0]"}},
        {"Rcpt4",
         kRcpt + Script{"S: 450 4.2.1 later"} + kReset,
         {"0: temporary RCPT REPLY 450 4.2.1 later [0]"}},
        {"Rcpt5",
         kRcpt + Script{"S: 550 5.1.1 unknown"} + kReset,
         {"0: permanent RCPT REPLY 550 5.1.1 unknown [0]"}},
        {"Rcpt251", kRcpt + Script{"S: 251 will forward", "C: DATA"}, {}},
        {"Rcpt421", kRcpt + Script{"S: 421 bye", "want close"}, {"0: temporary RCPT REPLY 421 bye [0]"}},
        {"Rcpt3",
         kRcpt + Script{"S: 354 what", "want close"},
         {"0: temporary RCPT PROTOCOL 4.5.0 the reply to RCPT makes no sense [0]"}},
        {"Data4",
         kData + Script{"S: 451 4.3.0 later"} + kReset,
         {"0: temporary DATA REPLY 451 4.3.0 later [0]"}},
        {"Data5", kData + Script{"S: 554 5.7.0 no"} + kReset, {"0: permanent DATA REPLY 554 5.7.0 no [0]"}},
        {"Data421", kData + Script{"S: 421 bye", "want close"}, {"0: temporary DATA REPLY 421 bye [0]"}},
        {"Data2",
         kData + Script{"S: 250 ok", "want close"},
         {"0: temporary DATA PROTOCOL 4.5.0 the reply to DATA makes no sense [0]"}},
        {"Dot4",
         kDot + Script{"S: 451 4.3.0 later", "want work"},
         {"0: temporary DOT REPLY 451 4.3.0 later [0]"}},
        {"Dot5",
         kDot + Script{"S: 550 5.7.1 spam", "want work"},
         {"0: permanent DOT REPLY 550 5.7.1 spam [0]"}},
        {"Dot421IsAReply",
         kDot + Script{"S: 421 4.3.2 bye", "want close"},
         {"0: temporary DOT REPLY 421 4.3.2 bye [0]"}},
        {"Dot3",
         kDot + Script{"S: 354 go on", "want close"},
         {"0: temporary DOT PROTOCOL 4.5.0 the reply to the end of data makes no sense AMBIGUOUS [0]"}},
        {"DotGarbage",
         kDot + Script{"S: hello", "want close"},
         {"0: temporary DOT PROTOCOL 4.5.0 the reply does not begin with a code AMBIGUOUS [0]"}},
        {"DotContradictsItself",
         kDot + Script{"S: 550-ok", "S: 250 no", "want close"},
         {"0: temporary DOT PROTOCOL 4.5.0 the lines of the reply differ in their codes AMBIGUOUS [0]"}},
        {"DotSaysYesInTwoWays",
         kDot + Script{"S: 250-2.0.0 ok", "S: 251 will forward", "want work"},
         {"0: delivered DOT ACCEPTED 251 2.0.0 ok will forward [0]"}},
        {"RcptContradictsItself",
         kRcpt + Script{"S: 250-ok", "S: 550 no", "want close"},
         {"0: temporary RCPT PROTOCOL 4.5.0 the lines of the reply differ in their codes [0]"}},
        {"RcptHasALineWithoutMeasure",
         kRcpt + Script{"S: 550 " + std::string(2'000, 'x'), "want close"},
         {"0: temporary RCPT PROTOCOL 4.5.0 a line of the reply is too long [0]"}},
        {"DeliveredThenGoodbye",
         kDot + Script{"S: 250 ok", "S: 421 bye", "want close"},
         {"0: delivered DOT ACCEPTED 250 ok [0]"}},
        {"ResetRefused",
         kRcpt + Script{"S: 550 no", "C: RSET", "S: 500 what", "want close"},
         {"0: permanent RCPT REPLY 550 no [0]"}},
        {"UnaskedReply", kPlain + Script{"S: 250 hello", "want close"}, {}},
        {"UnaskedGoodbye", kPlain + Script{"S: 421 idle for too long", "want close"}, {}},
        {"MultilineReply",
         kMail + Script{"S: 550-5.7.1 You are", "S: 550-5.7.1 not", "S: 550 5.7.1 welcome"},
         {"0: permanent MAIL REPLY 550 5.7.1 You are not welcome [0]"}},
        {"TextIsMadePrintable",
         kMail + Script{"S: 550 a\x1b[31mb\xff"},
         {"0: permanent MAIL REPLY 550 a\\x1b[31mb\\xff [0]"}},
        {"EarlyReplyToRcpt",
         kMail + Script{"S: 250 ok", "S: 250 ok", "want close"},
         {"0: temporary MAIL PROTOCOL 4.5.0 a reply came before its command [0]"},
         {"a@x.test"},
         false},
        {"EarlyReplyToTheDot",
         kData + Script{"S: 354 go", "S: 250 thanks already", "want close"},
         {"0: temporary DATA PROTOCOL 4.5.0 a reply came before its command [0]"},
         {"a@x.test"},
         false},
        {"SecondReplyToTheDot",
         kDot + Script{"S: 250 ok", "S: 250 ok", "want close"},
         {"0: delivered DOT ACCEPTED 250 ok [0]"},
         {"a@x.test"},
         false},
        {"Quit",
         kPlain + Script{"quit", "cannot submit", "C: QUIT", "want reply", "S: 221 bye", "want close"},
         {}},
        {"QuitWithoutReply", kPlain + Script{"quit", "C: QUIT", "cut", "want close"}, {}},
    }),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Cut, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"AfterMail",
         kMail + Script{"cut"},
         {"0: temporary MAIL CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to MAIL [0]"}},
        {"AfterRcpt",
         kRcpt + Script{"cut"},
         {"0: temporary RCPT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to RCPT [0]"}},
        {"AfterData",
         kData + Script{"cut"},
         {"0: temporary DATA CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to DATA [0]"}},
        {"AfterDot",
         kDot + Script{"cut", "want close"},
         {"0: temporary DOT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to the end of "
          "data "
          "AMBIGUOUS [0]"}},
        {"TimeoutAfterDot",
         kDot + Script{"timeout"},
         {"0: temporary DOT TIMEOUT 4.4.2 timed out while waiting for the reply to the end of data AMBIGUOUS "
          "[0]"}},
        {"InTheMiddleOfAReply",
         kMail + Script{"S: 250-half", "cut"},
         {"0: temporary MAIL CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to MAIL [0]"}},
        {"ShutdownBeforeDot",
         kData + Script{"shutdown"},
         {"0: not_tried DATA SHUTDOWN shutting down while waiting for the reply to DATA [0]"}},
        {"ShutdownAfterDot",
         kDot + Script{"shutdown"},
         {"0: temporary DOT SHUTDOWN shutting down while waiting for the reply to the end of data AMBIGUOUS "
          "[0]"}},
        {"WhileIdle", kPlain + Script{"cut", "want close"}, {}},
        {"BetweenTransactionsIsNotTheNextMailsFault",
         kDot + Script{"S: 250 ok", "submit", "C: MAIL FROM:<s@me.test>", "cut"},
         {"0: delivered DOT ACCEPTED 250 ok [0]", "1: untouched"}},
        {"GoodbyeBetweenTransactions",
         kDot + Script{"S: 250 ok", "submit", "C: MAIL FROM:<s@me.test>", "S: 421 enough", "want close"},
         {"0: delivered DOT ACCEPTED 250 ok [0]", "1: untouched"}},
        {"OutOfStepBetweenTransactions",
         kDot + Script{"S: 250 ok", "submit", "C: MAIL FROM:<s@me.test>", "S: 503 nested", "want close"},
         {"0: delivered DOT ACCEPTED 250 ok [0]", "1: untouched"}},
        {"TimeoutBetweenTransactionsCounts",
         kDot + Script{"S: 250 ok", "submit", "C: MAIL FROM:<s@me.test>", "timeout"},
         {"0: delivered DOT ACCEPTED 250 ok [0]",
          "1: temporary MAIL TIMEOUT 4.4.2 timed out while waiting for the reply to MAIL [0]"}},
    }),
    Name);

// --- Several recipients ---

const Script kThree = kPlain + Script{"submit", "C: MAIL FROM:<s@me.test>", "S: 250 ok"};

INSTANTIATE_TEST_SUITE_P(
    Recipients, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"Mixed",
         kThree +
             Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 550 5.1.1 who",
                    "C: RCPT TO:<c@x>", "S: 450 4.2.0 busy", "C: DATA", "S: 354 go"} +
             kContent + Script{"S: 250 ok", "want work"},
         {"0: permanent RCPT REPLY 550 5.1.1 who [1]", "0: temporary RCPT REPLY 450 4.2.0 busy [2]",
          "0: delivered DOT ACCEPTED 250 ok [0]"},
         {"a@x", "b@x", "c@x"}},
        {"TheDotDecidesForTheAcceptedOnly",
         kThree +
             Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 550 who", "C: RCPT TO:<c@x>",
                    "S: 250 ok", "C: DATA", "S: 354 go"} +
             kContent + Script{"S: 451 later"},
         {"0: permanent RCPT REPLY 550 who [1]", "0: temporary DOT REPLY 451 later [0,2]"},
         {"a@x", "b@x", "c@x"}},
        {"TooManyAreLeftOver",
         kThree +
             Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 452 4.5.3 too many",
                    "C: RCPT TO:<c@x>", "S: 552 too many", "C: DATA", "S: 354 go"} +
             kContent + Script{"S: 250 ok"},
         {"0: delivered DOT ACCEPTED 250 ok [0]", "0: leftover 1,2"},
         {"a@x", "b@x", "c@x"}},
        {"TooManyAreTemporaryIfTheOthersFail",
         kThree +
             Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 452 4.5.3 too many", "C: DATA",
                    "S: 554 no"} +
             kReset,
         {"0: permanent DATA REPLY 554 no [0]", "0: temporary RCPT REPLY 452 4.5.3 too many [1]"},
         {"a@x", "b@x"}},
        {"NoRoomForTheFirstIsTemporary",
         kThree + Script{"C: RCPT TO:<a@x>", "S: 452 4.2.2 full"} + kReset,
         {"0: temporary RCPT REPLY 452 4.2.2 full [0]"},
         {"a@x"}},
        {"CutAmongThem",
         kThree + Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 550 who",
                         "C: RCPT TO:<c@x>", "cut"},
         {"0: permanent RCPT REPLY 550 who [1]",
          "0: temporary RCPT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to RCPT "
          "[0,2]"},
         {"a@x", "b@x", "c@x"}},
        {"GoodbyeAmongThem",
         kThree + Script{"C: RCPT TO:<a@x>", "S: 250 ok", "C: RCPT TO:<b@x>", "S: 421 bye", "want close"},
         {"0: temporary RCPT REPLY 421 bye [0,1,2]"},
         {"a@x", "b@x", "c@x"}},
        {"AllRefused",
         kThree + Script{"C: RCPT TO:<a@x>", "S: 550 who", "C: RCPT TO:<b@x>", "S: 551 moved"} + kReset,
         {"0: permanent RCPT REPLY 550 who [0]", "0: permanent RCPT REPLY 551 moved [1]"},
         {"a@x", "b@x"}},
    }),
    Name);

// --- PIPELINING ---

const Script kPiped = Open({"PIPELINING"});
const Script kGroup = {"C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x.test>", "C: DATA"};
const Script kGroupOk = {"S: 250 ok", "S: 250 ok", "S: 354 go"};

INSTANTIATE_TEST_SUITE_P(
    Pipelining, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"OneGroup",
         kPiped + Script{"submit"} + kGroup + kGroupOk + kContent + Script{"S: 250 ok", "want work"},
         {"0: delivered DOT ACCEPTED 250 ok [0]"}},
        {"MailRefused",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 550 no", "S: 503 mail first", "S: 503 rcpt first", "want work"},
         {"0: permanent MAIL REPLY 550 no [0]"}},
        {"AllRefusedDataRefused",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 250 ok", "S: 550 who", "S: 554 no valid recipients"} + kReset,
         {"0: permanent RCPT REPLY 550 who [0]"}},
        {"AllRefusedDataAccepted",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 250 ok", "S: 550 who", "S: 354 go", "C: .", "S: 554 no valid recipients",
                    "want work"},
         {"0: permanent RCPT REPLY 550 who [0]"}},
        {"LoneDotAccepted",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 250 ok", "S: 550 who", "S: 354 go", "C: .", "S: 250 ok", "want work"},
         {"0: permanent RCPT REPLY 550 who [0]"}},
        {"MailRefusedButTheRestAccepted",
         kPiped + Script{"submit"} + kGroup + Script{"S: 451 no", "S: 250 ok", "S: 354 go", "want close"},
         {"0: temporary MAIL REPLY 451 no [0]"}},
        {"CutInTheGroup",
         kPiped + Script{"submit"} + kGroup + Script{"S: 250 ok", "cut"},
         {"0: temporary RCPT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to RCPT [0]"}},
        {"GoodbyeInTheGroup",
         kPiped + Script{"submit"} + kGroup + Script{"S: 250 ok", "S: 250 ok", "S: 421 bye"},
         {"0: temporary DATA REPLY 421 bye [0]"}},
        {"FirstMailHasNoFollower",
         kPiped + Script{"submit"} + kGroup + kGroupOk + Script{"cannot submit"} + kContent,
         {}},
        {"TheNextFollowsBehindTheDot",
         kPiped + Script{"submit"} + kGroup + kGroupOk + kContent + Script{"S: 250 one", "submit"} + kGroup +
             kGroupOk + Script{"submit", "cannot submit"} + kContent + kGroup + Script{"S: 250 two"} +
             kGroupOk + kContent + Script{"S: 250 three", "want work"},
         {"0: delivered DOT ACCEPTED 250 one [0]", "1: delivered DOT ACCEPTED 250 two [0]",
          "2: delivered DOT ACCEPTED 250 three [0]"}},
        {"NoFollowerBehindASlowServer",
         kPiped + Script{"submit"} + kGroup + kGroupOk + kContent +
             Script{"wait 1000", "S: 250 one", "submit"} + kGroup + kGroupOk + Script{"cannot submit"},
         {"0: delivered DOT ACCEPTED 250 one [0]"}},
        {"ResetGoesAlongWithTheNext",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 250 ok", "S: 550 who", "S: 554 no valid recipients", "submit"} + Script{"C: RSET"} +
             kGroup + Script{"S: 250 reset"} + kGroupOk + kContent + Script{"S: 250 ok"},
         {"0: permanent RCPT REPLY 550 who [0]", "1: delivered DOT ACCEPTED 250 ok [0]"}},
    }),
    Name);

// --- Extensions that are offered and refused ---

const Script kSized = Open({"PIPELINING", "SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18",
                                                            "C: RCPT TO:<a@x.test>", "C: DATA"};
const Script kGroupRefused = {"S: 503 mail first", "S: 503 mail first"};

INSTANTIATE_TEST_SUITE_P(
    Refused, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"ParametersGoWithoutThem",
         kSized + Script{"S: 555 5.5.4 unknown parameter"} + kGroupRefused + kGroup + kGroupOk + kContent +
             Script{"S: 250 ok", "submit"} + kGroup,
         {"0: delivered DOT ACCEPTED 250 ok [0]"}},
        {"ParametersGoWithoutThemOneByOne",
         Open({"SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18", "S: 501 5.5.4 syntax",
                                 "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>",
                                 "S: 250 ok", "C: DATA"},
         {}},
        {"ItWasTheAddressAfterAll",
         kSized + Script{"S: 501 syntax"} + kGroupRefused + kGroup + Script{"S: 501 syntax"} + kGroupRefused +
             Script{"want work", "submit", "C: MAIL FROM:<s@me.test> SIZE=18", "C: RCPT TO:<a@x.test>",
                    "C: DATA"},
         {"0: permanent MAIL REPLY 501 syntax [0]"}},
        {"TheAddressIsNamed",
         kSized + Script{"S: 501 5.1.7 bad address"} + kGroupRefused,
         {"0: permanent MAIL REPLY 501 5.1.7 bad address [0]"}},
        {"WithoutParametersItIsAVerdict",
         kPiped + Script{"submit"} + kGroup + Script{"S: 555 5.5.4 what"} + kGroupRefused,
         {"0: permanent MAIL REPLY 555 5.5.4 what [0]"}},
        {"RefusedParametersAndAcceptedRecipients",
         kSized + Script{"S: 555 what", "S: 250 ok", "S: 354 go", "want close"},
         {"0: temporary MAIL PROTOCOL 4.5.0 recipients were accepted after the sender was refused [0]"}},
        {"LoneDotBetween",
         kSized + Script{"S: 555 what", "S: 503 mail first", "S: 354 go", "C: .", "S: 554 nobody"} + kGroup,
         {}},
        {"PipeliningAtRcpt",
         kPiped + Script{"submit"} + kGroup + Script{"S: 250 ok", "S: 503 one by one", "want close"},
         {"0: leftover 0"}},
        {"PipeliningAtData",
         kPiped + Script{"submit"} + kGroup +
             Script{"S: 250 ok", "S: 250 ok", "S: 503 one by one", "want close"},
         {"0: leftover 0"}},
        {"PipeliningKeepsWhatWasRefused",
         kPiped + Script{"submit", "C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x>", "C: RCPT TO:<b@x>",
                         "C: RCPT TO:<c@x>", "C: DATA", "S: 250 ok", "S: 250 ok", "S: 550 who",
                         "S: 503 one by one", "want close"},
         {"0: permanent RCPT REPLY 550 who [1]", "0: leftover 0,2"},
         {"a@x", "b@x", "c@x"}},
        {"OutOfOrderWithoutPipeliningIsAVerdict",
         kRcpt + Script{"S: 503 what"} + kReset,
         {"0: permanent RCPT REPLY 503 what [0]"}},
    }),
    Name);

TEST(ClientSessionTest, WhatIsBrokenIsToldOnce) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(kSized + Script{"S: 555 5.5.4 unknown parameter"} + kGroupRefused + kGroup + kGroupOk + kContent);
  const BrokenExtensions broken = peer.session().TakeBroken();
  EXPECT_TRUE(broken.size && !broken.dsn && !broken.pipelining && !broken.chunking);
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

TEST(ClientSessionTest, ASilentGroupMeansNoPipelining) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(kPiped + Script{"submit"} + kGroup + Script{"S: 250 ok", "timeout"});
  EXPECT_THAT(peer.Results(), ElementsAre(HasSubstr("temporary RCPT TIMEOUT")));
  EXPECT_TRUE(peer.session().TakeBroken().pipelining);
}

TEST(ClientSessionTest, WhatIsKnownToBeBrokenIsNotUsed) {
  ScriptedSession peer(0, {.chunking_from = 0},
                       {.broken = {.pipelining = true, .size = true, .chunking = true, .dsn = true}});
  peer.mails = {MakeMail()};
  peer.mails[0]->mutable_recipients(0)->set_notify("NEVER");
  peer.Run(Open({"PIPELINING", "SIZE 3", "CHUNKING", "DSN"}) + Script{"submit", "C: MAIL FROM:<s@me.test>",
                                                                      "S: 250 ok", "C: RCPT TO:<a@x.test>",
                                                                      "S: 250 ok", "C: DATA"});
}

TEST(ClientSessionTest, RefusedDsnParametersAreLeftOut) {
  ScriptedSession peer;
  peer.mails = {MakeMail({"a@x", "b@x", "c@x"})};
  peer.mails[0]->mutable_recipients(0)->set_notify("NEVER");
  peer.mails[0]->mutable_recipients(1)->set_notify("NEVER");
  peer.Run(Open({"PIPELINING", "DSN"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x> NOTIFY=NEVER",
                  "C: RCPT TO:<b@x> NOTIFY=NEVER", "C: RCPT TO:<c@x>", "C: DATA", "S: 250 ok", "S: 555 what",
                  "S: 501 5.1.3 bad address", "S: 250 ok", "S: 354 go"} +
           kContent + Script{"S: 250 ok", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: permanent RCPT REPLY 501 5.1.3 bad address [1]",
                                          "0: delivered DOT ACCEPTED 250 ok [2]", "0: leftover 0"));
  EXPECT_TRUE(peer.session().TakeBroken().dsn);
}

// After one delivered mail, a second one whose dot is out, and a third that follows.
const Script kFollowed = kPiped + Script{"submit"} + kGroup + kGroupOk + kContent +
                         Script{"S: 250 one", "submit"} + kGroup + kGroupOk + Script{"submit"} + kContent +
                         kGroup;
constexpr char kFirstDelivered[] = "0: delivered DOT ACCEPTED 250 one [0]";

INSTANTIATE_TEST_SUITE_P(
    Follower, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"CutBeforeTheFormersReply",
         kFollowed + Script{"cut"},
         {kFirstDelivered,
          "1: temporary DOT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to the end of "
          "data "
          "AMBIGUOUS [0]",
          "2: untouched"}},
        {"TimeoutOfTheFormer",
         kFollowed + Script{"timeout"},
         {kFirstDelivered,
          "1: temporary DOT TIMEOUT 4.4.2 timed out while waiting for the reply to the end of data AMBIGUOUS "
          "[0]",
          "2: untouched"}},
        {"GoodbyeToTheFormer",
         kFollowed + Script{"S: 421 enough"},
         {kFirstDelivered, "1: temporary DOT REPLY 421 enough [0]", "2: untouched"}},
        {"CutAfterTheFormersReply",
         kFollowed + Script{"S: 250 two", "cut"},
         {kFirstDelivered, "1: delivered DOT ACCEPTED 250 two [0]", "2: untouched"}},
        {"CutAfterItsMail",
         kFollowed + Script{"S: 250 two", "S: 250 ok", "cut"},
         {kFirstDelivered, "1: delivered DOT ACCEPTED 250 two [0]",
          "2: temporary RCPT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to RCPT [0]"}},
        {"CutAfterItsDot",
         kFollowed + Script{"S: 250 two"} + kGroupOk + kContent + Script{"cut"},
         {kFirstDelivered, "1: delivered DOT ACCEPTED 250 two [0]",
          "2: temporary DOT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to the end of "
          "data "
          "AMBIGUOUS [0]"}},
        {"TheFormerIsRefused",
         kFollowed + Script{"S: 550 spam"} + kGroupOk + kContent + Script{"S: 250 three"},
         {kFirstDelivered, "1: permanent DOT REPLY 550 spam [0]", "2: delivered DOT ACCEPTED 250 three [0]"}},
        {"BrokerFallsSilent",
         kFollowed + Script{"broker silent", "S: 250 two"} + kGroupOk + Script{"want close"},
         {kFirstDelivered, "1: delivered DOT ACCEPTED 250 two [0]",
          "2: not_tried BODY BROKER given up before the end of data: the queue does not answer [0]"}},
        {"Shutdown",
         kFollowed + Script{"shutdown"},
         {kFirstDelivered,
          "1: temporary DOT SHUTDOWN shutting down while waiting for the reply to the end of data AMBIGUOUS "
          "[0]",
          "2: untouched"}},
    }),
    Name);

TEST(ClientSessionTest, FollowingCanBeTurnedOff) {
  ScriptedSession peer(0, {.follow_limit = std::chrono::milliseconds(0)});
  peer.mails = {MakeMail()};
  peer.Run(kPiped + Script{"submit"} + kGroup + kGroupOk + kContent + Script{"S: 250 one", "submit"} +
           kGroup + kGroupOk + Script{"cannot submit"});
}

TEST(ClientSessionTest, EveryWaitHasItsTimeLimit) {
  ScriptedSession peer(0, {.time_limit_percent = 50});
  peer.mails = {MakeMail()};
  using std::chrono::minutes;
  using std::chrono::seconds;
  EXPECT_EQ(peer.session().time_limit(), seconds(150));
  peer.Run(kPlain +
           Script{"submit", "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok"});
  EXPECT_EQ(peer.session().time_limit(), minutes(1));  // DATA
  peer.session().output().clear();
  peer.Run({"S: 354 go"});
  EXPECT_EQ(peer.session().time_limit(), minutes(5));  // the dot
}

TEST(ClientSessionTest, LatencyIsThatOfTheTransaction) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(kPlain + Script{"wait 5000", "submit", "wait 20", "S: 550 no"});
  EXPECT_EQ(peer.session().finished().front()->results().front().outcome.latency_us(), 20'000u);
}

TEST(ClientSessionTest, EndlessRepliesEndTheSession) {
  ScriptedSession peer;
  for (int i = 0; i < 10'000 && peer.session().want() != ClientSession::Want::kClose; ++i) {
    peer.session().Receive("220-more\r\n");
  }
  EXPECT_THAT(peer.Results(), ElementsAre(HasSubstr("the reply does not end")));
}

TEST(ClientSessionTest, LongTextsAreCut) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(kMail + Script{"S: 550-" + std::string(900, 'x'), "S: 550 " + std::string(900, 'y')});
  EXPECT_LE(peer.session().finished().front()->results().front().outcome.text().size(), 1024u);
}

}  // namespace
}  // namespace goniec::outbound::testing
