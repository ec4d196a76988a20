#include "common/smtp/reply_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/smtp/limits.h"

namespace goniec::smtp {
namespace {

constexpr size_t kCodeLength = 3;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes 1 to `max` digits from the front.
std::optional<int> TakeNumber(std::string_view* text, size_t max) {
  size_t length = 0;
  while (length < text->size() && IsDigit((*text)[length])) ++length;
  if (length == 0 || length > max) return std::nullopt;
  int number = 0;
  std::from_chars(text->data(), text->data() + length, number);
  text->remove_prefix(length);
  return number;
}

bool TakeDot(std::string_view* text) {
  if (text->empty() || text->front() != '.') return false;
  text->remove_prefix(1);
  return true;
}

// RFC 5321 §4.2.1: all lines of a reply have the same code. Which of two a server means nobody can know, but
// where every line says yes there is no doubt, and to call that an error behind the end of data would send
// the message again and again.
bool MayFollow(int code, int next) {
  return code == next || (code / 100 == 2 && next / 100 == 2);
}

// Takes "x.y.z " from the front if it is an enhanced code of the reply's class (RFC 2034 §4); else leaves
// all.
EnhancedCode TakeEnhancedCode(int code, std::string_view* text) {
  std::string_view rest = *text;
  const std::optional<int> category = TakeNumber(&rest, 1);
  if (!category || *category != code / 100 || !TakeDot(&rest)) return {};
  const std::optional<int> subject = TakeNumber(&rest, 3);
  if (!subject || !TakeDot(&rest)) return {};
  const std::optional<int> detail = TakeNumber(&rest, 3);
  if (!detail || (!rest.empty() && rest.front() != ' ')) return {};
  if (!rest.empty()) rest.remove_prefix(1);
  *text = rest;
  return {*category, *subject, *detail};
}

}  // namespace

ReplyParser::Progress ReplyParser::Feed(std::string_view* input) {
  while (!input->empty()) {
    const size_t lf = input->find('\n');
    const size_t taken = lf == std::string_view::npos ? input->size() : lf + 1;
    bytes_ += taken;
    if (bytes_ > kMaxReplyBytes) return Malformed("the reply does not end");
    line_bytes_ += lf == std::string_view::npos ? taken : lf;
    // One more for the CR.
    if (line_bytes_ > kMaxReplyLine + 1) return Malformed("a line of the reply is too long");
    const size_t room =
        kMaxReplyLineKept + kCodeLength + 1 - std::min(line_.size(), kMaxReplyLineKept + kCodeLength + 1);
    line_.append(input->substr(0, std::min(room, lf == std::string_view::npos ? taken : lf)));
    input->remove_prefix(taken);
    if (lf == std::string_view::npos) return Progress::kNeedMore;
    const Progress progress = ParseLine();
    line_.clear();
    line_bytes_ = 0;
    if (progress != Progress::kNeedMore) return progress;
  }
  return Progress::kNeedMore;
}

ReplyParser::Progress ReplyParser::ParseLine() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  std::string_view text = line_;
  if (text.size() < kCodeLength || !IsDigit(text[0]) || !IsDigit(text[1]) || !IsDigit(text[2])) {
    return Malformed("the reply does not begin with a code");
  }
  // RFC 5321 §4.2 allows 0 to 5 as the second digit; servers that say 571 exist.
  if (text[0] < '2' || text[0] > '5') return Malformed("the reply's code is not one of SMTP");
  const int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  text.remove_prefix(kCodeLength);
  const bool more = !text.empty() && text.front() == '-';
  if (!text.empty() && text.front() != '-' && text.front() != ' ') {
    return Malformed("the reply's code is followed by neither space nor hyphen");
  }
  if (!text.empty()) text.remove_prefix(1);
  if (reply_.code != 0 && !MayFollow(reply_.code, code)) {
    return Malformed("the lines of the reply differ in their codes");
  }
  reply_.code = code;
  const EnhancedCode enhanced = TakeEnhancedCode(code, &text);
  if (reply_.enhanced.empty()) reply_.enhanced = enhanced;
  if (reply_.lines.size() < kMaxReplyLinesKept) reply_.lines.emplace_back(text);
  return more ? Progress::kNeedMore : Progress::kComplete;
}

ReplyParser::Progress ReplyParser::Malformed(std::string_view problem) {
  problem_ = problem;
  return Progress::kMalformed;
}

Reply ReplyParser::Take() {
  bytes_ = 0;
  return std::exchange(reply_, Reply());
}

}  // namespace goniec::smtp
