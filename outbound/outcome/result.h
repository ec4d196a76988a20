// What became of recipients in one delivery attempt: made by the delivery, read by the retry decision, the
// settlement and the events. Values; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "goniec/queue/v1/queue.pb.h"

namespace goniec::outbound {

enum class Verdict {
  kDelivered,  // the peer took responsibility
  kTemporary,  // an attempt was made and failed for now; with outcome.ambiguous() the peer may have taken it
  kPermanent,  // an attempt was made, and no other will fare better
  kNotTried,   // nothing was tried: no attempt to be counted
};
std::string_view VerdictName(Verdict verdict);

// The recipients that share a verdict and an outcome: one event, one log line.
struct Result {
  Verdict verdict = Verdict::kNotTried;
  queue::v1::Outcome outcome;
  // Positions in mail.recipients(); at least one.
  std::vector<std::uint32_t> recipients;
  // kNotTried only, where it is known: how long it will take until a try makes sense.
  std::optional<std::chrono::milliseconds> wait = std::nullopt;
  // kTemporary only: the attempt found that nobody is let in, and the site is closed now.
  bool site_closed = false;
};

// This machine had no descriptor or port left for a connection.
[[nodiscard]] inline bool IsOwnLimit(const Result& result) {
  return result.verdict == Verdict::kNotTried &&
         result.outcome.reason() == queue::v1::REASON_CONNECTION_FAILED;
}

}  // namespace goniec::outbound
