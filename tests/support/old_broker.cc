#include "tests/support/old_broker.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace goniec::test {
namespace {

constexpr int kLookEveryMs = 20;

void Write(int fd, const std::string& text) {
  (void)send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

// False at the end of the connection.
bool Answer(int fd) {
  char buffer[4096];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  const std::string said(buffer, static_cast<std::size_t>(got));
  for (auto at = said.find("PING\r\n"); at != std::string::npos; at = said.find("PING\r\n", at + 1)) {
    Write(fd, "PONG\r\n");
  }
  return true;
}

}  // namespace

OldBroker::OldBroker(const std::string& version) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  (void)bind(listener_, reinterpret_cast<const sockaddr*>(&address), length);
  (void)listen(listener_, 16);
  (void)getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  info_ = R"(INFO {"server_id":"OLD","server_name":"old","version":")" + version +
          R"(","proto":1,"host":"127.0.0.1","port":)" + std::to_string(port_) +
          R"(,"headers":true,"max_payload":1048576,"jetstream":true})" + "\r\n";
  thread_ = std::thread([this] { Run(); });
}

OldBroker::~OldBroker() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

void OldBroker::Run() {
  std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
  while (!stop_) {
    if (poll(fds.data(), fds.size(), kLookEveryMs) <= 0) continue;
    for (std::size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0 || Answer(fds[i].fd)) continue;
      close(fds[i].fd);
      fds[i].fd = -1;
    }
    std::erase_if(fds, [](const pollfd& entry) { return entry.fd < 0; });
    if (fds[0].revents == 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    Write(client, info_);
    fds.push_back({client, POLLIN, 0});
  }
  for (std::size_t i = 1; i < fds.size(); ++i) close(fds[i].fd);
}

}  // namespace goniec::test
