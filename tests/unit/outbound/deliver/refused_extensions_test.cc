// Servers that offer an extension and refuse it: the mail goes again without it, and that is remembered.
#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace goniec::outbound::testing
