#include "common/net/accept_error.h"

#include <cerrno>

namespace goniec::net {

bool IsOneConnectionsError(int code) {
  switch (code) {
    case EINTR:
    case EAGAIN:
    case ECONNABORTED:
    case ETIMEDOUT:
    // accept(2): Linux passes on what the network has said about the new socket.
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:  // a firewall's no
      return true;
    default:
      return false;
  }
}

}  // namespace goniec::net
