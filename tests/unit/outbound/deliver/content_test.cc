// The content of transactions: dot transparency, BDAT, stored bodies, and giving up before the end of data.
#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Script kEnvelope = {"C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x.test>"};
const Script kEnvelopeOk = {"S: 250 ok", "S: 250 ok"};
constexpr char kDelivered[] = "0: delivered DOT ACCEPTED 250 ok [0]";

std::shared_ptr<queue::v1::Mail> WithBody(const std::string& body) {
  auto mail = MakeMail();
  mail->set_head("");
  mail->set_inline_body(body);
  mail->set_size_bytes(body.size());
  return mail;
}

std::shared_ptr<queue::v1::Mail> WithStoredBody(std::uint32_t chunks, std::uint64_t size) {
  auto mail = MakeMail();
  mail->mutable_body_reference()->set_body_id("body");
  mail->mutable_body_reference()->set_chunk_count(chunks);
  mail->mutable_body_reference()->set_size_bytes(size);
  mail->set_size_bytes(mail->head().size() + size);
  return mail;
}

struct DotCase {
  const char* name;
  std::string body;
  std::string wire;
};

class DotTest : public ::testing::TestWithParam<DotCase> {};

TEST_P(DotTest, ContentIsTransparent) {
  ScriptedSession peer;
  peer.mails = {WithBody(GetParam().body)};
  peer.Run(Open({"PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk);
  EXPECT_EQ(peer.session().output(), GetParam().wire);
}

INSTANTIATE_TEST_SUITE_P(All, DotTest,
                         ::testing::Values(DotCase{"Plain", "a\r\n", "a\r\n.\r\n"},
                                           DotCase{"Empty", "", ".\r\n"},
                                           DotCase{"FirstLineIsADot", ".\r\n", "..\r\n.\r\n"},
                                           DotCase{"DotsInside", "a.\r\n..b\r\n", "a.\r\n...b\r\n.\r\n"},
                                           DotCase{"NoLineEnd", "a", "a\r\n.\r\n"},
                                           DotCase{"DotWithoutLineEnd", "a\r\n.", "a\r\n..\r\n.\r\n"}),
                         [](const auto& param) { return param.param.name; });

TEST(ContentTest, StoredBodyByData) {
  ScriptedSession peer;
  peer.mails = {WithStoredBody(3, 13)};
  peer.Run(Open({"PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk +
           Script{"want body", "cannot submit", "body: one", "C: Subject: x", "C: ", "C: one", "want body",
                  "body: .t", "C: ..t", "want body", "body: en", "C: en", "C: .", "want reply", "S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre(kDelivered));
}

TEST(ContentTest, StoredBodyByChunks) {
  ScriptedSession peer(0, {.chunking_from = 10});
  peer.mails = {WithStoredBody(2, 9)};
  peer.Run(Open({"PIPELINING", "CHUNKING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
           Script{"want body", "body: .on", "C: BDAT 19", "C: Subject: x", "C: ", "C: .on", "want reply",
                  "S: 250 19 octets", "want body", "body: tw", "C: BDAT 4 LAST", "C: tw", "want reply",
                  "cannot submit", "S: 250 ok", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre(kDelivered));
}

TEST(ContentTest, InlineBodyByBdat) {
  ScriptedSession peer(0, {.chunking_from = 10});
  peer.mails = {MakeMail()};
  peer.Run(Open({"CHUNKING"}) + Script{"submit", "C: MAIL FROM:<s@me.test>", "S: 250 ok",
                                       "C: RCPT TO:<a@x.test>", "S: 250 ok", "C: BDAT 18 LAST",
                                       "C: Subject: x", "C: ", "C: Hi", "S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre(kDelivered));
}

TEST(ContentTest, SmallBodiesGoByDataThoughChunkingIsOffered) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(Open({"PIPELINING", "CHUNKING"}) + Script{"submit"} + kGroup);
}

TEST(ContentTest, BdatIsNotSentWhenNobodyIsAccepted) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {MakeMail()};
  peer.Run(Open({"PIPELINING", "CHUNKING"}) + Script{"submit"} + kEnvelope +
           Script{"S: 250 ok", "S: 550 who", "C: RSET", "S: 250 ok", "want work"});
}

TEST(ContentTest, RefusedChunkEndsTheTransactionAndIsReset) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {WithStoredBody(2, 9)};
  peer.Run(Open({"PIPELINING", "CHUNKING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
           Script{"body: one", "C: BDAT 19", "C: Subject: x", "C: ", "C: one", "S: 552 5.3.4 too much",
                  "C: RSET", "S: 250 ok", "want work"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: permanent BODY REPLY 552 5.3.4 too much [0]"));
}

TEST(ContentTest, RefusedLastChunkIsReset) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {MakeMail()};
  peer.Run(
      Open({"PIPELINING", "CHUNKING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
      Script{"C: BDAT 18 LAST", "C: Subject: x", "C: ", "C: Hi", "S: 451 later", "C: RSET", "S: 250 ok"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary DOT REPLY 451 later [0]"));
}

// --- The end is put out last ---

TEST(ContentTest, TheLeaseIsAskedWhenTheContentHasLeft) {
  for (const bool leave : {true, false}) {
    ScriptedSession peer;
    const std::string body(100'000, 'x');
    peer.mails = {WithBody(body + "\r\n")};
    peer.Run(Open({"PIPELINING"}) + Script{"hold", "submit"} + kGroup + kGroupOk + Script{"want end"});
    const std::string first = peer.session().output();
    EXPECT_EQ(first, body.substr(0, body.size() + 5 - ClientSession::kTail));
    peer.session().output().clear();
    if (!leave) peer.Run({"broker silent"});
    peer.Run({"sent"});
    if (leave) {
      EXPECT_EQ(first + peer.session().output(), body + "\r\n.\r\n");
      peer.Run({"want reply"});
    } else {
      EXPECT_THAT(peer.session().output(), IsEmpty());
      peer.Run({"want close"});
      EXPECT_THAT(peer.Results(), ElementsAre("0: not_tried BODY BROKER given up before the end of data: the "
                                              "queue does not answer [0]"));
    }
  }
}

TEST(ContentTest, TheLastChunkIsNotWholeBeforeTheLeaseIsAsked) {
  ScriptedSession peer(0, {.chunking_from = 0});
  const std::string body(100'000, 'x');
  peer.mails = {WithBody(body)};
  peer.Run(Open({"PIPELINING", "CHUNKING"}) + Script{"hold", "submit"} + kEnvelope + kEnvelopeOk +
           Script{"want end"});
  EXPECT_EQ(peer.session().output(),
            "BDAT 100000 LAST\r\n" + body.substr(0, body.size() - ClientSession::kTail));
  peer.session().output().clear();
  peer.Run({"sent", "want reply"});
  EXPECT_EQ(peer.session().output(), body.substr(0, ClientSession::kTail));
}

TEST(ContentTest, SmallContentGoesWithItsEnd) {
  ScriptedSession peer;
  peer.mails = {MakeMail()};
  peer.Run(Open({"PIPELINING"}) + Script{"hold", "submit"} + kGroup + kGroupOk + Script{"want end"});
  EXPECT_THAT(peer.session().output(), IsEmpty());
  peer.Run({"sent", "C: Subject: x", "C: ", "C: Hi", "C: ."});
}

TEST(ContentTest, CutBeforeTheEndIsNotAmbiguous) {
  ScriptedSession peer;
  peer.mails = {WithBody(std::string(100'000, 'x') + "\r\n")};
  peer.Run(Open({"PIPELINING"}) + Script{"hold", "submit"} + kGroup + kGroupOk + Script{"cut"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary BODY CONNECTION_LOST 4.4.2 connection lost [0]"));
}

// --- A server that offers CHUNKING and cannot ---

TEST(ContentTest, CutBetweenChunksGoesAgainWithoutThem) {
  for (const char* how : {"cut", "timeout"}) {
    ScriptedSession peer(0, {.chunking_from = 0});
    peer.mails = {WithStoredBody(2, 9)};
    peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
             Script{"body: one", how, "want close"});
    EXPECT_THAT(peer.Results(), ElementsAre("0: leftover 0"));
    EXPECT_TRUE(peer.session().TakeBroken().chunking);
  }
}

TEST(ContentTest, CutAfterTheLastChunkIsAmbiguousAndRemembered) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {MakeMail()};
  peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk + Script{"cut"});
  EXPECT_THAT(
      peer.Results(),
      ElementsAre("0: temporary DOT CONNECTION_LOST 4.4.2 connection lost while waiting for the reply to "
                  "the end of data AMBIGUOUS [0]"));
  EXPECT_TRUE(peer.session().TakeBroken().chunking);
}

TEST(ContentTest, ShutdownBetweenChunksIsNotTheServersFault) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {WithStoredBody(2, 9)};
  peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
           Script{"body: one", "shutdown"});
  EXPECT_THAT(peer.Results(),
              ElementsAre("0: not_tried BODY SHUTDOWN shutting down while waiting for the reply to "
                          "BDAT [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

TEST(ContentTest, UnknownBdatGoesAgainByData) {
  // It takes the content for commands, and says so of each line.
  for (const char* reply :
       {"500 what", "502 5.5.1 not here", "504 no", "503 order", "500 what\r\n500 what"}) {
    for (const bool stored : {false, true}) {
      ScriptedSession peer(0, {.chunking_from = 0});
      peer.mails = {stored ? WithStoredBody(2, 9) : MakeMail()};
      peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk);
      if (stored) peer.Run({"body: one"});
      peer.Run({"S: " + std::string(reply), "want close"});
      EXPECT_THAT(peer.Results(), ElementsAre("0: leftover 0")) << reply;
      EXPECT_TRUE(peer.session().TakeBroken().chunking);
    }
  }
}

TEST(ContentTest, ARefusalOfTheContentIsAVerdictByBdatToo) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {MakeMail()};
  peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kEnvelope + kEnvelopeOk +
           Script{"want reply", "S: 554 5.7.1 spam"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: permanent DOT REPLY 554 5.7.1 spam [0]"));
  EXPECT_FALSE(peer.session().TakeBroken().any());
}

TEST(ContentTest, BdatIsForTheFirstAttemptOnly) {
  ScriptedSession peer(0, {.chunking_from = 0});
  peer.mails = {MakeMail()};
  peer.mails.front()->set_attempts(1);
  peer.Run(Open({"CHUNKING", "PIPELINING"}) + Script{"submit"} + kGroup);
}

TEST(ContentTest, CutInTheBodyIsNotAmbiguous) {
  ScriptedSession peer;
  peer.mails = {WithStoredBody(2, 9)};
  peer.Run(Open({"PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk +
           Script{"body: one", "cut", "want close"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: temporary BODY CONNECTION_LOST 4.4.2 connection lost [0]"));
}

TEST(ContentTest, ServerThatHasHadEnoughSaysWhy) {
  for (const char* reply : {"552 5.3.4 too much", "421 4.3.0 bye"}) {
    ScriptedSession peer;
    peer.mails = {WithStoredBody(2, 9)};
    peer.Run(Open({"PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk +
             Script{"body: one", "S: " + std::string(reply), "want close"});
    const std::string verdict = reply[0] == '5' ? "permanent" : "temporary";
    EXPECT_THAT(peer.Results(), ElementsAre("0: " + verdict + " BODY REPLY " + reply + " [0]"));
  }
}

TEST(ContentTest, ShutdownInTheBodyHandsBack) {
  ScriptedSession peer;
  peer.mails = {WithStoredBody(2, 9)};
  peer.Run(Open({"PIPELINING"}) + Script{"submit"} + kGroup + kGroupOk + Script{"body: one", "shutdown"});
  EXPECT_THAT(peer.Results(), ElementsAre("0: not_tried BODY SHUTDOWN shutting down [0]"));
}

// A body that cannot be read to its end is never given an end: the connection is closed instead.
struct NoEndCase {
  const char* name;
  std::uint32_t chunks;
  std::uint64_t size;
  Script script;
  std::string result;
};

class NoEndTest : public ::testing::TestWithParam<NoEndCase> {};

TEST_P(NoEndTest, NothingMoreIsSent) {
  for (const char* chunking : {"ETRN", "CHUNKING"}) {
    SCOPED_TRACE(chunking);
    ScriptedSession peer(0, {.chunking_from = 0});
    peer.mails = {WithStoredBody(GetParam().chunks, GetParam().size)};
    const bool bdat = std::string(chunking) == "CHUNKING";
    peer.Run(Open({"PIPELINING", chunking}) + Script{"submit"} +
             (bdat ? kEnvelope + kEnvelopeOk : kGroup + kGroupOk));
    for (const std::string& line : GetParam().script) {
      peer.session().output().clear();
      peer.Run({line});
      if (bdat && peer.session().want() == ClientSession::Want::kReply) peer.Run({"S: 250 ok"});
    }
    EXPECT_EQ(peer.session().want(), ClientSession::Want::kClose);
    EXPECT_THAT(peer.session().output(), IsEmpty());
    EXPECT_THAT(peer.Results(), ElementsAre(GetParam().result));
  }
}

constexpr char kWrongSize[] =
    "0: temporary BODY BODY_UNREADABLE 4.3.0 the stored body has not the size that was recorded [0]";
INSTANTIATE_TEST_SUITE_P(
    All, NoEndTest,
    ::testing::Values(
        NoEndCase{"ChunkIsGone",
                  2,
                  9,
                  {"body: one", "unreadable"},
                  "0: temporary BODY BODY_UNREADABLE 4.3.0 chunk 1 is gone [0]"},
        NoEndCase{"FirstChunkIsGone",
                  2,
                  9,
                  {"unreadable"},
                  "0: temporary BODY BODY_UNREADABLE 4.3.0 chunk 1 is gone [0]"},
        NoEndCase{"BodyTooShort", 2, 99, {"body: one", "body: two"}, kWrongSize},
        NoEndCase{"BodyTooLong", 2, 4, {"body: one"}, kWrongSize},
        NoEndCase{"NoChunks",
                  0,
                  0,
                  {},
                  "0: temporary BODY BODY_UNREADABLE 4.3.0 the stored body has no chunks [0]"},
        NoEndCase{"BrokerFellSilent",
                  2,
                  10,
                  {"broker silent", "body: one", "body: two"},
                  "0: not_tried BODY BROKER given up before the end of data: the queue does not answer [0]"}),
    [](const auto& param) { return param.param.name; });

TEST(ContentTest, SilentBrokerKeepsWhatWasRefusedBefore) {
  ScriptedSession peer;
  peer.mails = {MakeMail({"a@x.test", "b@x.test"})};
  peer.Run(Open({"PIPELINING"}) + Script{"submit", "C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x.test>",
                                         "C: RCPT TO:<b@x.test>", "C: DATA", "broker silent", "S: 250 ok",
                                         "S: 550 who", "S: 250 ok", "S: 354 go", "want close"});
  EXPECT_THAT(peer.session().output(), IsEmpty());
  EXPECT_THAT(
      peer.Results(),
      ElementsAre("0: permanent RCPT REPLY 550 who [0]",
                  "0: not_tried BODY BROKER given up before the end of data: the queue does not answer [1]"));
}

}  // namespace
}  // namespace goniec::outbound::testing
