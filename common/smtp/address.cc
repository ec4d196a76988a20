#include "common/smtp/address.h"

#include <arpa/inet.h>

#include <array>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "common/smtp/idna.h"
#include "common/smtp/limits.h"

namespace goniec::smtp {
namespace {

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsNonAscii(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}
bool AllAscii(std::string_view text) {
  for (const char c : text) {
    if (IsNonAscii(c)) return false;
  }
  return true;
}

// RFC 5322 atext, with RFC 6531's UTF-8 (its validity is checked for the whole local part).
bool IsAtext(char c) {
  constexpr std::string_view kSpecials = "!#$%&'*+-/=?^_`{|}~";
  return IsAlnum(c) || IsNonAscii(c) || kSpecials.find(c) != std::string_view::npos;
}

// Dots may stand anywhere: RFC 5321 §4.1.2 wants an atom on both sides of each, but large providers have
// given out addresses with "..", ".@" or a dot in front, and others pass them on as they are.
bool IsDotString(std::string_view text) {
  bool has_atom = false;
  for (const char c : text) {
    if (c != '.' && !IsAtext(c)) return false;
    has_atom = has_atom || c != '.';
  }
  return has_atom;
}

// RFC 5321 Quoted-string: printable ASCII and space, `"` and `\` behind a backslash.
bool IsQuotedString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return false;
    const bool pair = text[i] == '\\';
    if (pair && ++i == text.size()) return false;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F || (pair && c >= 0x80)) return false;
  }
  return true;
}

absl::Status Bad(const char* what) {
  return absl::InvalidArgumentError(what);
}
absl::Status TooLong(const char* what) {
  return absl::OutOfRangeError(what);
}

absl::Status CheckLocalPart(std::string_view local) {
  if (local.empty()) return Bad("the part before @ is missing");
  if (!IsDotString(local) && !IsQuotedString(local)) return Bad("the part before @ is not well formed");
  if (!IsValidUtf8(local)) return Bad("not valid UTF-8");
  return absl::OkStatus();
}

absl::Status CheckNameLabels(std::string_view name) {
  while (true) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty()) return Bad("the domain has an empty label");
    if (label.size() > kMaxDnsLabel) return TooLong("a label of the domain is too long");
    if (label.front() == '-' || label.back() == '-')
      return Bad("a label of the domain begins or ends with a hyphen");
    // The underscore is not in RFC 5321's grammar of names but in the DNS, and in people's addresses.
    for (const char c : label) {
      if (!IsAlnum(c) && c != '-' && c != '_')
        return Bad("the domain has a character that names do not have");
    }
    if (dot == std::string_view::npos) return absl::OkStatus();
    name.remove_prefix(dot + 1);
  }
}

absl::StatusOr<Domain> ParseName(std::string_view text) {
  Domain domain{Domain::Kind::kName, std::string(text), {}};
  if (AllAscii(text)) {
    domain.ascii = AsciiLower(text);
  } else {
    absl::StatusOr<std::string> ascii = ToAsciiDomain(text);
    if (!ascii.ok()) return ascii.status();
    domain.ascii = *std::move(ascii);
  }
  if (domain.ascii.size() > kMaxDnsName) return TooLong("the domain is too long");
  if (absl::Status labels = CheckNameLabels(domain.ascii); !labels.ok()) return labels;
  return domain;
}

std::optional<std::string> CanonicalIp(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  std::array<char, INET6_ADDRSTRLEN> shown{};
  if (inet_pton(family, std::string(text).c_str(), address.data()) != 1) return std::nullopt;
  if (inet_ntop(family, address.data(), shown.data(), shown.size()) == nullptr) return std::nullopt;
  return std::string(shown.data());
}

// RFC 5321 §4.1.3, the text between the brackets.
absl::StatusOr<Domain> ParseLiteral(std::string_view text) {
  constexpr std::string_view kIpv6Tag = "IPv6:";
  Domain domain{Domain::Kind::kNone, '[' + std::string(text) + ']', {}};
  if (text.find('\0') != std::string_view::npos) return Bad("the address literal is not well formed");
  if (EqualsIgnoreCase(text.substr(0, kIpv6Tag.size()), kIpv6Tag)) {
    const std::optional<std::string> ip = CanonicalIp(AF_INET6, text.substr(kIpv6Tag.size()));
    if (!ip) return Bad("the IPv6 address literal is not well formed");
    domain.kind = Domain::Kind::kIpv6;
    domain.ascii = "[IPv6:" + *ip + ']';
    return domain;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    const std::optional<std::string> ip = CanonicalIp(AF_INET, text);
    if (!ip) return Bad("the address literal is not well formed");
    domain.kind = Domain::Kind::kIpv4;
    domain.ascii = '[' + *ip + ']';
    return domain;
  }
  const std::string_view tag = text.substr(0, colon);
  const std::string_view content = text.substr(colon + 1);
  bool good = !tag.empty() && tag.back() != '-' && !content.empty();
  for (const char c : tag) good = good && (IsAlnum(c) || c == '-');
  for (const char c : content) good = good && c > 0x20 && c < 0x7F && c != '[' && c != '\\' && c != ']';
  if (!good) return Bad("the address literal is not well formed");
  domain.kind = Domain::Kind::kGeneral;
  domain.ascii = '[' + AsciiLower(tag) + ':' + std::string(content) + ']';
  return domain;
}

