// A conversation of the sending session as a table. Lines of a script:
//   "S: …"  the server says this line          "C: …"  exactly this is what the session has put out since
//   "submit", "quit", "tls", "cut", "timeout", "shutdown", "tls failed", "tls failed silently",
//   "broker silent" (from now on)
//   "body: …" the wanted chunk of the stored body comes ("\r\n" is added)    "unreadable"   it does not come
//   "wait 2000": the clock goes on by milliseconds
//   "hold": from now on content does not drain by itself, but at "sent"
//   "want reply|tls|body|end|work|close"
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "outbound/deliver/client_session.h"

namespace goniec::outbound::testing {

using Script = std::vector<std::string>;

class FakeClock : public Clock {
 public:
  WallTime Wall() const override { return {}; }
  BootTime Boot() const override { return now_; }
  void Advance(std::chrono::milliseconds by) { now_ += by; }

 private:
  BootTime now_{std::chrono::hours(1)};
};

class ScriptedSession {
 public:
  // `segment` 0: what the server says at once comes at once; else in pieces of so many bytes.
  explicit ScriptedSession(std::size_t segment = 0, SessionConfig config = {}, PeerMemory memory = {});

  // What each "submit" submits, in order; the last is used again. Recipients: all of the mail.
  std::vector<std::shared_ptr<queue::v1::Mail>> mails;

  void Run(const Script& script);
  // One line for each result of each transaction given back, in order:
  // "0: delivered DOT ACCEPTED 250 2.0.0 ok [rcpt 0,1]", "1: untouched", "0: leftover 2"; the opening's
  // failure as "opening: temporary …".
  std::vector<std::string> Results();

  ClientSession& session() { return session_; }
  FakeClock& clock() { return clock_; }

 private:
  void Say(const std::string& bytes);
  void Act(const std::string& line);
  void Drain();

  FakeClock clock_;
  SessionConfig config_;
  std::size_t segment_;
  ClientSession session_;
  std::size_t submitted_ = 0;
  std::map<const Transaction*, std::size_t> numbers_;
  bool may_finish_ = true;
  bool drains_ = true;
};

// One recipient for each address; the body is "Hi\r\n" under the head "Subject: x\r\n\r\n".
std::shared_ptr<queue::v1::Mail> MakeMail(const std::vector<std::string>& recipients = {"a@x.test"});

// The script of an opened session whose server offers `keywords`.
Script Open(const std::vector<std::string>& keywords);
Script operator+(Script a, const Script& b);

}  // namespace goniec::outbound::testing
