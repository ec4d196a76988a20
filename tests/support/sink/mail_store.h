// Where goniec-sink keeps what it receives: one file a message, byte for byte as it was sent, in a Maildir
// (tmp, new, cur), and one JSON line a message in a log. Confined to one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::sink {

// One transaction that came to its end of message.
struct ReceivedMail {
  std::uint64_t connection = 0;   // number of the connection since the start, from 1
  std::uint64_t transaction = 0;  // number of the message on it, from 1
  std::string peer;               // "127.0.0.1:40000"
  std::string helo;
  bool esmtp = false;
  std::string tls;  // "TLSv1.3", empty without
  std::string mail_from;
  std::vector<std::string> mail_parameters;
  std::vector<std::string> rcpts;  // accepted ones
  std::uint64_t size = 0;
  bool chunked = false;  // by BDAT
  // What was answered: the first line of the reply, or "closed", "reset", "stalled" when there was no answer.
  std::string outcome;
  // Answered with 2xx. A mail without an answer is kept and logged, but the client cannot know that.
  bool accepted = false;
};

struct StoreOptions {
  std::string maildir;  // empty: messages are not kept
  std::string log;      // empty: DIR/log.jsonl with a maildir, else none. "-": standard output
};

class MailStore {
 public:
  static absl::StatusOr<std::unique_ptr<MailStore>> Open(const StoreOptions& options);
  ~MailStore();

  // Writes file (unless the outcome is a refusal) and line; both are there for other processes when it
  // returns, so whoever has got the answer finds them.
  absl::Status Add(const ReceivedMail& mail, std::string_view content);

  // False: nobody wants the contents, only their number.
  [[nodiscard]] bool wants_content() const { return !maildir_.empty() || log_ != nullptr; }

 private:
  MailStore() = default;
  absl::StatusOr<std::string> WriteFile(std::string_view content);

  std::string maildir_;
  std::FILE* log_ = nullptr;
  std::uint64_t files_ = 0;
};

// A JSON string with its quotes. Bytes that are not UTF-8 appear as \\xNN.
std::string JsonString(std::string_view bytes);

}  // namespace goniec::sink
