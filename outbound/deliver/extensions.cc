#include "outbound/deliver/extensions.h"

#include <array>
#include <charconv>
#include <string_view>

#include "common/base/text.h"

namespace goniec::outbound {
namespace {

struct Keyword {
  std::string_view name;
  bool Extensions::* offered;
};

constexpr std::array<Keyword, 8> kKeywords = {{
    {"PIPELINING", &Extensions::pipelining},
    {"SIZE", &Extensions::size},
    {"8BITMIME", &Extensions::eight_bit_mime},
    {"SMTPUTF8", &Extensions::smtputf8},
    {"CHUNKING", &Extensions::chunking},
    {"ENHANCEDSTATUSCODES", &Extensions::enhanced_status_codes},
    {"STARTTLS", &Extensions::starttls},
    {"DSN", &Extensions::dsn},
}};

std::uint64_t ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

Extensions ParseExtensions(const smtp::Reply& ehlo_reply) {
  Extensions extensions;
  // The first line is the server's name.
  for (std::size_t i = 1; i < ehlo_reply.lines.size(); ++i) {
    const std::string_view line = TrimAsciiSpace(ehlo_reply.lines[i]);
    const std::size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    for (const Keyword& keyword : kKeywords) {
      if (EqualsIgnoreCase(name, keyword.name)) extensions.*keyword.offered = true;
    }
    if (space != std::string_view::npos && EqualsIgnoreCase(name, "SIZE")) {
      extensions.size_limit = ParseNumber(TrimAsciiSpace(line.substr(space)));
    }
  }
  return extensions;
}

bool IsNotImplemented(const smtp::Reply& reply) {
  return reply.code >= 500 && reply.code <= 504;
}

bool RefusesParameters(const smtp::Reply& reply) {
  const bool address = reply.enhanced.subject == 1;
  return (reply.code == 501 || reply.code == 504 || reply.code == 555) && !address;
}

void BrokenExtensions::Add(const BrokenExtensions& more) {
  pipelining |= more.pipelining;
  size |= more.size;
  chunking |= more.chunking;
  dsn |= more.dsn;
}

Extensions Without(Extensions offered, const BrokenExtensions& broken) {
  offered.pipelining = offered.pipelining && !broken.pipelining;
  offered.chunking = offered.chunking && !broken.chunking;
  offered.dsn = offered.dsn && !broken.dsn;
  if (broken.size) {
    offered.size = false;
    offered.size_limit = 0;
  }
  return offered;
}

}  // namespace goniec::outbound
