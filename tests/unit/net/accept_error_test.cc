#include "common/net/accept_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace goniec::net {
namespace {

TEST(AcceptError, OnlyWhatIsKnownToBeOneConnectionsIsTakenForIt) {
  const struct {
    const char* name;
    int code;
    bool one_connections;
  } kCases[] = {
      {"aborted by the client", ECONNABORTED, true},
      {"a signal", EINTR, true},
      {"nothing there after all", EAGAIN, true},
      {"the network is away", ENETUNREACH, true},
      {"a firewall", EPERM, true},
      {"no descriptor here", EMFILE, false},
      {"no descriptor in the system", ENFILE, false},
      {"no buffers", ENOBUFS, false},
      {"no memory", ENOMEM, false},
      {"not listening", EINVAL, false},
      {"no socket", EBADF, false},
      {"never heard of", 12345, false},
  };
  for (const auto& c : kCases) EXPECT_EQ(IsOneConnectionsError(c.code), c.one_connections) << c.name;
}

}  // namespace
}  // namespace goniec::net
