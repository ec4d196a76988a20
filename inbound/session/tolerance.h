// Counts commands that bring no mail; after too many the session ends with 421. Honest clients show three
// kinds in very different numbers, so there are three counters: mistakes, which they hardly make; refusals,
// of which a list's mail to dead addresses has hundreds; and commands that do nothing, one or two a mail on a
// connection that is kept. An accepted message clears all three. Asked by the session engine. Pure; confined
// to its session.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace goniec::inbound {

enum class Deed : std::uint8_t {
  kMistake,  // unknown, malformed or out of order
  kRefusal,  // a recipient, sender or message that is not taken
  kIdle,     // NOOP, RSET, EHLO, VRFY, HELP, an empty chunk
};
inline constexpr size_t kDeeds = 3;

class Tolerance {
 public:
  Tolerance(int max_mistakes, int max_refusals, int max_idle)
      : limits_{max_mistakes, max_refusals, max_idle} {}

  // False if that was one too many.
  [[nodiscard]] bool Note(Deed deed) {
    const auto kind = static_cast<size_t>(deed);
    return ++counts_[kind] <= limits_[kind];
  }
  void MailAccepted() { counts_ = {}; }

 private:
  const std::array<int, kDeeds> limits_;
  std::array<int, kDeeds> counts_{};
};

}  // namespace goniec::inbound
