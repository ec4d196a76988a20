#include "tests/support/load/dialogue.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::load {
namespace {

constexpr int kStartInput = 354;
constexpr int kClosing = 421;

bool IsYes(const smtp::Reply& reply) {
  return reply.code / 100 == 2;
}

bool Offers(const smtp::Reply& reply, std::string_view extension) {
  for (const std::string& line : reply.lines) {
    if (EqualsIgnoreCase(std::string_view(line).substr(0, line.find(' ')), extension)) return true;
  }
  return false;
}

}  // namespace

std::string_view Dialogue::Name(Awaited awaited) {
  switch (awaited) {
    case Awaited::kGreeting:
      return "the connection";
    case Awaited::kEhlo:
      return "EHLO";
    case Awaited::kHelo:
      return "HELO";
    case Awaited::kMail:
      return "MAIL FROM";
    case Awaited::kRcpt:
      return "RCPT TO";
    case Awaited::kData:
      return "DATA";
    case Awaited::kEnd:
      return "the end of the content";
    case Awaited::kReset:
      return "RSET";
    case Awaited::kQuit:
      return "QUIT";
    case Awaited::kNothing:
      break;
  }
  return "nothing";
}

Turn Dialogue::Take(std::string_view* input) {
  switch (parser_.Feed(input)) {
    case smtp::ReplyParser::Progress::kNeedMore:
      return {};
    case smtp::ReplyParser::Progress::kMalformed:
      return {.verdict = End(parser_.problem()), .over = true};
    case smtp::ReplyParser::Progress::kComplete:
      break;
  }
  return OnReply(parser_.Take());
}

Turn Dialogue::OnReply(const smtp::Reply& reply) {
  // RFC 5321 §3.8: the server may say so at any time, and closes.
  if (reply.code == kClosing && awaited_ != Awaited::kQuit) {
    const bool mail_in_hand = awaited_ != Awaited::kNothing && awaited_ != Awaited::kReset;
    if (mail_in_hand) Note(reply);
    return {.verdict = mail_in_hand ? Verdict::kRefused : Verdict::kNone, .over = true};
  }
  if (awaited_ <= Awaited::kEnd && awaited_ != Awaited::kEhlo && awaited_ != Awaited::kData &&
      !IsYes(reply)) {
    Note(reply);
  }
  switch (awaited_) {
    case Awaited::kGreeting:
      if (!IsYes(reply)) return {.verdict = Verdict::kRefused, .over = true};
      awaited_ = Awaited::kEhlo;
      return {.say = Say::kEhlo};
    case Awaited::kEhlo:
      return OnEhlo(reply);
    case Awaited::kHelo:
      if (!IsYes(reply)) return {.verdict = Verdict::kRefused, .over = true};
      return Idle();
    case Awaited::kMail:
      return OnMail(IsYes(reply));
    case Awaited::kRcpt:
      return OnRcpt(IsYes(reply));
    case Awaited::kData:
      return OnData(reply);
    case Awaited::kEnd:
      return OnEnd();
    case Awaited::kReset:
      return Idle();
    case Awaited::kQuit:
    case Awaited::kNothing:  // nobody asked for a reply
      break;
  }
  return {.over = true};
}

Turn Dialogue::OnEhlo(const smtp::Reply& reply) {
  if (IsYes(reply)) {
    pipelining_ = Offers(reply, "PIPELINING");
    return Idle();
  }
  // RFC 5321 §3.2: a server that does not know EHLO.
  if (reply.IsPermanent()) {
    awaited_ = Awaited::kHelo;
    return {.say = Say::kHelo};
  }
  Note(reply);
  return {.verdict = Verdict::kRefused, .over = true};
}

Turn Dialogue::Idle() {
  awaited_ = Awaited::kNothing;
  return {.idle = true};
}

Say Dialogue::Begin(bool last) {
  last_ = last;
  recipient_ = 0;
  accepted_ = 0;
  refused_ = false;
  awaited_ = Awaited::kMail;
  return pipelining_ ? Say::kGroup : Say::kMail;
}

Say Dialogue::Quit() {
  awaited_ = Awaited::kQuit;
  return Say::kQuit;
}

Turn Dialogue::OnMail(bool accepted) {
  if (!accepted && !pipelining_) return Refused();
  awaited_ = Awaited::kRcpt;
  return {.say = pipelining_ ? Say::kNothing : Say::kRcpt};
}

Turn Dialogue::OnRcpt(bool accepted) {
  if (accepted) ++accepted_;
  if (++recipient_ < recipients_) return {.say = pipelining_ ? Say::kNothing : Say::kRcpt};
  if (!pipelining_ && accepted_ == 0) return Refused();
  awaited_ = Awaited::kData;
  return {.say = pipelining_ ? Say::kNothing : Say::kData};
}

Turn Dialogue::OnData(const smtp::Reply& reply) {
  if (reply.code != kStartInput) {
    Note(reply);
    return Refused();
  }
  awaited_ = Awaited::kEnd;
  // RFC 2920 §3.1: a server may say 354 though it has refused all recipients.
  if (accepted_ == 0) return {.say = Say::kEnd};
  return {.say = last_ && pipelining_ ? Say::kContentAndQuit : Say::kContent};
}

Turn Dialogue::OnEnd() {
  const Verdict verdict = refused_ ? Verdict::kRefused : Verdict::kAccepted;
  if (!last_) {
    awaited_ = Awaited::kNothing;
    return {.verdict = verdict, .idle = true};
  }
  awaited_ = Awaited::kQuit;
  const bool said = pipelining_ && accepted_ > 0;
  return {.say = said ? Say::kNothing : Say::kQuit, .verdict = verdict};
}

// The transaction came to nothing before its content.
Turn Dialogue::Refused() {
  awaited_ = last_ ? Awaited::kQuit : Awaited::kReset;
  return {.say = last_ ? Say::kQuit : Say::kReset, .verdict = Verdict::kRefused};
}

// The first refusal of a mail is what it is told by; what follows is its consequence.
void Dialogue::Note(const smtp::Reply& reply) {
  if (refused_) return;
  refused_ = true;
  const std::string enhanced = reply.enhanced.empty() ? "" : reply.enhanced.ToString() + " ";
  reason_ = absl::StrCat(ToAbsl(Name(awaited_)), ": ", reply.code, " ", enhanced, Printable(reply.Text()));
}

Verdict Dialogue::End(std::string_view how) {
  if (awaited_ >= Awaited::kReset) return Verdict::kNone;  // no mail in hand
  if (refused_) return Verdict::kRefused;
  reason_ = absl::StrCat("no answer to ", ToAbsl(Name(awaited_)), ": ", Printable(how));
  return Verdict::kLost;
}

}  // namespace goniec::load
