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
// MAIL that was refused goes again alone, and the others behind its acceptance.
const Script kMailAlone = {"C: MAIL FROM:<s@me.test>"};
const Script kTheRest = {"C: RCPT TO:<a@x.test>", "C: DATA"};
const Script kTheRestOk = {"S: 250 ok", "S: 354 go"};
const Script kAgain = kMailAlone + Script{"S: 250 ok"} + kTheRest + kTheRestOk + kContent;

INSTANTIATE_TEST_SUITE_P(
    Refused, DialogueTest,
    ::testing::ValuesIn(std::vector<Dialogue>{
        {"ParametersGoWithoutThem",
         kSized + Script{"S: 555 5.5.4 unknown parameter"} + kGroupRefused + kAgain +
             Script{"S: 250 ok", "submit"} + kGroup,
         {"0: delivered DOT ACCEPTED 250 ok [0]"}},
        {"ParametersGoWithoutThemOneByOne",
         Open({"SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18", "S: 501 5.5.4 syntax",
                                 "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>",
                                 "S: 250 ok", "C: DATA"},
         {}},
        {"ItWasTheAddressAfterAll",
         kSized + Script{"S: 501 syntax"} + kGroupRefused + kMailAlone +
             Script{"S: 501 syntax", "want work", "submit", "C: MAIL FROM:<s@me.test> SIZE=18",
                    "C: RCPT TO:<a@x.test>", "C: DATA"},
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
         kSized + Script{"S: 555 what", "S: 503 mail first", "S: 354 go", "C: .", "S: 554 nobody"} +
             kMailAlone,
         {}},
        {"TheRepetitionIsOutOfOrder",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 503 nested MAIL", "want close"},
         {"0: temporary MAIL REPLY 503 nested MAIL [0]"}},
        {"TheRepetitionIsNotKnown",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 502 5.5.1 not again", "want close"},
         {"0: temporary MAIL REPLY 502 5.5.1 not again [0]"}},
        {"TheRepetitionIsOneErrorTooMany",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 554 Too many syntax or protocol errors", "want close"},
         {"0: temporary MAIL REPLY 554 Too many syntax or protocol errors [0]"}},
        {"TheRepetitionIsAProtocolError",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 554 5.5.0 enough", "want close"},
         {"0: temporary MAIL REPLY 554 5.5.0 enough [0]"}},
        {"TheRepetitionNamesTheAddress",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 501 5.1.7 bad address", "want work"},
         {"0: permanent MAIL REPLY 501 5.1.7 bad address [0]"}},
        {"TheRepetitionIsRefusedForTheSender",
         kSized + Script{"S: 555 what"} + kGroupRefused + kMailAlone +
             Script{"S: 554 5.7.1 not you", "want work"},
         {"0: permanent MAIL REPLY 554 5.7.1 not you [0]"}},
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
  peer.Run(kSized + Script{"S: 555 5.5.4 unknown parameter"} + kGroupRefused + kAgain);
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
    peer.Run(Open({"8BITMIME", "SIZE"}) +
             Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18 BODY=8BITMIME", refused,
                    "C: MAIL FROM:<s@me.test> BODY=8BITMIME", refused, "C: MAIL FROM:<s@me.test>",
                    "S: 250 ok"} +
             kReset);
    EXPECT_THAT(peer.Results(), ElementsAre("0: " + std::string(kNo8Bit))) << reply;
    EXPECT_FALSE(peer.session().TakeBroken().any()) << reply;
  }
}

// What the server made of one mail is no verdict on the next one, though it comes on the same connection.
TEST(NeededParameterTest, IsAskedAboutForEachMail) {
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  const Script asked = {"submit",      "C: MAIL FROM:<s@me.test> BODY=8BITMIME",
                        "S: 555 what", "C: MAIL FROM:<s@me.test>",
                        "S: 250 ok",   "C: RSET",
                        "S: 250 ok"};
  peer.Run(Open({"8BITMIME"}) + asked + asked +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 250 ok", "C: RCPT TO:<a@x.test>",
                  "S: 250 ok", "C: DATA", "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: " + std::string(kNo8Bit), "1: " + std::string(kNo8Bit),
                                          "2: delivered DOT ACCEPTED 250 ok [0]"));
}

