#include "inbound/session/command_input.h"

#include <cassert>

#include "common/smtp/limits.h"

namespace goniec::inbound {
namespace {

bool HasControlCharacter(std::string_view text) {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\t') || u == 0x7F) return true;
  }
  return false;
}

}  // namespace

void CommandInput::Give(std::string_view bytes) {
  assert(given_.empty());
  given_ = bytes;
}

std::optional<CommandInput::Line> CommandInput::TakeLine() {
  const size_t lf = given_.find('\n');
  if (lf == std::string_view::npos) return std::nullopt;
  const std::string_view piece = given_.substr(0, lf + 1);
  given_.remove_prefix(lf + 1);
  if (overlong_ || partial_.size() + piece.size() > smtp::kMaxCommandLine) {
    overlong_ = false;
    partial_.clear();
    return Line{LineKind::kTooLong, {}};
  }
  if (partial_.empty()) return Judge(piece);
  line_ = partial_;
  line_.append(piece);
  partial_.clear();
  return Judge(line_);
}

CommandInput::Line CommandInput::Judge(std::string_view line) const {
  line.remove_suffix(1);
  // RFC 5321 §2.3.8: only CR LF ends a line. A line that a lone LF ends is answered, so that whoever types by
  // hand sees why nothing works, but never obeyed.
  if (line.empty() || line.back() != '\r') return {LineKind::kBadEnding, {}};
  line.remove_suffix(1);
  if (HasControlCharacter(line)) return {LineKind::kBadEnding, {}};
  return {LineKind::kGood, line};
}

void CommandInput::Keep() {
  if (overlong_ || partial_.size() + given_.size() > smtp::kMaxCommandLine) {
    overlong_ = true;
    partial_.clear();
  } else {
    partial_.append(given_);
  }
  given_ = {};
}

void CommandInput::Discard() {
  given_ = {};
  partial_.clear();
  overlong_ = false;
}

}  // namespace goniec::inbound
