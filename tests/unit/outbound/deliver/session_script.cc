#include "tests/unit/outbound/deliver/session_script.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace goniec::outbound::testing {
namespace {

std::string Positions(const std::vector<std::uint32_t>& positions) {
  std::string text;
  for (const std::uint32_t position : positions) text += (text.empty() ? "" : ",") + std::to_string(position);
  return text;
}

std::string Show(const Result& result) {
  const queue::v1::Outcome& outcome = result.outcome;
  std::string text(VerdictName(result.verdict));
  text += " " + queue::v1::Phase_Name(outcome.phase()).substr(sizeof("PHASE_") - 1);
  text += " " + queue::v1::Reason_Name(outcome.reason()).substr(sizeof("REASON_") - 1);
  if (outcome.reply_code() != 0) text += " " + std::to_string(outcome.reply_code());
  if (!outcome.enhanced_code().empty()) text += " " + outcome.enhanced_code();
  if (!outcome.text().empty()) text += " " + outcome.text();
  if (outcome.ambiguous()) text += " AMBIGUOUS";
  return text;
}

std::string WantName(ClientSession::Want want) {
  switch (want) {
    case ClientSession::Want::kReply:
      return "reply";
    case ClientSession::Want::kTls:
      return "tls";
    case ClientSession::Want::kBody:
      return "body";
    case ClientSession::Want::kEnd:
      return "end";
    case ClientSession::Want::kWork:
      return "work";
    case ClientSession::Want::kClose:
      return "close";
  }
  return "";
}

bool TakePrefix(std::string_view prefix, std::string_view* text) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

SessionConfig WithTestNames(SessionConfig config, const Clock* clock) {
  config.helo = "me.test";
  config.clock = clock;
  return config;
}

queue::v1::Outcome Base() {
  queue::v1::Outcome base;
  base.set_remote_host("mx.test");
  return base;
}

}  // namespace

ScriptedSession::ScriptedSession(std::size_t segment, SessionConfig config, PeerMemory memory)
    : config_(WithTestNames(std::move(config), &clock_)),
      segment_(segment),
      session_(config_, Base(), memory) {}

void ScriptedSession::Run(const Script& script) {
  std::string said;
  std::string heard;
  bool hearing = false;
  for (std::size_t i = 0; i <= script.size(); ++i) {
    std::string_view line = i < script.size() ? std::string_view(script[i]) : std::string_view();
    if (TakePrefix("S: ", &line)) {
      if (hearing) {
        EXPECT_EQ(session_.output(), heard) << "before line " << i << ": " << script[i];
        session_.output().clear();
        heard.clear();
        hearing = false;
      }
      said.append(line).append("\r\n");
      continue;
    }
    if (!said.empty()) Say(said);
    said.clear();
    if (TakePrefix("C: ", &line)) {
      heard.append(line).append("\r\n");
      hearing = true;
      continue;
    }
    if (hearing) {
      EXPECT_EQ(session_.output(), heard) << "before line " << i;
      session_.output().clear();
      heard.clear();
      hearing = false;
    }
    if (i < script.size()) Act(script[i]);
  }
}

void ScriptedSession::Say(const std::string& bytes) {
  const std::size_t step = segment_ == 0 ? bytes.size() : segment_;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    session_.Receive(std::string_view(bytes).substr(at, step));
    Drain();
  }
}

void ScriptedSession::Drain() {
  if (drains_ && session_.want() == ClientSession::Want::kEnd) session_.EndContent();
}

void ScriptedSession::Act(const std::string& text) {
  std::string_view line = text;
  if (line == "submit") {
    const auto& mail = mails.at(std::min(submitted_, mails.size() - 1));
    std::vector<std::uint32_t> recipients;
    for (int r = 0; r < mail->recipients_size(); ++r) recipients.push_back(static_cast<std::uint32_t>(r));
    ASSERT_TRUE(session_.CanSubmit());
    auto transaction = std::make_unique<Transaction>(mail, recipients, [this] { return may_finish_; });
    numbers_[transaction.get()] = submitted_++;
    session_.Submit(std::move(transaction));
  } else if (line == "cannot submit") {
    EXPECT_FALSE(session_.CanSubmit());
  } else if (line == "quit") {
    session_.Quit();
  } else if (line == "tls") {
    session_.TlsStarted("TLSv1.3", "TLS_AES_256_GCM_SHA384", "");
  } else if (line == "cut") {
    session_.Lost(outcomes::kConnectionLost);
  } else if (line == "timeout") {
    session_.Lost(outcomes::kTimedOut);
  } else if (line == "shutdown") {
    session_.Lost(outcomes::kShuttingDown);
  } else if (line == "tls failed") {
    session_.Lost(outcomes::kHandshakeFailed, "bad certificate");
  } else if (line == "tls failed silently") {
    session_.Lost(outcomes::kHandshakeFailed, "");
  } else if (line == "broker silent") {
    may_finish_ = false;
  } else if (line == "hold") {
    drains_ = false;
  } else if (line == "sent") {
    session_.EndContent();
  } else if (line == "unreadable") {
    session_.BodyUnreadable("chunk 1 is gone");
  } else if (TakePrefix("body: ", &line)) {
    session_.AddBody(std::string(line) + "\r\n");
    Drain();
  } else if (TakePrefix("wait ", &line)) {
    clock_.Advance(std::chrono::milliseconds(std::stoi(std::string(line))));
  } else if (TakePrefix("want ", &line)) {
    EXPECT_EQ(WantName(session_.want()), line);
  } else {
    FAIL() << "unknown line of the script: " << text;
  }
}

std::vector<std::string> ScriptedSession::Results() {
  std::vector<std::string> lines;
  if (session_.failure()) lines.push_back("opening: " + Show(*session_.failure()));
  for (const auto& finished : session_.finished()) {
    Transaction& transaction = *finished;
    const std::string number = std::to_string(numbers_.at(&transaction)) + ": ";
    if (transaction.untouched()) lines.push_back(number + "untouched");
    for (const Result& result : transaction.results()) {
      lines.push_back(number + Show(result) + " [" + Positions(result.recipients) + "]");
    }
    if (!transaction.leftover().empty())
      lines.push_back(number + "leftover " + Positions(transaction.leftover()));
  }
  return lines;
}

std::shared_ptr<queue::v1::Mail> MakeMail(const std::vector<std::string>& recipients) {
  auto mail = std::make_shared<queue::v1::Mail>();
  mail->set_message_id("01jd0000000000000000000000");
  mail->set_mail_from("s@me.test");
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    auto* recipient = mail->add_recipients();
    recipient->set_index(static_cast<std::uint32_t>(i));
    recipient->set_address(recipients[i]);
  }
  mail->set_head("Subject: x\r\n\r\n");
  mail->set_inline_body("Hi\r\n");
  mail->set_size_bytes(mail->head().size() + mail->inline_body().size());
  return mail;
}

Script Open(const std::vector<std::string>& keywords) {
  Script script = {"S: 220 mx.test ESMTP", "C: EHLO me.test"};
  if (keywords.empty()) {
    script.push_back("S: 250 mx.test");
  } else {
    script.push_back("S: 250-mx.test");
    for (std::size_t i = 0; i < keywords.size(); ++i) {
      script.push_back("S: 250" + std::string(i + 1 < keywords.size() ? "-" : " ") + keywords[i]);
    }
  }
  script.push_back("want work");
  return script;
}

Script operator+(Script a, const Script& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace goniec::outbound::testing
