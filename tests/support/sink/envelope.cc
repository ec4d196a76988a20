#include "tests/support/sink/envelope.h"

#include "common/base/text.h"

namespace goniec::sink {
namespace {

// Where the path that begins at text[0] == '<' ends: the index of its '>', which quoted strings may hold too.
std::optional<size_t> PathEnd(std::string_view text) {
  bool quoted = false;
  for (size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quoted) {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '>' && !quoted) {
      return i;
    } else if (!quoted && (c == '<' || c == ' ')) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  return false;
}

// The value of the first field called `name` in the header of `message`, its folds included.
std::string_view FirstField(std::string_view message, std::string_view name) {
  size_t at = 0;
  while (at < message.size()) {
    size_t end = message.find('\n', at);
    while (end != std::string_view::npos && end + 1 < message.size() &&
           (message[end + 1] == ' ' || message[end + 1] == '\t')) {
      end = message.find('\n', end + 1);
    }
    const std::string_view field = message.substr(at, end == std::string_view::npos ? end : end - at);
    if (field.empty() || field == "\r") return {};
    const size_t colon = field.find(':');
    if (colon != std::string_view::npos && EqualsIgnoreCase(field.substr(0, colon), name))
      return field.substr(colon + 1);
    if (end == std::string_view::npos) return {};
    at = end + 1;
  }
  return {};
}

// Either case: Goniec writes ids in lower case.
bool IsUlidCharacter(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U');
}

}  // namespace

std::optional<PathArgument> ParsePathArgument(std::string_view argument, std::string_view keyword) {
  if (!EqualsIgnoreCase(argument.substr(0, keyword.size()), keyword)) return std::nullopt;
  argument.remove_prefix(keyword.size());
  if (!argument.starts_with('<') || HasControl(argument)) return std::nullopt;
  const auto end = PathEnd(argument);
  if (!end) return std::nullopt;
  PathArgument parsed{std::string(argument.substr(1, *end - 1)), {}};
  argument.remove_prefix(*end + 1);
  while (!argument.empty()) {
    if (argument[0] != ' ') return std::nullopt;
    argument.remove_prefix(1);
    const std::string_view parameter = argument.substr(0, argument.find(' '));
    if (parameter.empty()) return std::nullopt;
    parsed.parameters.emplace_back(parameter);
    argument.remove_prefix(parameter.size());
  }
  return parsed;
}

std::optional<std::string> FindParameter(const std::vector<std::string>& parameters, std::string_view name) {
  for (const std::string& parameter : parameters) {
    const size_t equals = parameter.find('=');
    if (!EqualsIgnoreCase(std::string_view(parameter).substr(0, equals), name)) continue;
    return equals == std::string::npos ? "" : parameter.substr(equals + 1);
  }
  return std::nullopt;
}

std::string ReceivedId(std::string_view message) {
  constexpr size_t kUlid = 26;
  constexpr std::string_view kMark = "id ";
  const std::string_view field = FirstField(message, "Received");
  for (size_t at = field.find(kMark); at != std::string_view::npos; at = field.find(kMark, at + 1)) {
    if (at == 0 || std::string_view(" \t\r\n").find(field[at - 1]) == std::string_view::npos) continue;
    const std::string_view id = field.substr(at + kMark.size(), kUlid);
    bool good = id.size() == kUlid;
    for (const char c : id) good = good && IsUlidCharacter(c);
    if (good) return AsciiLower(id);
  }
  return {};
}

}  // namespace goniec::sink
