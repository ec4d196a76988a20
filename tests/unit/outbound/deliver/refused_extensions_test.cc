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

// --- Parameters of MAIL that the message needs ---

std::shared_ptr<queue::v1::Mail> With8BitBody(const std::vector<std::string>& recipients = {"a@x.test"}) {
  auto mail = MakeMail(recipients);
  mail->set_header_octets(queue::v1::OCTETS_ASCII);
  mail->set_body_octets(queue::v1::OCTETS_BEYOND_ASCII);
  return mail;
}

constexpr char kNo8Bit[] =
    "permanent MAIL UNSUPPORTED 5.6.3 the server does not support 8BITMIME, which the 8-bit content of this "
    "message needs [0]";

TEST(NeededParameterTest, IsAskedAboutWithoutItAndThenTakenForNotOffered) {
  for (const char* reply : {"555 5.5.4 what is BODY", "501 syntax", "504 no such parameter"}) {
    ScriptedSession peer;
    peer.mails = {With8BitBody()};
    const std::string refused = "S: " + std::string(reply);
    peer.Run(Open({"8BITMIME", "SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18 BODY=8BITMIME",
                                                 refused, "C: MAIL FROM:<s@me.test> BODY=8BITMIME", refused,
                                                 "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RSET",
                                                 "S: 250 ok", "want work"});
    EXPECT_THAT(peer.Results(), ElementsAre("0: leftover 0")) << reply;
    const BrokenExtensions broken = peer.session().TakeBroken();
    EXPECT_TRUE(broken.eight_bit_mime && !broken.size && !broken.smtputf8) << reply;
    peer.Run({"submit", "want work"});
    EXPECT_EQ(peer.session().output(), "");
    EXPECT_THAT(peer.Results(), ElementsAre("0: leftover 0", "1: " + std::string(kNo8Bit))) << reply;
  }
}

TEST(NeededParameterTest, TheQuestionIsOneCommandThoughCommandsGoInGroups) {
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  peer.Run(Open({"8BITMIME", "PIPELINING"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "C: RCPT TO:<a@x.test>", "C: DATA",
                  "S: 555 what is BODY"} +
           kGroupRefused + Script{"C: MAIL FROM:<s@me.test>", "S: 250 ok"} + kReset);
  EXPECT_THAT(peer.Results(), ElementsAre("0: leftover 0"));
}

// 501 is said of addresses too: nothing is held against the extension then.
TEST(NeededParameterTest, IsNotBlamedForTheAddress) {
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  peer.Run(Open({"8BITMIME"}) + Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 501 syntax",
                                       "C: MAIL FROM:<s@me.test>", "S: 501 syntax", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: permanent MAIL REPLY 501 syntax [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

TEST(NeededParameterTest, ATemporaryAnswerToTheQuestionLeavesItOpen) {
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  peer.Run(Open({"8BITMIME"}) + Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 555 what",
                                       "C: MAIL FROM:<s@me.test>", "S: 451 4.3.0 later", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary MAIL REPLY 451 4.3.0 later [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

// Who does not need it gets the mail.
TEST(NeededParameterTest, Utf8ThatIsRefusedReturnsThoseWhoNeedItAlone) {
  ScriptedSession peer;
  peer.mails = {MakeMail({"böb@x.test", "anna@x.test"})};
  peer.Run(Open({"SMTPUTF8"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> SMTPUTF8", "S: 555 what is SMTPUTF8",
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RSET", "S: 250 ok", "submit",
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<anna@x.test>", "S: 250 ok", "C: DATA",
                  "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(),
              ElementsAre("0: leftover 0,1",
                          "1: permanent MAIL UNSUPPORTED 5.6.7 the server does not support SMTPUTF8, which "
                          "this recipient's address needs [0]",
                          "1: delivered DOT ACCEPTED 250 ok [1]"));
  EXPECT_TRUE(peer.session().TakeBroken().smtputf8);
}

TEST(NeededParameterTest, OfTwoItIsFoundOutWhichOne) {
  ScriptedSession peer;
  peer.mails = {With8BitBody({"böb@x.test"})};
  const Script both = {"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME SMTPUTF8", "S: 555 what",
                       "C: MAIL FROM:<s@me.test> BODY=8BITMIME"};
  peer.Run(Open({"8BITMIME", "SMTPUTF8"}) + both + Script{"S: 555 what", "C: MAIL FROM:<s@me.test>"} +
           Script{"S: 250 ok"} + kReset);
  const BrokenExtensions broken = peer.session().TakeBroken();
  EXPECT_TRUE(broken.eight_bit_mime && !broken.smtputf8);

  ScriptedSession other;
  other.mails = peer.mails;
  other.Run(Open({"8BITMIME", "SMTPUTF8"}) + both + Script{"S: 250 ok"} + kReset);
  const BrokenExtensions others = other.session().TakeBroken();
  EXPECT_TRUE(others.smtputf8 && !others.eight_bit_mime);
}

// Such a sender cannot be named without SMTPUTF8, so nothing can be asked, and nothing is remembered.
TEST(NeededParameterTest, AUtf8SenderIsReturnedAtOnce) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_mail_from("ż@me.test");
  peer.Run(Open({"SMTPUTF8"}) +
           Script{"submit", "C: MAIL FROM:<ż@me.test> SMTPUTF8", "S: 555 what is SMTPUTF8", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: permanent MAIL UNSUPPORTED 5.6.7 the server does not support "
                                          "SMTPUTF8, which this message needs [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

// A record of an older version says what the client said, and nobody knows what the content has.
TEST(NeededParameterTest, OneThatIsNotNeededIsLeftOutAndRemembered) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_body_type(queue::v1::BODY_TYPE_8BITMIME);
  peer.Run(Open({"8BITMIME"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 555 what is BODY",
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: DATA",
                  "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: delivered DOT ACCEPTED 250 ok [0]"));
  EXPECT_TRUE(peer.session().TakeBroken().eight_bit_mime);
}

// Whether it was SIZE or BODY nobody knows, and mail would be returned for the latter.
TEST(NeededParameterTest, WithoutProofNothingIsHeldAgainst8BitMime) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_body_type(queue::v1::BODY_TYPE_8BITMIME);
  peer.Run(Open({"8BITMIME", "SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18 BODY=8BITMIME",
                                               "S: 555 what", "C: MAIL FROM:<s@me.test>", "S: 250 ok",
                                               "C: RCPT TO:<a@x.test>"});
  const BrokenExtensions broken = peer.session().TakeBroken();
  EXPECT_TRUE(broken.size && !broken.eight_bit_mime);
}

}  // namespace
}  // namespace goniec::outbound::testing
