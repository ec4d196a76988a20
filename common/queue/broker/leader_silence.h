// Decides whether the server at hand still reaches the leaders of the streams. A node of a cluster that is
// cut off from the others keeps its clients and answers much of what they ask: pings, reads from its own
// copy, signs of work (as a consumer's former leader). So a client would stay with it for ever. But such a
// node can neither confirm a write nor pass on a leader's answer: after a run of such requests without one
// answer another server should be tried. An election (nats-server: 4 to 9 s) is shorter than that run.
//
// Fed by the broker. Pure; confined to its owner's thread.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace goniec::queue {

class LeaderSilence {
 public:
  // What only the leader of a stream answers: publishes to it, and questions about it.
  enum class Kind { kNone, kWrite, kRead };
  static Kind KindOf(std::string_view subject);

  // Whether it is the leader's answer to a request of this kind, and not the server's that there is none.
  static bool FromLeader(Kind kind, int status, std::string_view data);
  // Whether an acknowledgement says that a majority has stored the message just now. A duplicate is known to
  // the leader alone.
  static bool Confirmed(int status, std::string_view data);

  void Asked(Kind kind, BootTime now);
  void Answered(Kind kind);
  // Another connection.
  void Reset() { since_ = {}; }
  [[nodiscard]] bool TooLong(BootTime now) const;

 private:
  // The first request of the kind since the last answer to one; [0]: writes, [1]: reads.
  std::array<std::optional<BootTime>, 2> since_;
};

}  // namespace goniec::queue
