// Real processes for tests: started in a folder of their own, killed with the test (also when it crashes),
// their output kept. Also the small things around them: temporary folders, free ports, waiting for a
// condition.
//
// A child dies with the *thread* that started it (PR_SET_PDEATHSIG), so start processes on the test's main
// thread. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace goniec::test {

// A folder that is removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file and returns its path.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

std::string ReadFileOrEmpty(const std::string& path);

// A loopback TCP port that nobody has, outside the kernel's range for outgoing connections, and that no other
// call, in this process or in other tests that run at the same time, is given while this process lives.
uint16_t FreePort();

// Asks until it is true or `limit` is over; returns what it was last.
bool WaitUntil(const std::function<bool()>& condition,
               std::chrono::milliseconds limit = std::chrono::seconds(20));

// True if something listens there.
bool CanConnect(uint16_t port);

struct ProcessOptions {
  // Set beside the environment of the test.
  std::vector<std::pair<std::string, std::string>> environment;
  // Standard output and error go there (appended). Empty: to a temporary file.
  std::string output_file;
  // Standard output apart from standard error: then output() is the latter.
  std::string stdout_file;
  // What standard input gives; empty: /dev/null.
  std::string input_file;
};

class Process {
 public:
  // `argv[0]` is looked up on PATH.
  static absl::StatusOr<Process> Start(std::vector<std::string> argv, ProcessOptions options = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // SIGKILL and reaped

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void Signal(int signal) const;
  // Does nothing any more when this returns.
  void Freeze() const;
  void Thaw() const { Signal(SIGCONT); }
  // SIGKILL, and waits for the end.
  void Kill();
  // Waits for the end: the exit status, or 128 + signal as a shell shows it; nothing after `limit`.
  std::optional<int> Wait(std::chrono::milliseconds limit = std::chrono::seconds(20));
  // SIGTERM, then Wait().
  std::optional<int> Terminate(std::chrono::milliseconds limit = std::chrono::seconds(20));

  // All that it has written so far.
  [[nodiscard]] std::string output() const;
  // False if it ends, or `limit` does, without having written `text` after the first `from` bytes.
  bool WaitForOutput(const std::string& text, std::chrono::milliseconds limit = std::chrono::seconds(20),
                     size_t from = 0);

 private:
  Process() = default;
  bool Reap(bool block);

  pid_t pid_ = -1;
  std::optional<int> status_;
  std::string output_file_;
  bool own_output_ = false;
};

// Runs to the end; kDeadlineExceeded (and killed) after `limit`.
struct Finished {
  int status = 0;
  std::string output;
};
absl::StatusOr<Finished> RunProcess(std::vector<std::string> argv, ProcessOptions options = {},
                                    std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace goniec::test
