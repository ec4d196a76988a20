// The settings of the consuming side: section `worker` of goniec-outbound's configuration. Values.
#pragma once

#include <cstddef>

#include "common/config/units.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

struct WorkerConfig {
  // worker.slots: mails in hand that have not started: no connection has them yet. What is on the wire is
  // bounded by delivery.connections. One request more may come (32 records). 1 to 100000.
  std::size_t slots = 1'000;
  // worker.bytes_in_hand: memory for all mails in hand, those on the wire and those whose outcome is being
  // stored included; those that have not started take half of it at most. 1MiB to 64GiB.
  ByteCount bytes_in_hand = MiB(128);
  // worker.records_in_hand: records in hand, whatever is in them: each costs the broker a sign of work every
  // third of queue.ack_wait. 3 to 50000.
  std::size_t records_in_hand = 5'000;
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadWorkerConfig(config::Section section, WorkerConfig& config);

}  // namespace goniec::outbound
