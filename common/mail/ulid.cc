#include "common/mail/ulid.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace goniec::mail {
namespace {

// Crockford's base 32 without i, l, o and u.
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kTimeDigits = 10;
constexpr size_t kRecordIdDigits = 24;
constexpr int kBitsPerDigit = 5;
constexpr unsigned kDigitMask = 31;
// 50 bits of digits hold 48 bits of time, so the first digit is at most this (the ULID specification's
// overflow rule).
constexpr char kLargestFirstDigit = '7';
// 2200-01-01. A forged id may name the year 10889, which a clock in nanoseconds cannot hold.
constexpr std::uint64_t kLatestMilliseconds = 7'258'118'400'000;

// Value of a lower-case digit, -1 if it is none.
int DigitValue(char c) {
  const size_t position = kDigits.find(c);
  return position == std::string_view::npos ? -1 : static_cast<int>(position);
}

char LowerLetter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Asked of the kernel each time: a generator of our own would be copied by a fork and repeat itself.
void FillRandom(std::array<unsigned char, kUlidLength - kTimeDigits>& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
    done += static_cast<size_t>(got);
  }
}

std::string NewId(WallTime now, size_t length) {
  std::string id(length, '0');
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(since_epoch, 0));
  for (size_t i = kTimeDigits; i-- > 0; rest >>= kBitsPerDigit) id[i] = kDigits[rest & kDigitMask];
  std::array<unsigned char, kUlidLength - kTimeDigits> random{};
  FillRandom(random);
  // 32 digits divide the 256 values of a byte evenly: no digit is likelier than another.
  for (size_t i = kTimeDigits; i < length; ++i) id[i] = kDigits[random[i - kTimeDigits] & kDigitMask];
  return id;
}

}  // namespace

std::string NewUlid(WallTime now) {
  return NewId(now, kUlidLength);
}

std::string DerivedUlid(std::string_view ulid, std::string_view hash) {
  assert(ulid.size() == kUlidLength && hash.size() >= kUlidLength - kTimeDigits);
  std::string id(ulid.substr(0, kTimeDigits));
  for (size_t i = 0; i < kUlidLength - kTimeDigits; ++i)
    id += kDigits[static_cast<unsigned char>(hash[i]) & kDigitMask];
  return id;
}

std::string NewRecordId(WallTime now) {
  return NewId(now, kRecordIdDigits);
}

std::string MessageIdOf(std::string_view record_id, int index) {
  assert(record_id.size() == kRecordIdDigits && index >= 0 && index < 1024);
  const auto number = static_cast<unsigned>(index);
  std::string id(record_id);
  id += kDigits[(number >> kBitsPerDigit) & kDigitMask];
  id += kDigits[number & kDigitMask];
  return id;
}

std::string_view RecordIdOf(std::string_view message_id) {
  return message_id.substr(0, kRecordIdDigits);
}

std::optional<std::string> ParseUlid(std::string_view text) {
  if (text.size() != kUlidLength || text[0] > kLargestFirstDigit) return std::nullopt;
  std::string id(text);
  for (char& c : id) {
    c = LowerLetter(c);
    if (DigitValue(c) < 0) return std::nullopt;
  }
  return id;
}

WallTime TimeOf(std::string_view ulid) {
  assert(ulid.size() >= kTimeDigits);
  std::uint64_t milliseconds = 0;
  for (const char c : ulid.substr(0, kTimeDigits)) {
    milliseconds = (milliseconds << kBitsPerDigit) | static_cast<unsigned>(DigitValue(LowerLetter(c)));
  }
  return WallTime(std::chrono::milliseconds(std::min(milliseconds, kLatestMilliseconds)));
}

}  // namespace goniec::mail
