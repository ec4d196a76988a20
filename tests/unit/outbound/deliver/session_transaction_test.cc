// One transaction on a session, command by command: every reply, cuts, several recipients, limits.
#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::HasSubstr;

// --- One transaction, command by command ---

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
        {"Mail421", kMail + Script{"S: 421 4.3.2 bye", "want close"}, {"0: untouched"}},
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
