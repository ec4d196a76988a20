// How many records each source may ask for: transactional and bulk mail that is new, and mail whose time has
// come again. Each kind has a part of every bound that the others cannot take, so that no backlog of one
// stands before the mail of another; a part that is not needed goes to the kinds that ask. Sources asks for
// the numbers and counts what is in hand. Sites have bounds of their own (outbound/deliver/site_pace.h).
//
// Pure; thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "outbound/consume/worker_config.h"

namespace goniec::outbound {

enum class Kind { kTransactional, kBulk, kDue };
inline constexpr std::size_t kKinds = 3;

// What is in hand of one kind, or a change of that.
struct InHand {
  std::int64_t records = 0;
  std::int64_t mails = 0;
  std::int64_t bytes = 0;
  // Of them, those that have not started.
  std::int64_t waiting_mails = 0;
  std::int64_t waiting_bytes = 0;

  InHand& operator+=(const InHand& other);
  InHand& operator-=(const InHand& other);
};
InHand operator-(const InHand& in_hand);
using InHandByKind = std::array<InHand, kKinds>;

// What a mail costs in memory beside the octets that are stored of it.
inline constexpr std::int64_t kBytesAMail = 1024;

// What records of one kind have held lately, on average.
struct RecordSize {
  double mails = 1;
  double bytes = 4096;
  void Note(std::int64_t record_mails, std::int64_t record_bytes);
};

// Of `limit`, what `kind` may take beyond what it has: all that is free, less what is kept for the others.
std::int64_t FreeFor(Kind kind, std::int64_t limit, const std::array<std::int64_t, kKinds>& taken);

// What one of `lanes` equal sources may ask for of `records`; 0 only if there are none to ask for.
int ShareOfLane(int records, int lanes);

// Records that all sources of `kind` together may have coming; 0: none fits now.
int RecordsToAsk(const WorkerConfig& config, Kind kind, const InHandByKind& in_hand, const RecordSize& size);

}  // namespace goniec::outbound
