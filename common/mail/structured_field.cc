#include "common/mail/structured_field.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/address_lexer.h"
#include "common/mail/encoded_word.h"

namespace goniec::mail {
namespace {

using Kind = AddressToken::Kind;

// Text behind backslashes is meant without them.
std::string WithoutBackslashes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

class Encoder {
 public:
  explicit Encoder(FieldGrammar grammar) : grammar_(grammar) {}

  absl::StatusOr<std::string> Encode(std::string_view value) {
    AddressLexer lexer(value);
    for (AddressToken token = lexer.Next(); token.kind != Kind::kEnd; token = lexer.Next()) {
      if (token.kind == Kind::kMalformed)
        return Bad("has a quote, comment or bracket that does not end, or a stray character");
      Add(token);
    }
    End(grammar_ == FieldGrammar::kPhrases);
    if (wrong_) {
      return Bad(
          "has text beyond ASCII that is neither in a display name nor in a comment, where alone this field "
          "may have it");
    }
    return std::string(TrimAsciiSpace(out_));
  }

 private:
  static absl::Status Bad(const char* why) { return absl::InvalidArgumentError(why); }

  void Add(const AddressToken& token) {
    if (token.kind == Kind::kComment) {
      // It cannot be inside of encoded text; names with comments in them are rare.
      End(HasPhrases());
      AddComment(token.text);
    } else if (token.kind == Kind::kSpecial && token.text[0] != '.') {
      AddSpecial(token.text[0]);
    } else {
      piece_ += token.text;
      words_ += token.kind == Kind::kQuoted ? WithoutBackslashes(token.text.substr(1, token.text.size() - 2))
                                            : std::string(token.text);
    }
  }

  void AddSpecial(char c) {
    switch (c) {
      case '<':
        End(HasPhrases());
        in_brackets_ = true;
        break;
      case ':':
        End(grammar_ == FieldGrammar::kAddresses && !in_brackets_);
        break;
      case ',':
      case ';':
        End(grammar_ == FieldGrammar::kPhrases);
        break;
      default:
        End(false);
        in_brackets_ = in_brackets_ && c != '>';
    }
    in_address_ = c == '@' || (in_address_ && c == '>');
    Separate();
    out_ += c;
  }

  [[nodiscard]] bool HasPhrases() const {
    return !in_brackets_ && !in_address_ &&
           (grammar_ == FieldGrammar::kAddresses || grammar_ == FieldGrammar::kListId ||
            grammar_ == FieldGrammar::kPhrases);
  }

  // Ends the run of words that has been gathered, which is a phrase or must be ASCII.
  void End(bool is_phrase) {
    if (!piece_.empty() && IsAscii(piece_)) {
      if (piece_[0] != ' ' && piece_[0] != '\t') Separate();
      out_ += piece_;
      encoded_ = false;
    } else if (!piece_.empty()) {
      wrong_ = wrong_ || !is_phrase;
      AddEncoded(EncodeWords(TrimAsciiSpace(words_)));
    }
    piece_.clear();
    words_.clear();
  }

  // RFC 2047 §5 (3): with white space around it.
  void AddEncoded(const std::string& words) {
    if (!out_.empty() && out_.back() != ' ' && out_.back() != '(') out_ += ' ';
    out_ += words;
    encoded_ = true;
  }

  // Before what follows an encoded word.
  void Separate() {
    if (encoded_) out_ += ' ';
    encoded_ = false;
  }

  // `comment` has its parentheses, and those of the comments within it.
  void AddComment(std::string_view comment) {
    if (IsAscii(comment)) {
      Separate();
      out_ += comment;
      return;
    }
    if (!out_.empty() && out_.back() != ' ') out_ += ' ';
    std::string text;
    for (std::size_t i = 0; i < comment.size(); ++i) {
      if (comment[i] == '(' || comment[i] == ')') {
        AddCommentText(text);
        text.clear();
        out_ += comment[i];
        continue;
      }
      if (comment[i] == '\\' && i + 1 < comment.size()) text += comment[i++];
      text += comment[i];
    }
    // A line with an encoded word is short: what follows the comment can go on the next one.
    encoded_ = true;
  }

  void AddCommentText(const std::string& text) {
    if (IsAscii(text)) {
      out_ += text;
      return;
    }
    AddEncoded(EncodeWords(TrimAsciiSpace(WithoutBackslashes(text))));
    const bool space_behind = text.back() == ' ' || text.back() == '\t';
    if (space_behind) out_ += ' ';
    encoded_ = false;
  }

  const FieldGrammar grammar_;
  std::string out_;
  // Words since the last special, as written and as meant.
  std::string piece_;
  std::string words_;
  bool in_brackets_ = false;
  // Behind "@".
  bool in_address_ = false;
  // The last thing in `out_` is an encoded word.
  bool encoded_ = false;
  bool wrong_ = false;
};

}  // namespace

absl::StatusOr<std::string> EncodeStructured(FieldGrammar grammar, std::string_view value) {
  return Encoder(grammar).Encode(value);
}

}  // namespace goniec::mail
