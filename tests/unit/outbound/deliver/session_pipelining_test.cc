// Transactions in groups, and one right behind the end of data of another (RFC 2920).
#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {
namespace {

// --- PIPELINING ---

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

}  // namespace
}  // namespace goniec::outbound::testing
