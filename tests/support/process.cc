#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"

namespace goniec::test {
namespace {

std::string TempRoot() {
  const char* root = std::getenv("TMPDIR");
  return root != nullptr && *root != '\0' ? root : "/tmp";
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool CanBind(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

void Redirect(const char* file, int flags, int target) {
  const int fd = open(file, flags, 0600);
  if (fd < 0) _exit(127);
  dup2(fd, target);
  close(fd);
}

// In the child, after fork: never returns.
[[noreturn]] void Exec(char* const* argv, const ProcessOptions& options, const std::string& output,
                       pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
  Redirect(options.input_file.empty() ? "/dev/null" : options.input_file.c_str(), O_RDONLY, STDIN_FILENO);
  Redirect(output.c_str(), kAppend, STDERR_FILENO);
  if (options.stdout_file.empty()) {
    dup2(STDERR_FILENO, STDOUT_FILENO);
  } else {
    Redirect(options.stdout_file.c_str(), kAppend, STDOUT_FILENO);
  }
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  execvp(argv[0], argv);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = TempRoot() + "/goniec-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(const std::string& name, const std::string& content) const {
  std::ofstream(File(name), std::ios::binary) << content;
  return File(name);
}

std::string ReadFileOrEmpty(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

uint16_t FreePort() {
  // A lock file a port, held as long as this process lives: two tests that run at once never choose the same.
  const std::string folder = absl::StrCat(TempRoot(), "/goniec-ports-", getuid());
  mkdir(folder.c_str(), 0700);
  static std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> ports(12000, 31999);
  for (int tries = 0; tries < 10000; ++tries) {
    const auto port = static_cast<uint16_t>(ports(random));
    const int lock = open(absl::StrCat(folder, "/", port).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && CanBind(port))
      return port;  // `lock` is kept on purpose
    if (lock >= 0) close(lock);
  }
  std::fputs("no free port\n", stderr);
  std::abort();
}

bool WaitUntil(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool CanConnect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

absl::StatusOr<Process> Process::Start(std::vector<std::string> argv, ProcessOptions options) {
  Process process;
  process.output_file_ = options.output_file;
  if (process.output_file_.empty()) {
    std::string pattern = TempRoot() + "/goniec-output-XXXXXX";
    const int fd = mkostemp(pattern.data(), O_CLOEXEC);
    if (fd < 0) return absl::InternalError(absl::StrCat("cannot make a file for output: ", strerror(errno)));
    close(fd);
    process.output_file_ = pattern;
    process.own_output_ = true;
  }
  std::vector<char*> raw;
  for (std::string& argument : argv) raw.push_back(argument.data());
  raw.push_back(nullptr);
  const pid_t parent = getpid();
  process.pid_ = fork();
  if (process.pid_ < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (process.pid_ == 0) Exec(raw.data(), options, process.output_file_, parent);
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(std::exchange(other.status_, std::nullopt)),
      output_file_(std::move(other.output_file_)),
      own_output_(std::exchange(other.own_output_, false)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    this->~Process();
    new (this) Process(std::move(other));
  }
  return *this;
}

Process::~Process() {
  Kill();
  if (own_output_) unlink(output_file_.c_str());
}

bool Process::Reap(bool block) {
  if (pid_ < 0 || status_.has_value()) return true;
  int raw = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &raw, block ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return true;
}

bool Process::running() {
  return !Reap(false);
}

void Process::Signal(int signal) const {
  if (pid_ > 0 && !status_.has_value()) kill(pid_, signal);
}

void Process::Freeze() const {
  Signal(SIGSTOP);
  if (pid_ <= 0 || status_.has_value()) return;
  // A thread on another core runs on for a moment.
  siginfo_t stopped{};
  waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}

void Process::Kill() {
  Signal(SIGKILL);
  Reap(true);
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  WaitUntil([this] { return !running(); }, limit);
  return status_;
}

std::optional<int> Process::Terminate(std::chrono::milliseconds limit) {
  Signal(SIGTERM);
  return Wait(limit);
}

std::string Process::output() const {
  return ReadFileOrEmpty(output_file_);
}

bool Process::WaitForOutput(const std::string& text, std::chrono::milliseconds limit, size_t from) {
  const auto seen = [&] { return output().find(text, from) != std::string::npos; };
  return WaitUntil([&] { return seen() || !running(); }, limit) && seen();
}

absl::StatusOr<Finished> RunProcess(std::vector<std::string> argv, ProcessOptions options,
                                    std::chrono::milliseconds limit) {
  auto process = Process::Start(std::move(argv), std::move(options));
  if (!process.ok()) return process.status();
  const std::optional<int> status = process->Wait(limit);
  if (!status.has_value()) {
    process->Kill();
    return absl::DeadlineExceededError(absl::StrCat("did not end; output so far: ", process->output()));
  }
  return Finished{*status, process->output()};
}

}  // namespace goniec::test
