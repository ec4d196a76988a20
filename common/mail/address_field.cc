#include "common/mail/address_field.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/mail/address_lexer.h"
#include "common/mail/headers.h"

namespace goniec::mail {
namespace {

using Kind = AddressToken::Kind;

// Each step of each loop takes a token, so the work is bounded by the field's length.
class Parser {
 public:
  explicit Parser(std::string_view line) : lexer_(line) { Advance(); }

  AddressField Parse() {
    while (token_.kind != Kind::kEnd && !TooMany()) ReadElement();
    if (in_group_) Malformed("holds a group that does not end");
    return std::move(field_);
  }

 private:
  void Advance() {
    do {
      token_ = lexer_.Next();
    } while (token_.kind == Kind::kSpace || token_.kind == Kind::kComment);
  }

  void Malformed(std::string_view why) {
    if (field_.malformed.empty()) field_.malformed = why;
  }

  [[nodiscard]] bool TooMany() const { return field_.addresses.size() > kMaxFieldAddresses; }

  // What stands between two commas, or a group's beginning or end.
  void ReadElement() {
    Element element;
    while (token_.kind != Kind::kEnd && !TooMany()) {
      if (after_group_ && !token_.Is(','))
        Malformed("has something behind a group without a comma before it");
      after_group_ = false;
      if (token_.Is(',')) {
        Advance();
        break;
      }
      if (token_.Is(':') || token_.Is(';')) {
        ReadGroupMark(element);
        return;
      }
      ReadPiece(element);
    }
    Finish(element);
  }

  struct Element {
    // The words that dots join, up to here: a local part if "@" follows.
    std::string run;
    bool after_dot = false;
    // Runs that are in no address.
    int runs = 0;
    bool bare_address = false;
    bool angle_address = false;
  };

  void ReadPiece(Element& element) {
    if (element.angle_address) {
      Malformed("has something behind an address in angle brackets");
      Advance();
    } else if (token_.Is('<')) {
      Advance();
      ReadAngle();
      element.angle_address = true;
    } else if (token_.Is('@')) {
      Advance();
      if (element.runs != 1 || element.bare_address)
        Malformed("has words before an address without brackets");
      ReadDomain(std::exchange(element.run, {}));
      element.runs = 0;
      element.after_dot = false;
      element.bare_address = true;
    } else {
      ReadWord(element);
    }
  }

  void ReadWord(Element& element) {
    if (token_.IsWord()) {
      if (!element.after_dot) {
        element.run.clear();
        ++element.runs;
      }
      element.run += token_.text;
      element.after_dot = false;
    } else if (token_.Is('.')) {
      if (element.runs == 0) ++element.runs;
      element.run += '.';
      element.after_dot = true;
    } else if (token_.kind == Kind::kLiteral && token_.text.find('@') == std::string_view::npos) {
      // "List [announce] <a@b.example>": not allowed without quotes, but nobody reads an address in it.
      element.run.clear();
      element.runs += 2;
    } else {
      Malformed(token_.kind == Kind::kMalformed
                    ? "has a quote, comment or bracket that does not end, or a stray character"
                    : "has a bracket at a wrong place");
    }
    Advance();
  }

  void ReadGroupMark(const Element& element) {
    if (token_.Is(':')) {
      if (in_group_) Malformed("holds a group within a group");
      if (element.runs == 0 || element.bare_address || element.angle_address)
        Malformed("has a colon at a wrong place");
      in_group_ = true;
    } else {
      if (!in_group_) Malformed("has a semicolon outside a group");
      in_group_ = false;
      after_group_ = true;
      Finish(element);
    }
    Advance();
  }

  void Finish(const Element& element) {
    if (element.runs > 0 && !element.angle_address)
      Malformed(element.bare_address ? "has words behind an address without brackets"
                                     : "has a name without an address");
  }

  // Behind "<", up to and with ">".
  void ReadAngle() {
    std::string local;
    while (token_.IsWord() || token_.Is('.')) {
      // Words that no dot joins are not one local part.
      if (!local.empty() && local.back() != '.' && !token_.Is('.')) break;
      local += token_.text;
      Advance();
    }
    if (local.empty() || !token_.Is('@')) {
      Malformed("has angle brackets without an address in them");
    } else {
      Advance();
      ReadDomain(std::move(local));
    }
    if (!token_.Is('>')) Malformed("has something else than one address in angle brackets");
    while (token_.kind != Kind::kEnd && !token_.Is('>')) Advance();
    if (token_.Is('>')) Advance();
  }

  // Behind "@".
  void ReadDomain(std::string address) {
    const bool has_local = !address.empty();
    address += '@';
    const std::size_t start = address.size();
    if (token_.kind == Kind::kLiteral) {
      if (token_.text.find_first_of(" \t") != std::string_view::npos)
        Malformed("has a space within brackets");
      address += token_.text;
      Advance();
    } else {
      while (token_.kind == Kind::kAtom || token_.Is('.')) {
        if (address.size() > start && address.back() != '.' && !token_.Is('.')) break;
        address += token_.text;
        Advance();
      }
    }
    if (!has_local || address.size() == start)
      return Malformed("has an address without a local part or domain");
    field_.addresses.push_back(std::move(address));
  }

  AddressLexer lexer_;
  AddressToken token_;
  AddressField field_;
  bool in_group_ = false;
  bool after_group_ = false;
};

}  // namespace

absl::StatusOr<AddressField> ReadAddressField(std::string_view value) {
  if (value.size() > kMaxAddressField)
    return absl::InvalidArgumentError(absl::StrCat("is longer than ", kMaxAddressField,
                                                   " octets, the limit of a field that names a sender"));
  AddressField field = Parser(Unfold(value)).Parse();
  if (field.addresses.size() > kMaxFieldAddresses)
    return absl::InvalidArgumentError(absl::StrCat("holds more than ", kMaxFieldAddresses, " addresses"));
  if (field.addresses.empty() && field.malformed.empty()) field.malformed = "holds no address";
  return field;
}

}  // namespace goniec::mail
