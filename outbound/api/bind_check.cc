#include "outbound/api/bind_check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace goniec::outbound {
namespace {

socklen_t Fill(const net::Endpoint& endpoint, sockaddr_storage& storage) {
  if (endpoint.ip.IsV4()) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    const auto bytes = endpoint.ip.v4_bytes();
    std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
    return sizeof address;
  }
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, endpoint.ip.bytes().data(), sizeof address.sin6_addr);
  return sizeof address;
}

std::string Explain(int error) {
  switch (error) {
    case EADDRINUSE:
      return "another process listens there; end it or choose another port";
    case EADDRNOTAVAIL:
      return "this machine does not have that address";
    case EACCES:
      return "the port needs privileges; choose one above 1023";
    default:
      return std::strerror(error);
  }
}

}  // namespace

absl::Status CheckBindable(const net::Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t length = Fill(endpoint, storage);
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError(Explain(errno));
  // As gRPC does: what is left of former connections does not keep the port.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 && listen(fd, 1) == 0;
  const int error = errno;
  close(fd);
  return bound ? absl::OkStatus() : absl::UnavailableError(Explain(error));
}

}  // namespace goniec::outbound