// The question must differ from what was refused in the parameter alone, not in its company as well.
TEST(NeededParameterTest, IsRepeatedAloneBeforeItIsAskedAbout) {
  const Script refused = Open({"8BITMIME", "PIPELINING"}) +
                         Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "C: RCPT TO:<a@x.test>",
                                "C: DATA", "S: 555 what is BODY"} +
                         kGroupRefused + Script{"C: MAIL FROM:<s@me.test> BODY=8BITMIME"};
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  peer.Run(refused + Script{"S: 555 what is BODY", "C: MAIL FROM:<s@me.test>", "S: 250 ok"} + kReset);
  EXPECT_THAT(peer.Results(), ElementsAre("0: " + std::string(kNo8Bit)));

  ScriptedSession other;
  other.mails = peer.mails;
  other.Run(refused + Script{"S: 250 ok"} + kTheRest + kTheRestOk + kContent + Script{"S: 250 ok"});
  EXPECT_THAT(other.Results(), ElementsAre("0: delivered DOT ACCEPTED 250 ok [0]"));
  EXPECT_FALSE(other.session().TakeBroken().any());
}

// One reply too many behind the group is taken for the acceptance of the question; the real one follows.
TEST(NeededParameterTest, ASurplusReplyIsNoProof) {
  ScriptedSession peer;
  peer.mails = {With8BitBody()};
  peer.Run(Open({"8BITMIME"}) + Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 501 syntax",
                                       "C: MAIL FROM:<s@me.test>", "S: 250 surplus", "C: RSET",
                                       "S: 501 syntax", "want close"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary MAIL PROTOCOL 4.5.0 RSET was refused [0]"));
}

TEST(ClientSessionTest, ASurplusReplyIsHeldAgainstNoExtension) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(kSized + Script{"S: 501 syntax"} + kGroupRefused + kMailAlone + Script{"S: 250 surplus"} +
           kTheRest + Script{"S: 501 syntax", "S: 503 mail first"});
  EXPECT_FALSE(peer.session().TakeBroken().any());
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
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RSET", "S: 250 ok", "C: MAIL FROM:<s@me.test>",
                  "S: 250 ok", "C: RCPT TO:<anna@x.test>", "S: 250 ok", "C: DATA", "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(),
              ElementsAre("0: permanent MAIL UNSUPPORTED 5.6.7 the server does not support SMTPUTF8, which "
                          "this recipient's address needs [0]",
                          "0: delivered DOT ACCEPTED 250 ok [1]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

TEST(NeededParameterTest, WhoDoesNotNeedUtf8KeepsHisOtherParameters) {
  ScriptedSession peer;
  peer.mails = {With8BitBody({"böb@x.test", "anna@x.test", "bea@x.test"})};
  peer.Run(Open({"SMTPUTF8", "8BITMIME", "PIPELINING"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME SMTPUTF8", "C: RCPT TO:<böb@x.test>",
                  "C: RCPT TO:<anna@x.test>", "C: RCPT TO:<bea@x.test>", "C: DATA", "S: 555 what"} +
           kGroupRefused +
           Script{"S: 503 mail first", "S: 503 mail first", "C: MAIL FROM:<s@me.test> BODY=8BITMIME SMTPUTF8",
                  "S: 555 what", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 250 ok", "C: RSET",
                  "S: 250 ok", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 250 ok",
                  "C: RCPT TO:<anna@x.test>", "C: RCPT TO:<bea@x.test>", "C: DATA", "S: 250 ok", "S: 550 who",
                  "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(),
              ElementsAre("0: permanent MAIL UNSUPPORTED 5.6.7 the server does not support SMTPUTF8, which "
                          "this recipient's address needs [0]",
                          "0: permanent RCPT REPLY 550 who [2]", "0: delivered DOT ACCEPTED 250 ok [1]"));
}

TEST(NeededParameterTest, OfTwoItIsFoundOutWhichOne) {
  ScriptedSession peer;
  peer.mails = {With8BitBody({"böb@x.test"})};
  const Script both = {"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME SMTPUTF8", "S: 555 what",
                       "C: MAIL FROM:<s@me.test> BODY=8BITMIME"};
  peer.Run(Open({"8BITMIME", "SMTPUTF8"}) + both + Script{"S: 555 what", "C: MAIL FROM:<s@me.test>"} +
           Script{"S: 250 ok"} + kReset);
  EXPECT_THAT(peer.Results(), ElementsAre("0: " + std::string(kNo8Bit)));

  ScriptedSession other;
  other.mails = peer.mails;
  other.Run(Open({"8BITMIME", "SMTPUTF8"}) + both + Script{"S: 250 ok"} + kReset);
  EXPECT_THAT(other.Results(), ElementsAre(HasSubstr("permanent MAIL UNSUPPORTED 5.6.7")));
}

// With SMTPUTF8 a header beyond ASCII needs no BODY: it is left out, and not asked about.
TEST(NeededParameterTest, BodyIsNotNeededForAnInternationalizedHeader) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_smtputf8(true);
  peer.mails.front()->set_header_octets(queue::v1::OCTETS_BEYOND_ASCII);
  peer.mails.front()->set_body_octets(queue::v1::OCTETS_ASCII);
  peer.Run(Open({"8BITMIME", "SMTPUTF8"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME SMTPUTF8", "S: 555 what is BODY",
                  "C: MAIL FROM:<s@me.test> SMTPUTF8", "S: 250 ok", "C: RCPT TO:<a@x.test>"});
}

// Such a sender cannot be named without SMTPUTF8, so nothing can be asked: the reply must say it.
struct Utf8SenderCase {
  const char* reply;
  bool body;
  const char* result;
};

TEST(NeededParameterTest, AUtf8SenderIsReturnedOnlyForAPlainWord) {
  const Utf8SenderCase cases[] = {
      {"555 5.5.4 what is SMTPUTF8", false,
       "permanent MAIL UNSUPPORTED 555 5.6.7 the server refused SMTPUTF8, which this message needs: what is "
       "SMTPUTF8"},
      {"504 no such parameter", false,
       "permanent MAIL UNSUPPORTED 504 5.6.7 the server refused SMTPUTF8, which this message needs: no such "
       "parameter"},
      {"504 5.7.4 not now", false, "temporary MAIL REPLY 504 5.7.4 not now"},
      {"501 syntax", false, "temporary MAIL REPLY 501 syntax"},
      {"501 5.5.4 syntax", false, "temporary MAIL REPLY 501 5.5.4 syntax"},
      {"555 what is that", true, "temporary MAIL REPLY 555 what is that"},
      {"501 5.1.7 bad address", false, "permanent MAIL REPLY 501 5.1.7 bad address"},
      {"550 5.7.1 no", false, "permanent MAIL REPLY 550 5.7.1 no"},
  };
  for (const Utf8SenderCase& c : cases) {
    ScriptedSession peer;
    peer.mails = {c.body ? With8BitBody() : MakeMail()};
    peer.mails.front()->set_mail_from("ż@me.test");
    peer.Run(Open({"SMTPUTF8", "8BITMIME"}) + Script{"submit",
                                                     c.body
                                                         ? "C: MAIL FROM:<ż@me.test> BODY=8BITMIME SMTPUTF8"
                                                         : "C: MAIL FROM:<ż@me.test> SMTPUTF8",
                                                     "S: " + std::string(c.reply), "want work"});
    EXPECT_THAT(peer.Results(), ElementsAre("0: " + std::string(c.result) + " [0]"));
    EXPECT_FALSE(peer.session().TakeBroken().any());
  }
}

TEST(NeededParameterTest, TlsThatIsMissingIsNoRefusalOfParameters) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_mail_from("ż@me.test");
  peer.Run(Script{"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250-SMTPUTF8", "S: 250-SIZE",
                  "S: 250 STARTTLS", "C: STARTTLS", "S: 454 4.7.0 not now", "submit",
                  "C: MAIL FROM:<ż@me.test> SIZE=18 SMTPUTF8", "S: 501 5.7.0 Must issue STARTTLS first",
                  "cannot submit", "want work"});
  EXPECT_THAT(
      peer.Results(),
      ElementsAre("0: temporary MAIL TLS_FAILED 501 5.7.0 TLS is offered and not in use, STARTTLS was "
                  "refused: Must issue STARTTLS first [0]"));
}

// A record of an older version says what the client said, and nobody knows what the content has.
TEST(NeededParameterTest, OneThatIsNotNeededIsLeftOut) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->set_body_type(queue::v1::BODY_TYPE_8BITMIME);
  peer.Run(Open({"8BITMIME"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> BODY=8BITMIME", "S: 555 what is BODY",
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: DATA",
                  "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: delivered DOT ACCEPTED 250 ok [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

// Whether it was SIZE or the other nobody knows. Without SIZE nothing is lost; without DSN what the sender
// asked for.
TEST(NeededParameterTest, WithoutProofOnlySizeIsLeftOutFromNowOn) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.mails.front()->mutable_dsn()->set_ret("HDRS");
  peer.Run(Open({"DSN", "SIZE"}) +
           Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18 RET=HDRS", "S: 555 what",
                  "C: MAIL FROM:<s@me.test>", "S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: DATA",
                  "S: 354 go"} +
           kContent + Script{"S: 250 ok"});
  const BrokenExtensions first = peer.session().TakeBroken();
  EXPECT_TRUE(first.size && !first.dsn);
  peer.Run({"submit", "C: MAIL FROM:<s@me.test> RET=HDRS", "S: 555 what", "C: MAIL FROM:<s@me.test>",
            "S: 250 ok", "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: DATA"});
  EXPECT_TRUE(peer.session().TakeBroken().dsn);
}

// --- The time for it ---

// However often MAIL is repeated, the server has five minutes for all of it.
TEST(NeededParameterTest, AllRoundsTogetherHaveTheTimeOfOne) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  ScriptedSession peer(0, {.time_limit_percent = 50});
  peer.mails = {With8BitBody()};
  peer.Run(Open({"8BITMIME", "SIZE"}) + Script{"submit", "C: MAIL FROM:<s@me.test> SIZE=18 BODY=8BITMIME"});
  EXPECT_EQ(peer.session().time_limit(), milliseconds(150'000));
  peer.Run({"wait 60000", "S: 555 what", "C: MAIL FROM:<s@me.test> BODY=8BITMIME"});
  EXPECT_EQ(peer.session().time_limit(), milliseconds(90'000));
  peer.Run({"wait 89000", "S: 555 what", "C: MAIL FROM:<s@me.test>"});
  EXPECT_EQ(peer.session().time_limit(), milliseconds(1'000));
  peer.Run({"wait 2000"});
  EXPECT_EQ(peer.session().time_limit(), milliseconds(1)) << "no less: it must end";
  peer.Run({"timeout"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary MAIL TIMEOUT 4.4.2 timed out while waiting for the "
                                          "reply to MAIL [0]"));
}

// The time of a mail that follows another begins when that one has its answer.
TEST(NeededParameterTest, TheTimeOfAFollowerBeginsAtItsTurn) {
  ScriptedSession peer;
  peer.mails = {MakeMail(), MakeMail(), With8BitBody()};
  const Script group8 = {"C: MAIL FROM:<s@me.test> BODY=8BITMIME", "C: RCPT TO:<a@x.test>", "C: DATA"};
  peer.Run(Open({"8BITMIME", "PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk + kContent +
           Script{"S: 250 one", "submit"} + kGroup + kGroupOk + Script{"submit"} + kContent + group8 +
           Script{"wait 240000", "S: 250 two", "wait 60000", "S: 555 what"} + kGroupRefused +
           Script{"C: MAIL FROM:<s@me.test> BODY=8BITMIME"});
  EXPECT_EQ(peer.session().time_limit(), std::chrono::minutes(4));
}

}  // namespace
}  // namespace goniec::outbound::testing
