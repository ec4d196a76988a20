// Conversations of the sending session as rows of a table: a script, and what came of it. The scripts that
// several tables begin with stand here too.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/unit/outbound/deliver/session_script.h"

namespace goniec::outbound::testing {

struct Dialogue {
  std::string name;
  Script script;
  std::vector<std::string> results;
  std::vector<std::string> recipients = {"a@x.test"};
  // False: it is about what comes in one segment.
  bool any_segments = true;
};
std::ostream& operator<<(std::ostream& out, const Dialogue& dialogue);

// Its case EndsAsSaid plays each row, whole and in small segments.
class DialogueTest : public ::testing::TestWithParam<Dialogue> {};

std::string Name(const ::testing::TestParamInfo<Dialogue>& param);

inline const Script kStartTls = {"S: 220 mx", "C: EHLO me.test", "S: 250-mx", "S: 250 STARTTLS",
                                 "C: STARTTLS"};

// One transaction, command by command.
inline const Script kPlain = Open({});
inline const Script kMail = kPlain + Script{"submit", "C: MAIL FROM:<s@me.test>"};
inline const Script kRcpt = kMail + Script{"S: 250 ok", "C: RCPT TO:<a@x.test>"};
inline const Script kData = kRcpt + Script{"S: 250 ok", "C: DATA"};
inline const Script kContent = {"C: Subject: x", "C: ", "C: Hi", "C: ."};
inline const Script kDot = kData + Script{"S: 354 go"} + kContent;
inline const Script kReset = {"C: RSET", "S: 250 ok", "want work"};

// The same in one group.
inline const Script kPiped = Open({"PIPELINING"});
inline const Script kGroup = {"C: MAIL FROM:<s@me.test>", "C: RCPT TO:<a@x.test>", "C: DATA"};
inline const Script kGroupOk = {"S: 250 ok", "S: 250 ok", "S: 354 go"};

}  // namespace goniec::outbound::testing
