// Counts the Received headers of a message as it passes (RFC 5321 §6.3: loop detection). Used by the
// receiving session. Looks at the header section only and costs nothing after it. Confined to its session.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace goniec::smtp {

class HeaderScan {
 public:
  // The message's content in order, in pieces of any size.
  void Feed(std::string_view content);
  int received() const { return received_; }
  // The empty line that ends the header section has passed.
  bool done() const { return done_; }

 private:
  void EndLine();
  static constexpr size_t kKept = 16;  // "Received" and some space before the colon
  std::array<char, kKept> start_{};
  size_t kept_ = 0;
  int received_ = 0;
  bool done_ = false;
};

}  // namespace goniec::smtp
