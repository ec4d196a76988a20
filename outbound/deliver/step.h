// What the sending session waits for: one row for each kind of reply, with the phase that an outcome names,
// the words of the log and the time limit, so that they cannot drift apart. Constants; thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "goniec/queue/v1/queue.pb.h"

namespace goniec::outbound {

enum class Step {
  kGreeting,
  kEhlo,
  kHelo,
  kStartTls,
  kRset,
  kMail,
  kRcpt,
  kData,
  kChunk,      // BDAT that is not the last
  kEndOfData,  // the final dot, or BDAT LAST
  kLoneDot,    // the end of data of a transaction without recipients
  kQuit,
};

struct StepRow {
  Step step;
  queue::v1::Phase phase;
  std::string_view waiting_for;
  // RFC 5321 §4.5.3.2; the rest after the nearest of them. Scaled by the configuration.
  std::chrono::milliseconds limit;
};

inline constexpr std::array<StepRow, 12> kSteps = {{
    {Step::kGreeting, queue::v1::PHASE_GREETING, "the greeting", std::chrono::minutes(5)},
    {Step::kEhlo, queue::v1::PHASE_EHLO, "the reply to EHLO", std::chrono::minutes(5)},
    {Step::kHelo, queue::v1::PHASE_EHLO, "the reply to HELO", std::chrono::minutes(5)},
    {Step::kStartTls, queue::v1::PHASE_STARTTLS, "the reply to STARTTLS", std::chrono::minutes(2)},
    {Step::kRset, queue::v1::PHASE_MAIL, "the reply to RSET", std::chrono::minutes(2)},
    {Step::kMail, queue::v1::PHASE_MAIL, "the reply to MAIL", std::chrono::minutes(5)},
    {Step::kRcpt, queue::v1::PHASE_RCPT, "the reply to RCPT", std::chrono::minutes(5)},
    {Step::kData, queue::v1::PHASE_DATA, "the reply to DATA", std::chrono::minutes(2)},
    {Step::kChunk, queue::v1::PHASE_BODY, "the reply to BDAT", std::chrono::minutes(3)},
    {Step::kEndOfData, queue::v1::PHASE_DOT, "the reply to the end of data", std::chrono::minutes(10)},
    {Step::kLoneDot, queue::v1::PHASE_DOT, "the reply to the end of data", std::chrono::minutes(10)},
    {Step::kQuit, queue::v1::PHASE_UNSPECIFIED, "the reply to QUIT", std::chrono::seconds(5)},
}};

// For each write of content (RFC 5321 §4.5.3.2.5) and for the TLS handshake.
inline constexpr std::chrono::milliseconds kContentBlockLimit = std::chrono::minutes(3);
inline constexpr std::chrono::milliseconds kHandshakeLimit = std::chrono::minutes(2);

constexpr const StepRow& RowOf(Step step) {
  return kSteps[static_cast<std::size_t>(step)];
}

static_assert(
    [] {
      for (std::size_t i = 0; i < kSteps.size(); ++i) {
        if (static_cast<std::size_t>(kSteps[i].step) != i) return false;
      }
      return true;
    }(),
    "rows stand in the order of the enumerators");

}  // namespace goniec::outbound
