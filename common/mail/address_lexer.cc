#include "common/mail/address_lexer.h"

#include <algorithm>

namespace goniec::mail {
namespace {

using Kind = AddressToken::Kind;

bool IsSpace(char c) {
  return c == ' ' || c == '\t';
}

bool IsAtomText(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7F && std::string_view("()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
}

// RFC 5322 §4.1 lets old programs write these; nobody does, and what they hide from readers is not worth it.
bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < ' ' && c != '\t') || byte == 0x7F;
}

template <typename Predicate>
std::size_t LengthOf(std::string_view text, Predicate predicate) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), predicate) - text.begin());
}

}  // namespace

AddressToken AddressLexer::Take(Kind kind, std::size_t length) {
  const AddressToken token{kind, rest_.substr(0, length)};
  rest_.remove_prefix(length);
  return token;
}

AddressToken AddressLexer::TakeComment() {
  int depth = 0;
  bool good = true;
  for (std::size_t i = 0; i < rest_.size(); ++i) {
    if (rest_[i] == '\\' && i + 1 < rest_.size()) {
      ++i;
    } else if (rest_[i] == '(') {
      if (++depth > kMaxCommentDepth) break;
    } else if (rest_[i] == ')' && --depth == 0) {
      return Take(good ? Kind::kComment : Kind::kMalformed, i + 1);
    }
    good = good && !IsControl(rest_[i]);
  }
  return Take(Kind::kMalformed, rest_.size());
}

AddressToken AddressLexer::TakeEnclosed(Kind kind, char end) {
  bool good = true;
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    if (rest_[i] == end) return Take(good ? kind : Kind::kMalformed, i + 1);
    if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
    good = good && !IsControl(rest_[i]) && (kind != Kind::kLiteral || rest_[i] != '[');
  }
  return Take(Kind::kMalformed, rest_.size());
}

AddressToken AddressLexer::Next() {
  if (rest_.empty()) return {};
  const char first = rest_[0];
  if (IsSpace(first)) return Take(Kind::kSpace, LengthOf(rest_, IsSpace));
  if (IsAtomText(first)) return Take(Kind::kAtom, LengthOf(rest_, IsAtomText));
  if (first == '(') return TakeComment();
  if (first == '"') return TakeEnclosed(Kind::kQuoted, '"');
  if (first == '[') return TakeEnclosed(Kind::kLiteral, ']');
  const bool special = std::string_view("<>@,:;.").find(first) != std::string_view::npos;
  return Take(special ? Kind::kSpecial : Kind::kMalformed, 1);
}

}  // namespace goniec::mail
