#include "common/smtp/content_start.h"

namespace goniec::smtp {
namespace {

// How a mailbox file begins a message; ">" before it is a message that was kept inside another.
constexpr std::string_view kMark = ">From ";

// RFC 5322 §2.2: printable ASCII but the colon.
bool IsNameOctet(char c) {
  return c > ' ' && c < 0x7F && c != ':';
}

}  // namespace

ContentStart::Piece ContentStart::Next(std::string_view input) {
  switch (at_) {
    case At::kMark:
      return HoldMark(input);
    case At::kMailboxLine: {
      const size_t lf = input.find('\n');
      if (lf == std::string_view::npos) return {input.size(), {}};
      at_ = At::kMark;  // the line behind it is the first one now
      return {lf + 1, {}};
    }
    case At::kPassing:
      break;
  }
  Judge(input);
  return {input.size(), input};
}

ContentStart::Piece ContentStart::HoldMark(std::string_view input) {
  size_t taken = 0;
  while (taken < input.size()) {
    const std::string_view mark = kMark.substr(quoted_ ? 0 : 1);
    if (held_ == 0 && !quoted_ && input[taken] == kMark.front()) {
      quoted_ = true;
      held_ = 1;
    } else if (input[taken] == mark[held_]) {
      ++held_;
    } else {
      break;
    }
    ++taken;
    if (held_ < kMark.substr(quoted_ ? 0 : 1).size()) continue;
    at_ = At::kMailboxLine;
    quoted_ = false;
    held_ = 0;
    return {taken, {}};
  }
  if (taken == input.size()) return {taken, {}};
  const std::string_view held = Finish();
  if (taken > 0 || !held.empty()) return {taken, held};
  Judge(input);
  return {input.size(), input};
}

std::string_view ContentStart::Finish() {
  const std::string_view held = kMark.substr(quoted_ ? 0 : 1).substr(0, held_);
  at_ = At::kPassing;
  held_ = 0;
  Judge(held);
  return held;
}

void ContentStart::Judge(std::string_view text) {
  for (const char c : text) {
    if (first_line_ != FirstLine::kOpen) return;
    const bool blank = c == ' ' || c == '\t';
    if (after_cr_) {
      first_line_ = c == '\n' ? FirstLine::kField : FirstLine::kText;
    } else if (!named_) {
      if (blank) first_line_ = FirstLine::kContinuation;
      // An empty line; what a lone CR or LF is, others judge.
      if (c == '\n') first_line_ = FirstLine::kField;
      after_cr_ = c == '\r';
      if (!blank && c != '\n' && c != '\r' && !IsNameOctet(c)) first_line_ = FirstLine::kText;
      named_ = IsNameOctet(c);
    } else if (c == ':') {
      first_line_ = FirstLine::kField;
    } else if (blank) {
      in_name_ = false;  // RFC 5322 §4.5: old mail may have space before the colon
    } else if (!in_name_ || !IsNameOctet(c)) {
      first_line_ = FirstLine::kText;
    }
  }
}

}  // namespace goniec::smtp
