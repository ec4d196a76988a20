// The name of this process's life among the workers: what presence, keepers and reports call it. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::outbound {

// [a-z0-9-]{1,64}: the first label of the host's name, for people, and 64 random bits. Each call gives
// another.
std::string NewWorkerName(std::string_view hostname);

}  // namespace goniec::outbound
