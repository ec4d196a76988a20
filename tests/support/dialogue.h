// Conversations of a test with a server on 127.0.0.1: SMTP line by line, and one HTTP GET. Waits are bounded
// by 20 s. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace goniec::test {

// A client that sends what it is told and waits for whole replies.
class SmtpDialogue {
 public:
  // Connects to 127.0.0.1, from `source` (another address of 127.0.0.0/8 is another client); if nobody
  // listens there, every reply is empty.
  explicit SmtpDialogue(uint16_t port, const char* source = "127.0.0.1");
  ~SmtpDialogue();
  SmtpDialogue(SmtpDialogue&& other) noexcept;
  SmtpDialogue& operator=(SmtpDialogue&&) = delete;

  // As it is: no CR LF is added.
  void Send(const std::string& bytes);
  // The next reply, all its lines with their CR LF; empty at the end of the connection or after 20 s.
  std::string Reply();
  // A line, CR LF added, and its reply.
  std::string Ask(const std::string& line);
  // A whole transaction; the reply to the end of data, or the first that refused.
  std::string SendMail(const std::string& from, const std::vector<std::string>& to,
                       const std::string& content);
  // True if a reply or the end comes within `limit`.
  [[nodiscard]] bool HasReply(std::chrono::milliseconds limit) const;
  // True if the server closes within 20 s, whatever it says before.
  bool WaitForClose();
  void Close();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  std::string input_;
};

// One HTTP GET of 127.0.0.1: the whole response, empty if nobody answers.
std::string HttpGet(uint16_t port, const std::string& path);

}  // namespace goniec::test
