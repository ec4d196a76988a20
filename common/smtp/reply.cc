#include "common/smtp/reply.h"

namespace goniec::smtp {
namespace {

void AppendLine(int code, EnhancedCode enhanced, std::string_view text, bool last, std::string* wire) {
  wire->append(std::to_string(code));
  *wire += last ? ' ' : '-';
  if (!enhanced.empty()) {
    wire->append(enhanced.ToString());
    if (!text.empty()) *wire += ' ';
  }
  wire->append(text);
  wire->append("\r\n");
}

}  // namespace

std::string EnhancedCode::ToString() const {
  return std::to_string(category) + '.' + std::to_string(subject) + '.' + std::to_string(detail);
}

std::string Reply::Text() const {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty() && !line.empty()) text += ' ';
    text += line;
  }
  return text;
}

void Reply::AppendTo(std::string* wire) const {
  if (lines.empty()) AppendLine(code, enhanced, "", true, wire);
  for (size_t i = 0; i < lines.size(); ++i) AppendLine(code, enhanced, lines[i], i + 1 == lines.size(), wire);
}

std::string Reply::ToWire() const {
  std::string wire;
  AppendTo(&wire);
  return wire;
}

bool operator==(const Reply& a, const Reply& b) {
  return a.code == b.code && a.enhanced == b.enhanced && a.lines == b.lines;
}

void AppendReply(const ReplyText& reply, std::string* wire) {
  AppendLine(reply.code, reply.enhanced, reply.text, true, wire);
}

}  // namespace goniec::smtp
