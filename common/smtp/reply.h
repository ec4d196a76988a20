// A reply of SMTP: RFC 5321 §4.2, with RFC 3463's enhanced code. The receiving session writes them, the
// sending one reads them (reply_parser.h). The texts that our server says are in replies.h. Values;
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace goniec::smtp {

// class.subject.detail of RFC 3463, RFC 5248's registry. {0,0,0}: none.
struct EnhancedCode {
  int category = 0;
  int subject = 0;
  int detail = 0;
  constexpr bool empty() const { return category == 0; }
  std::string ToString() const;
};
constexpr bool operator==(const EnhancedCode& a, const EnhancedCode& b) {
  return a.category == b.category && a.subject == b.subject && a.detail == b.detail;
}

// One row of the table in replies.h.
struct ReplyText {
  int code = 0;
  EnhancedCode enhanced;
  std::string_view text;
};

struct Reply {
  int code = 0;
  EnhancedCode enhanced;
  // Without code, enhanced code and CR LF. At least one, perhaps empty.
  std::vector<std::string> lines;

  Reply() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a row of the table is a reply.
  Reply(const ReplyText& text) : code(text.code), enhanced(text.enhanced), lines{std::string(text.text)} {}
  Reply(int reply_code, EnhancedCode enhanced_code, std::string text)
      : code(reply_code), enhanced(enhanced_code), lines{std::move(text)} {}

  bool IsPositive() const { return code >= 200 && code < 400; }
  bool IsTemporary() const { return code >= 400 && code < 500; }
  bool IsPermanent() const { return code >= 500; }

  // The lines joined by a space, for logs and events.
  std::string Text() const;
  // As it goes on the wire, with CR LF: every line carries both codes.
  void AppendTo(std::string* wire) const;
  std::string ToWire() const;
};
bool operator==(const Reply& a, const Reply& b);

// The fast way for a row of the table.
void AppendReply(const ReplyText& reply, std::string* wire);

}  // namespace goniec::smtp
