// The client's side of SMTP (RFC 5321, and 2920 where the server offers PIPELINING) as goniec-load speaks it:
// replies in, and out comes what to say next and what became of the mail in hand. The octets to say are in
// mail_form.h; the socket is the connection's. Does no I/O and knows no time. Confined to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/smtp/reply.h"
#include "common/smtp/reply_parser.h"

namespace goniec::load {

// What to say.
enum class Say {
  kNothing,
  kEhlo,
  kHelo,
  kMail,
  kRcpt,  // of Dialogue::recipient()
  kData,
  kGroup,           // MAIL, each RCPT and DATA
  kContent,         // up to and with the final dot
  kContentAndQuit,  // the same and QUIT
  kEnd,  // the final dot alone: no recipient was accepted and the server wants content all the same
  kReset,
  kQuit,
};

enum class Verdict {
  kNone,
  kAccepted,
  kRefused,
  kLost,  // no answer, or one that is not SMTP
};

struct Turn {
  Say say = Say::kNothing;
  // Of the mail in hand, which is none any more unless it is kNone.
  Verdict verdict = Verdict::kNone;
  // The server is ready for Begin() or Quit().
  bool idle = false;
  // Nothing more is said by either side.
  bool over = false;
};

class Dialogue {
 public:
  explicit Dialogue(std::size_t recipients) : recipients_(recipients) {}

  // Takes one reply, or what there is of it, from the front of `input`: call it until all is taken or it is
  // over. What is wrong before a mail was begun is a verdict about the mail for which the connection was
  // opened.
  Turn Take(std::string_view* input);

  // Only when idle. `last`: QUIT follows this mail.
  Say Begin(bool last);
  Say Quit();

  // The server has closed the connection, or has been silent for too long: what that makes of the mail in
  // hand, whose reason() tells `how`.
  Verdict End(std::string_view how);

  // Of the last verdict that was not kAccepted: at which command, and the server's words; escaped.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // For kRcpt.
  [[nodiscard]] std::size_t recipient() const { return recipient_; }

 private:
  // Whose reply comes next.
  enum class Awaited { kGreeting, kEhlo, kHelo, kMail, kRcpt, kData, kEnd, kReset, kQuit, kNothing };
  static std::string_view Name(Awaited awaited);

  Turn OnReply(const smtp::Reply& reply);
  Turn OnEhlo(const smtp::Reply& reply);
  Turn OnMail(bool accepted);
  Turn OnRcpt(bool accepted);
  Turn OnData(const smtp::Reply& reply);
  Turn OnEnd();
  Turn Refused();
  Turn Idle();
  void Note(const smtp::Reply& reply);

  const std::size_t recipients_;
  smtp::ReplyParser parser_;
  Awaited awaited_ = Awaited::kGreeting;
  bool pipelining_ = false;
  bool last_ = false;
  std::size_t recipient_ = 0;  // the next one's number
  std::size_t accepted_ = 0;   // recipients
  bool refused_ = false;       // something of this mail was
  std::string reason_;
};

}  // namespace goniec::load
