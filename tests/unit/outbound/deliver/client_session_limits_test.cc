// What the session bounds: waits, replies without end, texts; and what it measures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "outbound/deliver/client_session.h"
#include "tests/unit/outbound/deliver/session_script.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
