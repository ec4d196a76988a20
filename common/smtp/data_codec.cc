#include "common/smtp/data_codec.h"

namespace goniec::smtp {

DataDecoder::Piece DataDecoder::Next(std::string_view input) {
  if (at_ == At::kLineStart && input.front() == '.') {
    at_ = At::kDot;
    return {1, {}};
  }
  if (at_ == At::kDot) {
    if (input.front() == '\r') {
      at_ = At::kDotCr;
      return {1, {}};
    }
    at_ = At::kText;  // the dot was a stuffed one
  } else if (at_ == At::kDotCr) {
    if (input.front() == '\n') {
      ended_ = true;
      return {1, {}};
    }
    // A stuffed dot before a bare CR. That CR has been consumed, but belongs to the message; ContentCheck
    // finds it.
    at_ = At::kCr;
    return {0, "\r"};
  }
  size_t from = 0;
  while (true) {
    const size_t lf = input.find("\n.", from);
    if (lf == std::string_view::npos) break;
    if (lf > 0 ? input[lf - 1] == '\r' : at_ == At::kCr) {
      at_ = At::kLineStart;
      return {lf + 1, input.substr(0, lf + 1)};
    }
    from = lf + 1;
  }
  if (input.back() == '\r') {
    at_ = At::kCr;
  } else if (input.back() == '\n' && (input.size() > 1 ? input[input.size() - 2] == '\r' : at_ == At::kCr)) {
    at_ = At::kLineStart;
  } else {
    at_ = At::kText;
  }
  return {input.size(), input};
}

void ContentCheck::Note(ContentFlaw flaw) {
  if (flaw_ == ContentFlaw::kNone) flaw_ = flaw;
}

void ContentCheck::Feed(std::string_view content) {
  if (content.empty() || flaw_ != ContentFlaw::kNone) return;
  if (content.find('\0') != std::string_view::npos) Note(ContentFlaw::kNul);
  size_t at = 0;
  if (after_cr_) {
    if (content.front() != '\n') return Note(ContentFlaw::kBareCr);
    at = 1;
  }
  after_cr_ = false;
  while (at < content.size()) {
    // The next LF must have a CR before it, and the next CR must be that one.
    const size_t lf = content.find('\n', at);
    const size_t end = lf == std::string_view::npos ? content.size() : lf;
    const size_t cr = content.substr(at, end - at).find('\r');
    if (cr != std::string_view::npos && at + cr + 1 != end) return Note(ContentFlaw::kBareCr);
    if (lf == std::string_view::npos) {
      after_cr_ = cr != std::string_view::npos;
      return;
    }
    if (cr == std::string_view::npos) return Note(ContentFlaw::kBareLf);
    at = lf + 1;
  }
}

void ContentCheck::Finish() {
  if (after_cr_) Note(ContentFlaw::kBareCr);
}

void DataEncoder::Append(std::string_view content, std::string* wire) {
  if (content.empty()) return;
  if (line_start_ && content.front() == '.') *wire += '.';
  size_t at = 0;
  while (true) {
    const size_t lf = content.find("\n.", at);
    if (lf == std::string_view::npos) break;
    wire->append(content.substr(at, lf + 1 - at));
    *wire += '.';
    at = lf + 1;
  }
  wire->append(content.substr(at));
  line_start_ = content.back() == '\n';
  ended_line_ = line_start_ && (content.size() > 1 ? content[content.size() - 2] == '\r' : after_cr_);
  after_cr_ = content.back() == '\r';
}

void DataEncoder::Finish(std::string* wire) {
  wire->append(ended_line_ ? ".\r\n" : "\r\n.\r\n");
}

}  // namespace goniec::smtp
