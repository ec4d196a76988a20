// Takes the content of DATA apart: removes the dots of transparency and finds the end, CR LF . CR LF and
// nothing else (RFC 5321 §4.5.2). Every other byte comes out as it went in, lone CR and LF included. Written
// apart from the codec of the services on purpose: a test with this at one end and that at the other would
// see a mistake of either. Confined to its owner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace goniec::sink {

class DotDecoder {
 public:
  // Appends the content in `input` to `content`, and returns how many bytes of `input` belong to the message,
  // its end included. After done() nothing more may be fed.
  std::size_t Feed(std::string_view input, std::string& content);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kLineStart,  // behind CR LF, or at the very beginning
    kText,
    kCr,     // behind a CR
    kDot,    // behind a dot that begins a line; the dot is held back
    kDotCr,  // behind such a dot and a CR; both are held back
    kDone,
  };
  void Step(char c, std::string& content);

  State state_ = State::kLineStart;
};

}  // namespace goniec::sink
