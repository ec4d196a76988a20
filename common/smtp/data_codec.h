// The content of a message on the wire: end of data and dot transparency (RFC 5321 §4.5.2) in both
// directions, and the check of what a message may not contain. Used by both protocol engines; incremental
// over any split of the input, without copying it. Holds no bytes of the message. Confined to its session.
#pragma once

#include <string>
#include <string_view>

namespace goniec::smtp {

// DATA to message. The end is CR LF . CR LF and nothing else (or . CR LF as the very first line): accepting
// LF . LF or CR . CR too is what SMTP smuggling lives on (CVE-2023-51764). The decoder only finds dots and
// the end; ContentCheck judges what it gives.
class DataDecoder {
 public:
  struct Piece {
    size_t consumed = 0;       // octets of the input that are done with; 0 only together with content
    std::string_view content;  // message octets; within the input, or static; may be empty
  };
  // `input` is not empty and the end has not come. Stops at each removed dot, so the caller calls again.
  Piece Next(std::string_view input);
  // The final dot has been consumed; what follows is the next command.
  bool ended() const { return ended_; }

 private:
  enum class At { kLineStart, kText, kCr, kDot, kDotCr };
  At at_ = At::kLineStart;
  bool ended_ = false;
};

// What makes a message impossible to pass on unchanged and unambiguously.
enum class ContentFlaw {
  kNone,
  kBareCr,
  kBareLf,
  // RFC 5321 §4.5.2 allows the 128 ASCII octets, but RFC 5322 §3.5 and RFC 6152 §3 leave out NUL, and
  // software that takes it for the end of a string has been the way around many a filter.
  kNul,
};

// Looks at the whole content of a message, from DATA or BDAT, in pieces.
class ContentCheck {
 public:
  void Feed(std::string_view content);
  // At the end of the message: a last CR is bare.
  void Finish();
  // The first flaw found; a later one does not replace it.
  ContentFlaw flaw() const { return flaw_; }

 private:
  void Note(ContentFlaw flaw);
  bool after_cr_ = false;
  ContentFlaw flaw_ = ContentFlaw::kNone;
};

// Message to DATA.
class DataEncoder {
 public:
  // Appends `content` to `wire`, a dot added where a line begins with one. A line begins after any LF: should
  // a bare LF ever come here, a receiver that takes it for an end of line still finds no end of data.
  void Append(std::string_view content, std::string* wire);
  // Appends the end of data, after a CR LF if the content did not end with one.
  void Finish(std::string* wire);

 private:
  bool line_start_ = true;
  bool after_cr_ = false;
  bool ended_line_ = true;
};

}  // namespace goniec::smtp
