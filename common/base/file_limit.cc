#include "common/base/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace goniec {

std::size_t RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return limit.rlim_cur;
}

std::vector<LoweredDemand> FitIntoFiles(std::vector<ConnectionDemand> demands, std::size_t files) {
  const std::size_t room = files - std::min(kReservedFiles, files / 2);
  double wanted = 0;
  for (const ConnectionDemand& demand : demands) {
    wanted += static_cast<double>(*demand.connections) * static_cast<double>(demand.files_each);
  }
  std::vector<LoweredDemand> lowered;
  if (wanted <= static_cast<double>(room)) return lowered;
  const double share = static_cast<double>(room) / wanted;
  for (const ConnectionDemand& demand : demands) {
    const auto given = static_cast<std::size_t>(static_cast<double>(*demand.connections) * share);
    lowered.push_back({demand.setting, *demand.connections, std::max<std::size_t>(given, 1)});
    *demand.connections = lowered.back().given;
  }
  return lowered;
}

}  // namespace goniec
