// What the receiving session has to know of a message as it passes: how many Received headers it has (RFC
// 5321 §6.3: loop detection), and whether its header section and what follows are all ASCII (RFC 6152, RFC
// 6532). It notes what is there, whatever the client announced. Confined to its session.
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
  // Of what has passed so far.
  bool header_is_ascii() const { return header_is_ascii_; }
  bool body_is_ascii() const { return body_is_ascii_; }

 private:
  void EndLine();
  static constexpr size_t kKept = 16;  // "Received" and some space before the colon
  std::array<char, kKept> start_{};
  size_t kept_ = 0;
  int received_ = 0;
  bool done_ = false;
  bool header_is_ascii_ = true;
  bool body_is_ascii_ = true;
};

}  // namespace goniec::smtp
