// Loaded before a program (LD_PRELOAD), this makes listen() fail on the port GONIEC_NO_LISTEN_PORT, as it
// does when another program has begun to listen there since the bind. Only for programs that run under the
// tests.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" int listen(int socket, int backlog) noexcept {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  const char* port = std::getenv("GONIEC_NO_LISTEN_PORT");
  if (port != nullptr && getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
      address.sin_family == AF_INET && ntohs(address.sin_port) == std::atoi(port)) {
    errno = EADDRINUSE;
    return -1;
  }
  return static_cast<int>(syscall(SYS_listen, socket, backlog));
}
