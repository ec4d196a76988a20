// Identifiers: ULIDs (48 bits of milliseconds, 80 random bits, Crockford base 32) in lower case, as they
// stand in subjects. Pure but for the source of randomness; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace goniec::mail {

inline constexpr size_t kUlidLength = 26;
// Mails in one record: what two base-32 characters could number is 1,024; a record holds at most 64.
inline constexpr int kMaxMailsPerRecord = 64;

// A new id of 26 characters for `now`. The last two characters are random too.
std::string NewUlid(WallTime now);

// An id that is the same for everybody who derives it: the time of `ulid` (valid), then `hash` (at least 16
// bytes).
std::string DerivedUlid(std::string_view ulid, std::string_view hash);

// Record id: the first 24 characters. Message id: record id and two characters for `index` (0 to 1023).
std::string NewRecordId(WallTime now);
std::string MessageIdOf(std::string_view record_id, int index);
std::string_view RecordIdOf(std::string_view message_id);

// The id in lower case if it is a ULID (either case; Crockford's look-alikes are not accepted), else nothing.
std::optional<std::string> ParseUlid(std::string_view text);
// The time in an id, which must be valid; one after the year 2200 (forged) counts as 2200.
WallTime TimeOf(std::string_view ulid);

}  // namespace goniec::mail
