#include "tests/support/dialogue.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace goniec::test {
namespace {

constexpr int kLimitMs = 20'000;

int ConnectTo(uint16_t port, const char* source = "127.0.0.1") {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, source, &address.sin_addr);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// Bytes of the peer, or false at the end, at an error or after the limit.
bool ReadMore(int fd, std::string& input) {
  pollfd ready{fd, POLLIN, 0};
  if (fd < 0 || poll(&ready, 1, kLimitMs) <= 0) return false;
  char buffer[65536];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  input.append(buffer, static_cast<size_t>(got));
  return true;
}

}  // namespace

SmtpDialogue::SmtpDialogue(uint16_t port, const char* source) : fd_(ConnectTo(port, source)) {}

SmtpDialogue::SmtpDialogue(SmtpDialogue&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}

SmtpDialogue::~SmtpDialogue() {
  Close();
}

void SmtpDialogue::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void SmtpDialogue::Send(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;  // the test sees it at the next reply
    sent += static_cast<size_t>(n);
  }
}

std::string SmtpDialogue::Reply() {
  std::string reply;
  while (true) {
    size_t end = input_.find("\r\n");
    while (end == std::string::npos) {
      if (!ReadMore(fd_, input_)) return "";
      end = input_.find("\r\n");
    }
    const std::string line = input_.substr(0, end + 2);
    input_.erase(0, end + 2);
    reply += line;
    if (line.size() < 4 || line[3] != '-') return reply;
  }
}

std::string SmtpDialogue::Ask(const std::string& line) {
  Send(line + "\r\n");
  return Reply();
}

std::string SmtpDialogue::SendMail(const std::string& from, const std::vector<std::string>& to,
                                   const std::string& content) {
  std::string reply = Ask("MAIL FROM:<" + from + ">");
  for (const std::string& recipient : to) {
    if (!reply.starts_with("250")) return reply;
    reply = Ask("RCPT TO:<" + recipient + ">");
  }
  if (!reply.starts_with("250")) return reply;
  reply = Ask("DATA");
  if (!reply.starts_with("354")) return reply;
  Send(content + ".\r\n");
  return Reply();
}

bool SmtpDialogue::HasReply(std::chrono::milliseconds limit) const {
  pollfd ready{fd_, POLLIN, 0};
  return !input_.empty() || poll(&ready, 1, static_cast<int>(limit.count())) > 0;
}

bool SmtpDialogue::WaitForClose() {
  while (true) {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, kLimitMs) <= 0) return false;
    if (!ReadMore(fd_, input_)) return true;
  }
}

std::string HttpGet(uint16_t port, const std::string& path) {
  const int fd = ConnectTo(port);
  std::string response;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
  if (fd >= 0 && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    while (ReadMore(fd, response)) {
    }
  }
  if (fd >= 0) close(fd);
  return response;
}

}  // namespace goniec::test
