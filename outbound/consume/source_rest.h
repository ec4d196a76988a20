// When a source is left alone, and which of its records must be looked at for that: its consumer is about to
// be reset (common/queue/tend/watchdog.h), or so many of its records were put back after a restart of the
// server that more need not be fetched. Kept by rest.h, one for each source.
//
// Pure; confined to its owner's executor.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/base/clock.h"
#include "common/queue/tend/watchdog.h"

namespace goniec::outbound {

class SourceRest {
 public:
  // Records put back on one connection until the source pauses.
  static constexpr int kMostPutBack = 1'000;

  // A notice about this source's consumer. True if the source must rest for longer than it knew: its records
  // are let go.
  [[nodiscard]] bool Heed(const queue::ResetNotice& notice, WallTime now, std::chrono::milliseconds ack_wait);
  // By the broker's clock: nothing is asked for before, and what comes all the same is dropped, for the reset
  // brings it back.
  [[nodiscard]] WallTime until() const { return until_; }
  // True for a record that somebody may have had before a reset, by any delivery count.
  [[nodiscard]] bool MustLook(std::uint64_t stream_sequence) const { return stream_sequence <= look_up_to_; }

  // Another record was put back. True if the source must pause.
  [[nodiscard]] bool PutBack() { return ++put_back_ >= kMostPutBack; }
  // The records may be touched now, or the connection is a new one.
  void ForgetPutBack() { put_back_ = 0; }

 private:
  int put_back_ = 0;
  std::uint64_t look_up_to_ = 0;
  WallTime until_{};
};

}  // namespace goniec::outbound
