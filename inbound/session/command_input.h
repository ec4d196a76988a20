// The input of a session: bytes from the shell become lines or octets for the engine. Copies nothing but a
// command line that is not yet complete when the shell asks for more. Confined to its session.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace goniec::inbound {

class CommandInput {
 public:
  enum class LineKind {
    kGood,
    kTooLong,    // has been dropped to its end
    kBadEnding,  // LF without CR, or a CR, NUL or other control character within
  };
  struct Line {
    LineKind kind;
    std::string_view text;  // without its end; empty unless good; valid until the next call
  };

  // `bytes` must stay valid until Keep() or Discard(); all earlier ones have been taken or kept.
  void Give(std::string_view bytes);
  // The next line, nullopt if it is not complete yet.
  std::optional<Line> TakeLine();
  // Octets that are there, for bodies. Empty while a line is half taken.
  std::string_view octets() const { return given_; }
  void TakeOctets(size_t count) { given_.remove_prefix(count); }
  // Copies what is left of the shell's bytes (part of a line, bounded).
  void Keep();
  // Octets of a line that are kept: at most smtp::kMaxCommandLine.
  size_t kept() const { return partial_.size(); }
  // Forgets everything: STARTTLS, the end.
  void Discard();

 private:
  Line Judge(std::string_view line) const;

  std::string_view given_;
  std::string partial_;    // the beginning of a line
  std::string line_;       // a joined line while it is looked at
  bool overlong_ = false;  // dropping a line to its end
};

}  // namespace goniec::inbound
