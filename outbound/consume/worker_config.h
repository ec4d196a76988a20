// The settings of the consuming side: section `worker` of goniec-outbound's configuration. Values.
#pragma once

#include <cstddef>

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

struct WorkerConfig {
  // worker.records_in_hand: records that this process holds at most; each is up to 512 KiB. 1 to 10000.
  std::size_t records_in_hand = 64;
  // worker.slots: mails that this process has in hand at most (one record more may be taken). 1 to 100000.
  std::size_t slots = 1'000;
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadWorkerConfig(config::Section section, WorkerConfig& config);

}  // namespace goniec::outbound