// Where the @ between local part and domain stands: the last one, for a domain has none.
absl::StatusOr<Mailbox> SplitMailbox(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return Bad("there is no @");
  Mailbox mailbox;
  mailbox.local = std::string(text.substr(0, at));
  if (absl::Status local = CheckLocalPart(mailbox.local); !local.ok()) return local;
  absl::StatusOr<Domain> domain = ParseDomain(text.substr(at + 1));
  if (!domain.ok()) return domain.status();
  mailbox.domain = *std::move(domain);
  return mailbox;
}

// Takes "@a,@b:" from the front, if it is there.
absl::StatusOr<std::vector<std::string>> TakeSourceRoute(std::string_view* text) {
  std::vector<std::string> route;
  while (!text->empty() && text->front() == '@') {
    text->remove_prefix(1);
    // A literal contains colons, so its bracket is what ends it.
    const size_t from = !text->empty() && text->front() == '[' ? text->find(']') : 0;
    const size_t end = text->find_first_of(",:", from == std::string_view::npos ? 0 : from);
    if (end == std::string_view::npos) return Bad("the source route is not well formed");
    absl::StatusOr<Domain> domain = ParseDomain(text->substr(0, end));
    if (!domain.ok()) return domain.status();
    route.push_back(domain->text);
    const char separator = (*text)[end];
    text->remove_prefix(end + 1);
    if (separator == ':') return route;
    if (text->empty() || text->front() != '@') return Bad("the source route is not well formed");
  }
  return route;
}

// Length of "<…>" at the start of `text`, 0 if it does not end: a '>' within quotes is part of the local
// part.
size_t PathLength(std::string_view text) {
  bool quoted = false;
  for (size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == '>') {
      return i + 1;
    }
  }
  return 0;
}

enum class Direction { kReverse, kForward };

absl::StatusOr<Path> ParsePathInside(std::string_view inside, Direction direction) {
  Path path;
  if (inside.empty()) {
    if (direction == Direction::kForward) return Bad("a recipient cannot be empty");
    path.null = true;
    return path;
  }
  if (direction == Direction::kForward && EqualsIgnoreCase(inside, "postmaster")) {
    path.mailbox.local = std::string(inside);
    return path;
  }
  absl::StatusOr<std::vector<std::string>> route = TakeSourceRoute(&inside);
  if (!route.ok()) return route.status();
  path.source_route = *std::move(route);
  absl::StatusOr<Mailbox> mailbox = SplitMailbox(inside);
  if (!mailbox.ok()) return mailbox.status();
  path.mailbox = *std::move(mailbox);
  return path;
}

absl::StatusOr<Path> TakePath(std::string_view* text, Direction direction) {
  if (text->empty() || text->front() != '<') return Bad("an address stands in angle brackets");
  const size_t length = PathLength(*text);
  if (length == 0) return Bad("the closing angle bracket is missing");
  if (length > kMaxPath) return TooLong("the address is too long");
  absl::StatusOr<Path> path = ParsePathInside(text->substr(1, length - 2), direction);
  if (path.ok()) text->remove_prefix(length);
  return path;
}

}  // namespace

std::string Domain::IpText() const {
  constexpr size_t kIpv6Prefix = sizeof("[IPv6:") - 1;
  if (kind == Kind::kIpv4) return ascii.substr(1, ascii.size() - 2);
  if (kind == Kind::kIpv6) return ascii.substr(kIpv6Prefix, ascii.size() - kIpv6Prefix - 1);
  return {};
}

bool operator==(const Domain& a, const Domain& b) {
  return a.kind == b.kind && a.ascii == b.ascii;
}

std::string Mailbox::ToString() const {
  return domain.empty() ? local : local + '@' + domain.text;
}

std::string Mailbox::UnquotedLocal() const {
  if (local.size() < 2 || local.front() != '"') return local;
  std::string name;
  for (size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    name += local[i];
  }
  return name;
}

bool Mailbox::IsPostmaster() const {
  return EqualsIgnoreCase(UnquotedLocal(), "postmaster");
}

bool Mailbox::IsAscii() const {
  return AllAscii(local) && AllAscii(domain.text);
}

std::string Mailbox::Canonical() const {
  std::string name = UnquotedLocal();
  if (IsPostmaster()) {
    name = "postmaster";
  } else if (!IsDotString(name)) {
    // Quoted in one way only: a backslash before what needs one.
    std::string quoted = "\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    name = quoted + '"';
  }
  return domain.empty() ? name : name + '@' + domain.ascii;
}

bool operator==(const Mailbox& a, const Mailbox& b) {
  return a.Canonical() == b.Canonical();
}

absl::StatusOr<Mailbox> ParseMailbox(std::string_view text) {
  // What fits in a path with its brackets.
  if (text.size() + 2 > kMaxPath) return TooLong("the address is too long");
  return SplitMailbox(text);
}

std::string DomainOf(const std::string& address) {
  const absl::StatusOr<Mailbox> mailbox = ParseMailbox(address);
  if (mailbox.ok()) return mailbox->domain.ascii;
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? std::string() : address.substr(at + 1);
}

absl::StatusOr<Domain> ParseDomain(std::string_view text) {
  if (text.empty()) return Bad("the domain is missing");
  if (text.size() > kMaxDomain) return TooLong("the domain is too long");
  if (text.front() != '[') return ParseName(text);
  if (text.size() < 3 || text.back() != ']') return Bad("the address literal is not well formed");
  return ParseLiteral(text.substr(1, text.size() - 2));
}

absl::StatusOr<Path> TakeReversePath(std::string_view* text) {
  return TakePath(text, Direction::kReverse);
}
absl::StatusOr<Path> TakeForwardPath(std::string_view* text) {
  return TakePath(text, Direction::kForward);
}

}  // namespace goniec::smtp
