#include "tests/support/slow_dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <deque>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace goniec::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kHeader = 12;

struct Reply {
  Clock::time_point due;
  sockaddr_in to{};
  std::string packet;
};

int OpenSocket() {
  const int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int buffer = 8 * 1024 * 1024;
  setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (handle < 0 || bind(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::abort();
  }
  return handle;
}

void Append16(std::string& packet, unsigned value) {
  packet += static_cast<char>(value >> 8);
  packet += static_cast<char>(value & 0xFF);
}

// The answer section for a question that lies in the packet from kHeader on, name compressed to it.
std::string AnswerSection(unsigned type) {
  std::string answer;
  Append16(answer, 0xC000 | kHeader);
  Append16(answer, type);
  Append16(answer, 1);
  answer += std::string("\0\0\1\54", 4);  // 300 s
  std::string data;
  if (type == 15) {
    Append16(data, 10);
    data += std::string("\4mail", 5);
    Append16(data, 0xC000 | kHeader);
  } else if (type == 1) {
    data = std::string("\177\0\0\1", 4);
  } else {
    data = std::string(15, '\0') + '\1';
  }
  Append16(answer, static_cast<unsigned>(data.size()));
  return answer + data;
}

// Empty for what is not to be answered.
std::string Answer(std::string_view question, bool silent_names_too) {
  if (question.size() < kHeader + 5) return {};
  const std::size_t end = question.find('\0', kHeader);
  if (end == std::string_view::npos || end + 5 > question.size()) return {};
  std::string name(question.substr(kHeader, end - kHeader));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (!silent_names_too && name.find("silent") != std::string::npos) return {};
  const unsigned type = static_cast<unsigned char>(question[end + 2]);
  const bool known = type == 1 || type == 15 || type == 28;
  std::string packet(question.substr(0, 2));
  packet += std::string("\201\200", 2);  // a response, recursion desired and available, no error
  Append16(packet, 1);
  Append16(packet, known ? 1 : 0);
  packet += std::string(4, '\0');
  packet += question.substr(kHeader, end + 5 - kHeader);
  return known ? packet + AnswerSection(type) : packet;
}

}  // namespace

SlowDnsServer::SlowDnsServer(std::chrono::milliseconds delay)
    : delay_(delay), socket_(OpenSocket()), thread_([this] { Run(); }) {}

SlowDnsServer::~SlowDnsServer() {
  stop_ = true;
  thread_.join();
  close(socket_);
}

std::string SlowDnsServer::address() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  return absl::StrCat("127.0.0.1@", ntohs(address.sin_port));
}

void SlowDnsServer::Run() {
  std::deque<Reply> replies;  // in the order of their time, for the delay is the same for all
  std::array<char, 2048> buffer{};
  while (!stop_) {
    pollfd wanted{socket_, POLLIN, 0};
    poll(&wanted, 1, replies.empty() ? 20 : 1);
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) break;
      ++questions_;
      std::string packet = Answer({buffer.data(), static_cast<std::size_t>(got)}, speaks_);
      if (!packet.empty()) replies.push_back({Clock::now() + delay_, from, std::move(packet)});
    }
    while (!replies.empty() && replies.front().due <= Clock::now()) {
      const Reply& reply = replies.front();
      sendto(socket_, reply.packet.data(), reply.packet.size(), 0,
             reinterpret_cast<const sockaddr*>(&reply.to), sizeof reply.to);
      replies.pop_front();
    }
  }
}

}  // namespace goniec::test
