// What an error of accept(2) is about: one connection that is gone, so that the next may be taken at once; or
// all of them, so that trying again at once would only burn the processor. Used by Listener. Pure;
// thread-safe.
#pragma once

namespace goniec::net {

// `code` is an errno. False for every code that is not known to be one connection's.
bool IsOneConnectionsError(int code);

}  // namespace goniec::net
