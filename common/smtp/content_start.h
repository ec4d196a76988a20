// The first line of a message's content, which is where our own header meets the sender's. Leaves out what a
// mailbox file puts before a message ("From a@b Thu Jan  1 …", also with ">" before it), as Postfix and
// Sendmail do, and says what the first line is. Used by the receiving session, for DATA and BDAT alike;
// incremental over any split of the input, without copying it. Holds at most six octets, which it knows
// without keeping them. Confined to its session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace goniec::smtp {

class ContentStart {
 public:
  enum class FirstLine : std::uint8_t {
    kOpen,          // not known yet
    kField,         // a header field, or the empty line that says there is none
    kText,          // anything else: the message has no header section
    kContinuation,  // begins with a space or tab: it would continue the field that stands before it
  };
  struct Piece {
    size_t consumed = 0;       // octets of the input that are done with; 0 only together with content
    std::string_view content;  // to be passed on; within the input, or static; may be empty
  };
  // `input` is not empty. Call again while octets are left.
  Piece Next(std::string_view input);
  // At the end of the content: what was held back (static), and the first line is no longer open.
  std::string_view Finish();
  [[nodiscard]] FirstLine first_line() const { return first_line_; }
  // All that comes passes unchanged: Next() need not be asked any more.
  [[nodiscard]] bool passing() const { return at_ == At::kPassing && first_line_ != FirstLine::kOpen; }

 private:
  enum class At : std::uint8_t { kMark, kMailboxLine, kPassing };
  Piece HoldMark(std::string_view input);
  void Judge(std::string_view text);

  At at_ = At::kMark;
  // The octets of the mailbox file's mark that have come and are held back.
  bool quoted_ = false;
  size_t held_ = 0;
  FirstLine first_line_ = FirstLine::kOpen;
  bool in_name_ = true;  // of the first line; else in the space behind the name
  bool named_ = false;
  bool after_cr_ = false;
};

}  // namespace goniec::smtp
