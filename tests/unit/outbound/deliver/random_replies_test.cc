// A server that says anything at all: the session ends or goes on, every transaction is given back exactly
// once with a verdict for each of its recipients, nothing is called delivered that was not accepted, and what
// is kept of endless input is bounded. Each round's replies come from a seed of its own, which a failure
// names.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "outbound/deliver/client_session.h"
#include "tests/unit/outbound/deliver/session_script.h"

namespace goniec::outbound::testing {
namespace {

constexpr unsigned kRounds = 3'000;
constexpr std::size_t kMails = 4;

class RandomServer {
 public:
  explicit RandomServer(unsigned seed) : dice_(seed) {}
  std::size_t Below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_);
  }

  // Most of the time what a server would say to the last line; else anything.
  std::string Says(const std::string& heard) {
    if (Below(10) < 8) return RightAfter(heard);
    return Anything();
  }

 private:
  static std::string RightAfter(const std::string& heard) {
    if (heard.empty()) return "220 mx\r\n";
    if (heard.ends_with("\r\nDATA\r\n")) return "354 go\r\n";
    if (heard.ends_with("QUIT\r\n")) return "221 bye\r\n";
    if (heard.ends_with("STARTTLS\r\n")) return "220 go\r\n";
    return "250 ok\r\n";
  }

  std::string Anything() {
    static constexpr std::array<std::string_view, 29> kReplies = {
        "220 mx\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n",
        "250-mx\r\n250 CHUNKING\r\n",
        "250-mx\r\n250 STARTTLS\r\n",
        "451 4.3.0 later\r\n",
        "550 5.1.1 no\r\n",
        "421 bye\r\n",
        "221 bye\r\n",
        "250-half\r\n",
        "250 ok\r\n250 ok\r\n",
        "354 go\r\n250 ok\r\n",
        "999 what\r\n",
        "2\r\n",
        "\r\n",
        "250\r\n",
        "250 ok\n",
        "hello\r\n",
        "250-a\r\n550 b\r\n",
        "250 2.0.0\r\n",
        "503 order\r\n",
        "250-mx\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE\r\n",
        "555 what parameter\r\n",
        "501 syntax\r\n",
        "504 no such parameter\r\n",
        "502 5.5.1 what\r\n",
    };
    std::string said(kReplies[Below(kReplies.size())]);
    if (Below(12) == 0) said.insert(Below(said.size() + 1), 1, static_cast<char>(Below(256)));
    if (Below(30) == 0) said = std::string(Below(70'000), 'z');
    return said;
  }

  std::mt19937 dice_;
};

struct Round {
  explicit Round(unsigned seed) : server(seed), session(config, {}) {}

  void Submit() {
    auto mail = MakeMail({"a@x.test", submitted % 2 == 0 ? "b@x.test" : "ü@x.test", "c@x.test"});
    if (submitted == 3) mail->set_mail_from("ż@me.test");
    if (submitted % 3 == 2) mail->set_body_octets(queue::v1::OCTETS_BEYOND_ASCII);
    session.Submit(std::make_unique<Transaction>(std::move(mail), std::vector<std::uint32_t>{0, 1, 2},
                                                 [] { return true; }));
    ++submitted;
  }

  void Step() {
    heard += session.output();
    session.output().clear();
    if (session.CanSubmit() && submitted < kMails && server.Below(2) == 0) Submit();
    heard += session.output();
    session.output().clear();
    switch (session.want()) {
      case ClientSession::Want::kTls:
        if (server.Below(2) == 0) return session.TlsStarted("TLSv1.3", "X", "");
        return session.Lost(outcomes::kHandshakeFailed, "no");
      case ClientSession::Want::kWork:
        if (submitted < kMails) return Submit();
        return session.Quit();
      case ClientSession::Want::kClose:
        return;
      case ClientSession::Want::kEnd:
        return session.EndContent();
      default:
        if (server.Below(40) == 0) return session.Lost(outcomes::kConnectionLost, "cut");
        session.Receive(server.Says(heard));
    }
  }

  RandomServer server;
  SessionConfig config{.helo = "me.test"};
  ClientSession session;
  std::size_t submitted = 0;
  std::string heard;
};

TEST(RandomReplies, EveryTransactionIsGivenBackOnce) {
  int delivered = 0;
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    Round round(seed);
    int steps = 0;
    while (round.session.want() != ClientSession::Want::kClose && ++steps < 10'000) round.Step();
    ASSERT_LT(steps, 10'000) << "seed " << seed << ": it neither ends nor closes";
    ASSERT_EQ(round.session.finished().size(), round.submitted) << "seed " << seed;
    for (const auto& transaction : round.session.finished()) {
      std::multiset<std::uint32_t> told(transaction->leftover().begin(), transaction->leftover().end());
      for (const Result& result : transaction->results()) {
        told.insert(result.recipients.begin(), result.recipients.end());
        if (result.verdict != Verdict::kDelivered) continue;
        ++delivered;
        ASSERT_EQ(result.outcome.reply_code() / 100, 2U) << "seed " << seed;
        ASSERT_NE(round.heard.find("Subject: x\r\n"), std::string::npos) << "seed " << seed;
      }
      if (transaction->untouched()) {
        ASSERT_TRUE(told.empty()) << "seed " << seed;
      } else {
        ASSERT_EQ(told, (std::multiset<std::uint32_t>{0, 1, 2})) << "seed " << seed;
      }
    }
  }
  EXPECT_GT(delivered, 1'000) << "the server seldom says yes at the right time; the rounds test too little";
}

}  // namespace
}  // namespace goniec::outbound::testing
