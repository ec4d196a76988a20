// How many files, and with them connections, this process may have open. Both services raise the soft limit
// to the hard one at their start and lower what they promise to what it allows, so that a full house of one
// kind never takes the descriptors of another. Called by main's service before any port is opened; what is
// computed is pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace goniec {

// What stays free of connections: the broker, DNS, probes, logs, certificates.
inline constexpr std::size_t kReservedFiles = 256;

// Raises the soft limit to the hard one, as far as the system lets it; the limit that holds now.
std::size_t RaiseFileLimit();

// A setting that promises connections.
struct ConnectionDemand {
  std::string setting;         // "smtp.max_connections"
  std::size_t* connections;    // its value
  std::size_t files_each = 1;  // descriptors that one connection takes
};

// A setting that was lowered: a warning names it.
struct LoweredDemand {
  std::string setting;
  std::size_t wanted;
  std::size_t given;
};

// Lowers the demands, each by the same share, until all of them and the reserve (half of `files` where that
// is little) fit in `files`. At least one connection is left of each.
std::vector<LoweredDemand> FitIntoFiles(std::vector<ConnectionDemand> demands, std::size_t files);

}  // namespace goniec
