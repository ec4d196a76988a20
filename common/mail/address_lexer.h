// The words of a structured header field (RFC 5322 §3.2, with RFC 6532's UTF-8): atoms, quoted strings,
// comments, domain literals, specials. Used by what reads fields of strangers (address_field.h) and by what
// writes fields of callers (structured_field.h). It recurses nowhere, and each octet of the input is in
// exactly one token, so the work is that of the length, whatever is in it. Confined to one thread.
#pragma once

#include <string_view>

namespace goniec::mail {

// Comments within comments. More of them is an attack: the rest of the field is one malformed token then.
inline constexpr int kMaxCommentDepth = 20;

struct AddressToken {
  enum class Kind {
    kEnd,
    kSpace,      // a run of spaces and tabs
    kComment,    // with its parentheses
    kAtom,       // with UTF-8; encoded words are atoms, too
    kQuoted,     // with its quotes
    kLiteral,    // with its brackets
    kSpecial,    // one of <>@,:;.
    kMalformed,  // not closed, or an octet that stands nowhere
  };
  Kind kind = Kind::kEnd;
  // A view of the input, as written.
  std::string_view text;

  [[nodiscard]] bool Is(char special) const { return kind == Kind::kSpecial && text[0] == special; }
  [[nodiscard]] bool IsWord() const { return kind == Kind::kAtom || kind == Kind::kQuoted; }
};

class AddressLexer {
 public:
  // `line` is an unfolded value and outlives the lexer and its tokens.
  explicit AddressLexer(std::string_view line) : rest_(line) {}

  AddressToken Next();

 private:
  [[nodiscard]] AddressToken Take(AddressToken::Kind kind, std::size_t length);
  [[nodiscard]] AddressToken TakeComment();
  [[nodiscard]] AddressToken TakeEnclosed(AddressToken::Kind kind, char end);

  std::string_view rest_;
};

}  // namespace goniec::mail
