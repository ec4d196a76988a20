#include "tests/support/load/mail_form.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::load {
namespace {

constexpr std::size_t kLine = 78;  // with CR LF

// "sender@a.test" for one; else "sender1@a.test", "sender2@a.test" and so on.
std::vector<std::string> Numbered(const std::string& address, std::size_t count) {
  if (count == 1) return {address};
  const std::size_t at = address.rfind('@');
  std::vector<std::string> all;
  for (std::size_t n = 1; n <= count; ++n) {
    all.push_back(absl::StrCat(address.substr(0, at), n, address.substr(at)));
  }
  return all;
}

void AppendLines(std::size_t octets, std::string& text) {
  while (octets > 0) {
    std::size_t line = std::min(kLine, octets);
    if (octets - line == 1) --line;  // a line needs two
    text.append(line - 2, 'x').append("\r\n");
    octets -= line;
  }
}

}  // namespace

MailForm::MailForm(const Options& options, std::string_view run, std::string_view date) {
  MakeEnvelopes(options);
  MakeContent(options, run, date);
}

void MailForm::MakeEnvelopes(const Options& options) {
  recipients_ = Numbered(options.to, options.recipients);
  for (const std::string& recipient : recipients_) {
    rcpts_.push_back(absl::StrCat("RCPT TO:<", recipient, ">\r\n"));
    rcpts_and_data_ += rcpts_.back();
  }
  rcpts_and_data_ += kData;
  for (std::string& sender : Numbered(options.from, options.senders)) {
    std::string mail = absl::StrCat("MAIL FROM:<", sender, ">\r\n");
    senders_.push_back({.address = std::move(sender), .mail = std::move(mail)});
  }
}

void MailForm::MakeContent(const Options& options, std::string_view run, std::string_view date) {
  before_ = absl::StrCat("From: <", options.from, ">\r\nTo: <", options.to,
                         ">\r\nSubject: goniec-load\r\nDate: ", ToAbsl(date), "\r\nMessage-ID: <",
                         ToAbsl(run), ".");
  after_ = "@load.goniec.invalid>\r\n\r\n";
  const std::size_t header = before_.size() + kDigits + after_.size();
  // Long addresses may need more than the size that was asked for; one octet alone is no line.
  const std::size_t body = options.size > header ? std::max<std::size_t>(options.size - header, 2) : 0;
  AppendLines(body, after_);
  after_size_ = after_.size();
  after_.append(kEnd).append(kQuit);
}

MailForm::Number MailForm::NumberOf(std::uint64_t number) {
  Number digits;
  for (std::size_t i = kDigits; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  return digits;
}

}  // namespace goniec::load
