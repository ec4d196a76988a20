// A broker's address as logs, /readyz and errors may show it. Pure; thread-safe.
#pragma once

#include <string>

namespace goniec::queue {

// "nats://user:secret@host:4222" as "nats://host:4222". Whatever stands before the last '@' goes.
inline std::string ShownServer(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  if (at == std::string::npos || at < host) return url;
  return url.substr(0, host) + url.substr(at + 1);
}

}  // namespace goniec::queue
