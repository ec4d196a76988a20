#include "outbound/consume/worker_config.h"

#include "common/config/document.h"

namespace goniec::outbound {

void ReadWorkerConfig(config::Section section, WorkerConfig& config) {
  section.Bytes("bytes_in_hand", config.bytes_in_hand, {MiB(1), GiB(64)});
  section.Integer<std::size_t>("records_in_hand", config.records_in_hand, {3, 50'000});
  section.Integer<std::size_t>("slots", config.slots, {1, 100'000});
}

}  // namespace goniec::outbound
