// Every octet that goniec-load says, built once: what differs from mail to mail is a number of fixed length
// in Message-ID, by which a receiver can tell the mails of a run apart and count them. Immutable after
// construction; what its methods return lives as long as it does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/load/options.h"

namespace goniec::load {

class MailForm {
 public:
  static constexpr std::size_t kDigits = 10;
  using Number = std::array<char, kDigits>;

  // `run`: a word of letters and digits that tells this run's mails from others'. `date`: RFC 5322's
  // date-time.
  MailForm(const Options& options, std::string_view run, std::string_view date);

  // The mail's number in its place of the content, with leading zeros.
  static Number NumberOf(std::uint64_t number);

  // The content: before(), the number, after(). Options.size octets; no line begins with a dot.
  [[nodiscard]] std::string_view before() const { return before_; }
  [[nodiscard]] std::string_view after() const { return Front(after_size_); }
  // The same with SMTP's end of the content, and with QUIT behind that (RFC 2920 §3.1: the content may be
  // followed by commands in its group).
  [[nodiscard]] std::string_view after_and_end() const { return Front(after_size_ + kEnd.size()); }
  [[nodiscard]] std::string_view after_end_and_quit() const { return after_; }

  // Commands, with line ends. `mail`: the mail's number; senders take turns.
  [[nodiscard]] std::string_view Mail(std::uint64_t mail) const { return Turn(mail).mail; }
  [[nodiscard]] std::string_view Rcpt(std::size_t recipient) const { return rcpts_[recipient]; }
  // All RCPTs and DATA: behind MAIL they are one group (RFC 2920 §3.1).
  [[nodiscard]] std::string_view rcpts_and_data() const { return rcpts_and_data_; }
  [[nodiscard]] std::string_view Sender(std::uint64_t mail) const { return Turn(mail).address; }
  [[nodiscard]] const std::vector<std::string>& recipients() const { return recipients_; }

  static constexpr std::string_view kEhlo = "EHLO load.goniec.invalid\r\n";
  static constexpr std::string_view kHelo = "HELO load.goniec.invalid\r\n";
  static constexpr std::string_view kData = "DATA\r\n";
  static constexpr std::string_view kEnd = ".\r\n";
  static constexpr std::string_view kReset = "RSET\r\n";
  static constexpr std::string_view kQuit = "QUIT\r\n";

 private:
  struct Sending {
    std::string address;
    std::string mail;
  };
  [[nodiscard]] const Sending& Turn(std::uint64_t mail) const { return senders_[mail % senders_.size()]; }
  [[nodiscard]] std::string_view Front(std::size_t size) const {
    return std::string_view(after_).substr(0, size);
  }
  void MakeEnvelopes(const Options& options);
  void MakeContent(const Options& options, std::string_view run, std::string_view date);

  std::vector<Sending> senders_;
  std::vector<std::string> recipients_;
  std::vector<std::string> rcpts_;
  std::string rcpts_and_data_;
  std::string before_;
  std::string after_;  // with what SMTP says behind it
  std::size_t after_size_ = 0;
};

}  // namespace goniec::load
