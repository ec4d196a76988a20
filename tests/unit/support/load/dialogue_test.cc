#include "tests/support/load/dialogue.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace goniec::load {

std::ostream& operator<<(std::ostream& out, const Turn& turn) {
  return out << "say " << static_cast<int>(turn.say) << ", verdict " << static_cast<int>(turn.verdict)
             << (turn.idle ? ", idle" : "") << (turn.over ? ", over" : "");
}

bool operator==(const Turn& a, const Turn& b) {
  return a.say == b.say && a.verdict == b.verdict && a.idle == b.idle && a.over == b.over;
}

namespace {

// All that comes of `input`, turns without a meaning left out.
std::vector<Turn> Hear(Dialogue& dialogue, std::string_view input) {
  std::vector<Turn> turns;
  while (!input.empty()) {
    const Turn turn = dialogue.Take(&input);
    if (!(turn == Turn{})) turns.push_back(turn);
    if (turn.over) break;
  }
  return turns;
}

using Turns = std::vector<Turn>;
const Turn kIdle{.idle = true};

Dialogue Greeted(bool pipelining = true, std::size_t recipients = 1) {
  Dialogue dialogue(recipients);
  EXPECT_EQ(Hear(dialogue, "220 mx.test\r\n"), Turns{{.say = Say::kEhlo}});
  EXPECT_EQ(
      Hear(dialogue, pipelining ? "250-mx.test\r\n250-SIZE 1\r\n250 PIPELINING\r\n" : "250 mx.test\r\n"),
      Turns{kIdle});
  return dialogue;
}

TEST(LoadDialogue, APipelinedMailIsTwoRoundTrips) {
  Dialogue dialogue = Greeted();
  EXPECT_EQ(dialogue.Begin(true), Say::kGroup);
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n250 ok\r\n354 go on\r\n"), Turns{{.say = Say::kContentAndQuit}});
  EXPECT_EQ(Hear(dialogue, "250 2.0.0 queued\r\n221 bye\r\n"),
            (Turns{{.verdict = Verdict::kAccepted}, {.over = true}}));
}

TEST(LoadDialogue, AConnectionTakesOneMailAfterTheOther) {
  Dialogue dialogue = Greeted();
  for (int n = 0; n < 3; ++n) {
    EXPECT_EQ(dialogue.Begin(false), Say::kGroup);
    EXPECT_EQ(Hear(dialogue, "250 ok\r\n250 ok\r\n354 go on\r\n"), Turns{{.say = Say::kContent}});
    EXPECT_EQ(Hear(dialogue, "250 queued\r\n"), (Turns{{.verdict = Verdict::kAccepted, .idle = true}}));
  }
  EXPECT_EQ(dialogue.Quit(), Say::kQuit);
  EXPECT_EQ(Hear(dialogue, "221 bye\r\n"), Turns{{.over = true}});
}

TEST(LoadDialogue, WithoutPipeliningEveryCommandWaitsForItsReply) {
  Dialogue dialogue = Greeted(false, 2);
  EXPECT_EQ(dialogue.Begin(true), Say::kMail);
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n"), Turns{{.say = Say::kRcpt}});
  EXPECT_EQ(dialogue.recipient(), 0U);
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n"), Turns{{.say = Say::kRcpt}});
  EXPECT_EQ(dialogue.recipient(), 1U);
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n"), Turns{{.say = Say::kData}});
  EXPECT_EQ(Hear(dialogue, "354 go on\r\n"), Turns{{.say = Say::kContent}});
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n"), (Turns{{.say = Say::kQuit, .verdict = Verdict::kAccepted}}));
  EXPECT_EQ(Hear(dialogue, "221 bye\r\n"), Turns{{.over = true}});
}

TEST(LoadDialogue, RepliesMayComeOctetByOctet) {
  Dialogue dialogue(1);
  const std::string greeting = "220-mx.test\r\n220 hello\r\n";
  for (std::size_t n = 0; n + 1 < greeting.size(); ++n) {
    EXPECT_EQ(Hear(dialogue, greeting.substr(n, 1)), Turns{}) << n;
  }
  EXPECT_EQ(Hear(dialogue, "\n"), Turns{{.say = Say::kEhlo}});
}

TEST(LoadDialogue, AServerWithoutEhloGetsHelo) {
  Dialogue dialogue(1);
  Hear(dialogue, "220 mx.test\r\n");
  EXPECT_EQ(Hear(dialogue, "502 what?\r\n"), Turns{{.say = Say::kHelo}});
  EXPECT_EQ(Hear(dialogue, "250 mx.test\r\n"), Turns{kIdle});
  EXPECT_EQ(dialogue.Begin(true), Say::kMail);
}

TEST(LoadDialogue, ARefusalNamesItsCommandAndTheFirstReply) {
  const struct {
    const char* name;
    bool pipelining;
    const char* replies;
    Turns turns;
    const char* reason;
  } kCases[] = {
      {"MAIL, group",
       true,
       "451 4.3.1 full\r\n503 no MAIL\r\n503 no RCPT\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "MAIL FROM: 451 4.3.1 full"},
      {"MAIL",
       false,
       "451 4.3.1 full\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "MAIL FROM: 451 4.3.1 full"},
      {"RCPT, group",
       true,
       "250 ok\r\n550 5.1.1 nobody\r\n503 no RCPT\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "RCPT TO: 550 5.1.1 nobody"},
      {"RCPT",
       false,
       "250 ok\r\n550 5.1.1 nobody\r\n",
       {{.say = Say::kRcpt}, {.say = Say::kReset, .verdict = Verdict::kRefused}},
       "RCPT TO: 550 5.1.1 nobody"},
      {"RCPT and 354 all the same",
       true,
       "250 ok\r\n550 5.1.1 nobody\r\n354 go on\r\n554 no recipients\r\n",
       {{.say = Say::kEnd}, {.verdict = Verdict::kRefused, .idle = true}},
       "RCPT TO: 550 5.1.1 nobody"},
      {"DATA",
       true,
       "250 ok\r\n250 ok\r\n451 later\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "DATA: 451 later"},
      {"DATA, with a 250",
       true,
       "250 ok\r\n250 ok\r\n250 ok\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "DATA: 250 ok"},
      {"content",
       true,
       "250 ok\r\n250 ok\r\n354 go on\r\n554-5.6.0 bad\r\n554 5.6.0 mail\r\n",
       {{.say = Say::kContent}, {.verdict = Verdict::kRefused, .idle = true}},
       "the end of the content: 554 5.6.0 bad mail"},
      {"closing",
       true,
       "421 4.3.2 going down\r\n",
       {{.verdict = Verdict::kRefused, .over = true}},
       "MAIL FROM: 421 4.3.2 going down"},
      {"escaped",
       true,
       "250 ok\r\n250 ok\r\n451 \x1b[31mred\r\n",
       {{.say = Say::kReset, .verdict = Verdict::kRefused}},
       "DATA: 451 \\x1b[31mred"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    Dialogue dialogue = Greeted(c.pipelining);
    dialogue.Begin(false);
    EXPECT_EQ(Hear(dialogue, c.replies), c.turns);
    EXPECT_EQ(dialogue.reason(), c.reason);
  }
}

TEST(LoadDialogue, AfterARefusalTheConnectionGoesOn) {
  Dialogue dialogue = Greeted();
  dialogue.Begin(false);
  Hear(dialogue, "250 ok\r\n451 later\r\n503 no\r\n");
  EXPECT_EQ(Hear(dialogue, "250 reset\r\n"), Turns{kIdle});
  dialogue.Begin(true);
  Hear(dialogue, "250 ok\r\n250 ok\r\n354 go on\r\n");
  EXPECT_EQ(Hear(dialogue, "250 queued\r\n"), Turns{{.verdict = Verdict::kAccepted}});
}

TEST(LoadDialogue, OneRefusedRecipientOfSeveralIsARefusal) {
  Dialogue dialogue = Greeted(true, 3);
  dialogue.Begin(false);
  EXPECT_EQ(Hear(dialogue, "250 ok\r\n250 ok\r\n452 too many\r\n250 ok\r\n354 go on\r\n"),
            Turns{{.say = Say::kContent}});
  EXPECT_EQ(Hear(dialogue, "250 queued\r\n"), (Turns{{.verdict = Verdict::kRefused, .idle = true}}));
  EXPECT_EQ(dialogue.reason(), "RCPT TO: 452 too many");
}

TEST(LoadDialogue, AConnectionThatIsRefusedIsARefusedMail) {
  for (const std::string greeting : {"421 4.3.2 busy", "554 5.7.1 go away"}) {
    Dialogue dialogue(1);
    EXPECT_EQ(Hear(dialogue, greeting + "\r\n"), (Turns{{.verdict = Verdict::kRefused, .over = true}}));
    EXPECT_EQ(dialogue.reason(), "the connection: " + greeting);
  }
}

TEST(LoadDialogue, AMailWithoutAnAnswerIsLost) {
  Dialogue dialogue = Greeted();
  dialogue.Begin(false);
  Hear(dialogue, "250 ok\r\n250 ok\r\n354 go on\r\n");
  EXPECT_EQ(dialogue.End("the server closed the connection"), Verdict::kLost);
  EXPECT_EQ(dialogue.reason(), "no answer to the end of the content: the server closed the connection");
}

TEST(LoadDialogue, WhatIsNotSmtpIsLost) {
  Dialogue dialogue(1);
  EXPECT_EQ(Hear(dialogue, "HTTP/1.1 400 Bad Request\r\n"),
            (Turns{{.verdict = Verdict::kLost, .over = true}}));
  EXPECT_EQ(dialogue.reason(), "no answer to the connection: the reply does not begin with a code");
}

TEST(LoadDialogue, ARefusedMailWhoseConnectionEndsIsRefused) {
  Dialogue dialogue = Greeted();
  dialogue.Begin(false);
  Hear(dialogue, "452 4.3.1 full\r\n");
  EXPECT_EQ(dialogue.End("the server closed the connection"), Verdict::kRefused);
  EXPECT_EQ(dialogue.reason(), "MAIL FROM: 452 4.3.1 full");
}

TEST(LoadDialogue, WithoutAMailInHandTheEndIsNoVerdict) {
  Dialogue dialogue = Greeted();
  EXPECT_EQ(dialogue.End("the server closed the connection"), Verdict::kNone);
  EXPECT_EQ(Hear(dialogue, "421 idle for too long\r\n"), Turns{{.over = true}});
}

}  // namespace
}  // namespace goniec::load
