// How a session begins: greeting, EHLO, STARTTLS, and a server that insists on the TLS which came to nothing.
#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
        {"FailedHandshakeWithoutWords",
         kStartTls + Script{"S: 220 go", "tls failed silently", "want close"},
         {"opening: temporary STARTTLS TLS_FAILED 4.7.5 no reason is known"}},
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

}  // namespace
}  // namespace goniec::outbound::testing
