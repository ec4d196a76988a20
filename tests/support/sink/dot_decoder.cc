#include "tests/support/sink/dot_decoder.h"

namespace goniec::sink {

std::size_t DotDecoder::Feed(std::string_view input, std::string& content) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::kDone) {
    if (state_ == State::kText) {
      const std::size_t cr = input.find('\r', at);
      const std::size_t end = cr == std::string_view::npos ? input.size() : cr;
      content.append(input.substr(at, end - at));
      at = end;
      if (at == input.size()) break;
    }
    Step(input[at++], content);
  }
  return at;
}

void DotDecoder::Step(char c, std::string& content) {
  switch (state_) {
    case State::kLineStart:
      if (c == '.') {
        state_ = State::kDot;
        return;
      }
      break;
    case State::kCr:
      if (c == '\n') {
        content += c;
        state_ = State::kLineStart;
        return;
      }
      break;
    case State::kDot:
      if (c == '\r') {
        state_ = State::kDotCr;
        return;
      }
      break;
    case State::kDotCr:
      if (c == '\n') {
        state_ = State::kDone;
        return;
      }
      content += '\r';
      break;
    case State::kText:
    case State::kDone:
      break;
  }
  content += c;
  state_ = c == '\r' ? State::kCr : State::kText;
}

}  // namespace goniec::sink
