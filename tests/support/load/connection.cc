#include "tests/support/load/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace goniec::load {

absl::StatusOr<Address> Address::Resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return absl::UnavailableError(absl::StrCat("no address of ", host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  Address address{.size = found->ai_addrlen};
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  return address;
}

int Connection::Open(const Address& address, int epoll, std::size_t tag) {
  Close();
  socket_ = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return errno;
  epoll_ = epoll;
  tag_ = tag;
  // The end of a content must not wait for the acknowledgement of what is before it.
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int error = 0;
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) error = errno;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
  if (error == 0 || error == EINPROGRESS)
    error = epoll_ctl(epoll, EPOLL_CTL_ADD, socket_, &event) == 0 ? 0 : errno;
  if (error != 0) Close();
  return error;
}

void Connection::Close() {
  if (socket_ >= 0) close(socket_);  // epoll forgets it by itself
  socket_ = -1;
  count_ = 0;
  blocked_ = false;
}

void Connection::Send(std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) {
    if (count_ == kPieces) break;
    waiting_[count_++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  if (!blocked_) Flush();
}

void Connection::Flush() {
  std::size_t first = 0;
  while (first < count_) {
    msghdr message{};
    message.msg_iov = &waiting_[first];
    message.msg_iovlen = count_ - first;
    const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) first = count_;
    for (auto rest = static_cast<std::size_t>(std::max<ssize_t>(sent, 0)); rest > 0;) {
      iovec& piece = waiting_[first];
      const std::size_t taken = std::min(rest, piece.iov_len);
      piece.iov_base = static_cast<char*>(piece.iov_base) + taken;
      piece.iov_len -= taken;
      rest -= taken;
      if (piece.iov_len == 0) ++first;
    }
  }
  std::copy(waiting_.begin() + static_cast<std::ptrdiff_t>(first),
            waiting_.begin() + static_cast<std::ptrdiff_t>(count_), waiting_.begin());
  count_ -= first;
  Want(count_ > 0);
}

void Connection::Want(bool output) {
  if (blocked_ == output) return;
  blocked_ = output;
  epoll_event event{.events = output ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u64 = tag_}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_, &event);
}

ssize_t Connection::Read(std::span<char> buffer) const {
  ssize_t got = 0;
  do {
    got = recv(socket_, buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace goniec::load
