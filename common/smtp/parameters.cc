#include "common/smtp/parameters.h"

#include <array>
#include <charconv>
#include <vector>

#include "common/base/text.h"
#include "common/smtp/replies.h"

namespace goniec::smtp {
namespace {

constexpr size_t kMaxEnvid = 100;      // RFC 3461 §4.4
constexpr size_t kMaxOrcpt = 500;      // RFC 3461 §4.2
constexpr size_t kMaxSizeDigits = 20;  // RFC 1870 §4

// nullopt: given without "=".
using Value = std::optional<std::string_view>;

template <class Parameters>
struct Row {
  std::string_view keyword;
  bool Extensions::* extension;
  // False if the value is not one.
  bool (*parse)(const Value& value, Parameters* parameters);
};

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsKeyword(std::string_view text) {
  if (text.empty() || !IsAlnum(text.front())) return false;
  for (const char c : text) {
    if (!IsAlnum(c) && c != '-') return false;
  }
  return true;
}

// Any printable characters but "=" and space; RFC 6531 adds UTF-8.
bool IsValue(std::string_view text) {
  if (text.empty() || !IsValidUtf8(text)) return false;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7F || c == '=') return false;
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;  // RFC 3461 §4: upper case only
  return -1;
}

// RFC 3461 §4.
bool DecodeXtext(std::string_view text, std::string* decoded) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+') {
      *decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    *decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

bool ParseSize(const Value& value, MailParameters* parameters) {
  if (!value || value->size() > kMaxSizeDigits) return false;
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), size);
  // 20 digits may pass 64 bits: larger than any limit, which is all that matters.
  if (error == std::errc::result_out_of_range) size = UINT64_MAX;
  if (error == std::errc::invalid_argument || end != value->data() + value->size()) return false;
  parameters->size = size;
  return true;
}

bool ParseBody(const Value& value, MailParameters* parameters) {
  if (!value) return false;
  if (EqualsIgnoreCase(*value, "7BIT")) {
    parameters->body = BodyType::k7Bit;
  } else if (EqualsIgnoreCase(*value, "8BITMIME")) {
    parameters->body = BodyType::k8BitMime;
  } else {
    return false;  // BINARYMIME (RFC 3030) among them: it is not offered
  }
  return true;
}

bool ParseSmtpUtf8(const Value& value, MailParameters* parameters) {
  parameters->smtputf8 = true;
  return !value;
}

bool ParseRet(const Value& value, MailParameters* parameters) {
  if (!value) return false;
  if (EqualsIgnoreCase(*value, "FULL")) {
    parameters->ret = DsnReturn::kFull;
  } else if (EqualsIgnoreCase(*value, "HDRS")) {
    parameters->ret = DsnReturn::kHeaders;
  } else {
    return false;
  }
  return true;
}

bool ParseEnvid(const Value& value, MailParameters* parameters) {
  return value && value->size() <= kMaxEnvid && DecodeXtext(*value, &parameters->envid);
}

bool ParseAuth(const Value& value, MailParameters* /*parameters*/) {
  return value.has_value();
}

bool ParseNotify(const Value& value, RcptParameters* parameters) {
  if (!value) return false;
  DsnNotify notify;
  std::string_view rest = *value;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    bool* flag = EqualsIgnoreCase(word, "NEVER")     ? &notify.never
                 : EqualsIgnoreCase(word, "SUCCESS") ? &notify.success
                 : EqualsIgnoreCase(word, "FAILURE") ? &notify.failure
                 : EqualsIgnoreCase(word, "DELAY")   ? &notify.delay
                                                     : nullptr;
    if (flag == nullptr) return false;
    *flag = true;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  parameters->notify = notify;
  // RFC 3461 §4.1: NEVER stands alone.
  return !notify.never || (!notify.success && !notify.failure && !notify.delay);
}

bool ParseOrcpt(const Value& value, RcptParameters* parameters) {
  if (!value || value->size() > kMaxOrcpt) return false;
  const size_t semicolon = value->find(';');
  if (semicolon == std::string_view::npos || semicolon == 0 || semicolon + 1 == value->size()) return false;
  parameters->orcpt = std::string(value->substr(0, semicolon + 1));
  return DecodeXtext(value->substr(semicolon + 1), &parameters->orcpt);
}

constexpr std::array<Row<MailParameters>, 6> kMailRows = {{
    {"SIZE", &Extensions::size, ParseSize},
    {"BODY", &Extensions::eight_bit_mime, ParseBody},
    {"SMTPUTF8", &Extensions::smtputf8, ParseSmtpUtf8},
    {"RET", &Extensions::dsn, ParseRet},
    {"ENVID", &Extensions::dsn, ParseEnvid},
    {"AUTH", &Extensions::auth, ParseAuth},
}};

constexpr std::array<Row<RcptParameters>, 2> kRcptRows = {{
    {"NOTIFY", &Extensions::dsn, ParseNotify},
    {"ORCPT", &Extensions::dsn, ParseOrcpt},
}};

template <class Parameters, size_t kRows>
std::optional<Reply> ParseOne(std::string_view word, const std::array<Row<Parameters>, kRows>& rows,
                              const Extensions& offered, std::array<bool, kRows>* seen,
                              Parameters* parameters) {
  const size_t equals = word.find('=');
  const std::string_view keyword = word.substr(0, equals);
  const Value value = equals == std::string_view::npos ? Value() : Value(word.substr(equals + 1));
  if (!IsKeyword(keyword) || (value && !IsValue(*value))) return Reply(replies::kBadParameter);
  for (size_t i = 0; i < kRows; ++i) {
    if (!EqualsIgnoreCase(keyword, rows[i].keyword)) continue;
    if (!(offered.*rows[i].extension)) return Reply(replies::kUnsupportedParameter);
    if ((*seen)[i]) return Reply(replies::kRepeatedParameter);
    (*seen)[i] = true;
    return rows[i].parse(value, parameters) ? std::nullopt : std::optional<Reply>(replies::kBadParameter);
  }
  return Reply(replies::kUnsupportedParameter);
}

template <class Parameters, size_t kRows>
std::optional<Reply> ParseAll(std::string_view text, const std::array<Row<Parameters>, kRows>& rows,
                              const Extensions& offered, Parameters* parameters) {
  std::array<bool, kRows> seen{};
  // Something glued to the closing bracket is no parameter.
  if (!text.empty() && text.front() != ' ' && text.front() != '\t') return Reply(replies::kBadParameter);
  while (true) {
    text = TrimAsciiSpace(text);
    if (text.empty()) return std::nullopt;
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    std::optional<Reply> refusal = ParseOne(text.substr(0, end), rows, offered, &seen, parameters);
    if (refusal) return refusal;
    text.remove_prefix(end);
  }
}

}  // namespace

std::optional<Reply> ParseMailParameters(std::string_view text, const Extensions& offered,
                                         MailParameters* parameters) {
  return ParseAll(text, kMailRows, offered, parameters);
}

std::optional<Reply> ParseRcptParameters(std::string_view text, const Extensions& offered,
                                         RcptParameters* parameters) {
  return ParseAll(text, kRcptRows, offered, parameters);
}

}  // namespace goniec::smtp
