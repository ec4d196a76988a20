#include "tests/support/load/smtp_load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file_limit.h"
#include "tests/support/load/connection.h"
#include "tests/support/load/dialogue.h"
#include "tests/support/load/session.h"

namespace goniec::load {
namespace {

using Time = Schedule::Time;

constexpr std::size_t kOwnFiles = 16;  // beside the connections
constexpr Time kTick = std::chrono::milliseconds(100);
constexpr Time kFarewell = std::chrono::seconds(1);

class SmtpLoad {
 public:
  SmtpLoad(const Options& options, const MailForm& form, const Address& address, Tally& tally)
      : options_(options),
        form_(form),
        address_(address),
        tally_(tally),
        schedule_(options),
        sessions_(options.sessions) {
    for (std::size_t n = sessions_.size(); n-- > 0;) closed_.push_back(n);
  }
  ~SmtpLoad() { close(epoll_); }
  SmtpLoad(const SmtpLoad&) = delete;
  SmtpLoad& operator=(const SmtpLoad&) = delete;

  absl::Status Run();

 private:
  [[nodiscard]] Time Now() const { return std::chrono::steady_clock::now() - start_; }
  void StartDue();
  bool Give(Session& session, Time now);
  void Open(std::size_t n);
  void Begin(Session& session);
  void Wait(Time limit);
  void OnEvent(std::size_t n, std::uint32_t events);
  void OnInput(std::size_t n, std::string_view input);
  void OnTurn(std::size_t n, const Turn& turn);
  void OnIdle(std::size_t n);
  void OnGone(std::size_t n, int error);
  void OnEnd(std::size_t n, std::string_view how);
  void OnNoConnection(std::size_t n, int error);
  void Account(Session& session, Verdict verdict, const std::string& reason);
  void Leave(std::size_t n);
  void Expire();
  void SayFarewell();
  [[nodiscard]] Time UntilNext() const;

  const Options& options_;
  const MailForm& form_;
  const Address& address_;
  Tally& tally_;
  Schedule schedule_;
  std::vector<Session> sessions_;
  std::vector<std::size_t> closed_;  // numbers of those without a connection
  std::vector<std::size_t> idle_;    // and of those with one and without a mail
  std::size_t busy_ = 0;             // those with a mail in hand
  bool reached_ = false;             // the server has said something, once
  bool ending_ = false;
  Time blocked_{-1};  // when a mail that was due last found no session
  Time next_tick_{0};
  Time answered_{0};  // when a mail last was, or began after there was none
  absl::Status broken_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::array<char, 64 << 10> buffer_;
};

absl::Status SmtpLoad::Run() {
  if (epoll_ < 0) return absl::ResourceExhaustedError(absl::StrCat("epoll: ", std::strerror(errno)));
  while (broken_.ok()) {
    StartDue();
    if (busy_ == 0 && !schedule_.NextDue(Now()).has_value()) break;
    Wait(UntilNext());
    Expire();
  }
  if (broken_.ok()) SayFarewell();
  return broken_;
}

void SmtpLoad::StartDue() {
  for (Time now = Now(); broken_.ok() && schedule_.HasDue(now); now = Now()) {
    if (!idle_.empty()) {
      Session& session = sessions_[idle_.back()];
      idle_.pop_back();
      Give(session, now);
      Begin(session);
    } else if (!closed_.empty()) {
      const std::size_t n = closed_.back();
      closed_.pop_back();
      Give(sessions_[n], now);
      Open(n);
    } else {
      if (options_.rate > 0) blocked_ = now;
      return;
    }
  }
}

// The next mail, if one is due.
bool SmtpLoad::Give(Session& session, Time now) {
  session.mail = schedule_.Take(now);
  if (!session.mail.has_value()) return false;
  if (session.mail->due <= blocked_) ++tally_.waited;
  if (busy_++ == 0) answered_ = now;
  return true;
}

void SmtpLoad::Open(std::size_t n) {
  Session& session = sessions_[n];
  session.dialogue.emplace(form_.recipients().size());
  session.mails = 0;
  session.heard = false;
  session.deadline = Now() + options_.timeout;
  ++tally_.connections;
  if (const int error = session.connection.Open(address_, epoll_, n); error != 0) OnNoConnection(n, error);
}

// Of the mail in hand.
void SmtpLoad::Begin(Session& session) {
  session.deadline = Now() + options_.timeout;
  const bool last = ++session.mails == options_.mails_per_connection;
  session.Speak(session.dialogue->Begin(last), form_);
}

Time SmtpLoad::UntilNext() const {
  const Time now = Now();
  Time until = next_tick_ - now;
  const std::optional<Time> due = schedule_.NextDue(now);
  if (due.has_value() && !(idle_.empty() && closed_.empty())) until = std::min(until, *due - now);
  return std::max(until, Time(0));
}

void SmtpLoad::Wait(Time limit) {
  std::array<epoll_event, 256> events;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const timespec time{.tv_sec = limit.count() / kSecond, .tv_nsec = limit.count() % kSecond};
  int count = epoll_pwait2(epoll_, events.data(), events.size(), &time, nullptr);
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
    // Kernels before 5.11, and sandboxes that do not know it: whole milliseconds.
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(limit);
    count = epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(rounded.count()));
  }
  for (int i = 0; i < count; ++i) OnEvent(events[i].data.u64, events[i].events);
}

void SmtpLoad::OnEvent(std::size_t n, std::uint32_t events) {
  Session& session = sessions_[n];
  if (!session.connection.open()) return;
  if ((events & EPOLLOUT) != 0) session.connection.Flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  const ssize_t got = session.connection.Read(buffer_);
  if (got > 0) return OnInput(n, std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
  if (got < 0 && errno == EAGAIN) return;
  OnGone(n, got == 0 ? 0 : errno);
}

void SmtpLoad::OnInput(std::size_t n, std::string_view input) {
  Session& session = sessions_[n];
  session.heard = true;
  reached_ = true;
  while (!input.empty() && session.connection.open()) OnTurn(n, session.dialogue->Take(&input));
}

void SmtpLoad::OnTurn(std::size_t n, const Turn& turn) {
  Session& session = sessions_[n];
  Account(session, turn.verdict, session.dialogue->reason());
  if (turn.over) return Leave(n);
  session.Speak(turn.say, form_);
  if (turn.idle) OnIdle(n);
}

void SmtpLoad::OnIdle(std::size_t n) {
  Session& session = sessions_[n];
  if (session.mail.has_value() || Give(session, Now())) return Begin(session);
  if (ending_) return session.Speak(session.dialogue->Quit(), form_);
  session.deadline = Session::kNever;
  idle_.push_back(n);
}

void SmtpLoad::Account(Session& session, Verdict verdict, const std::string& reason) {
  if (verdict == Verdict::kNone || !session.mail.has_value()) return;
  const Time now = Now();
  if (verdict == Verdict::kAccepted) tally_.Accepted(session.mail->due, now);
  if (verdict == Verdict::kRefused) tally_.Refused(now, reason);
  if (verdict == Verdict::kLost) {
    tally_.Lost(now, reason);
    broken_.Update(tally_.GoOn(options_));
  } else {
    answered_ = now;
  }
  session.mail.reset();
  --busy_;
  session.deadline = now + options_.timeout;  // for QUIT
}

void SmtpLoad::OnGone(std::size_t n, int error) {
  Session& session = sessions_[n];
  if (!session.heard && error != 0 && error != ECONNRESET) return OnNoConnection(n, error);
  OnEnd(n, error == 0 ? "the server closed the connection" : std::strerror(error));
}

void SmtpLoad::OnEnd(std::size_t n, std::string_view how) {
  Session& session = sessions_[n];
  const Verdict verdict = session.dialogue->End(how);
  Account(session, verdict, session.dialogue->reason());
  Leave(n);
}

void SmtpLoad::OnNoConnection(std::size_t n, int error) {
  const std::string reason = absl::StrCat("cannot connect to ", options_.target, ": ", std::strerror(error));
  if (!reached_) broken_.Update(absl::UnavailableError(reason));
  Account(sessions_[n], Verdict::kLost, reason);
  Leave(n);
}

void SmtpLoad::Leave(std::size_t n) {
  sessions_[n].connection.Close();
  sessions_[n].deadline = Session::kNever;
  std::erase(idle_, n);
  closed_.push_back(n);
}

void SmtpLoad::Expire() {
  const Time now = Now();
  if (now < next_tick_) return;
  next_tick_ = now + kTick;
  const std::string silence =
      absl::StrCat("silence for ", std::chrono::duration<double>(options_.timeout).count(), " s");
  for (std::size_t n = 0; n < sessions_.size(); ++n) {
    if (sessions_[n].connection.open() && sessions_[n].deadline <= now) OnEnd(n, silence);
  }
  // Each of a thousand sessions may wait for its own time to be over.
  if (busy_ > 0 && now - answered_ > 2 * Time(options_.timeout)) {
    broken_ = absl::UnavailableError(absl::StrCat("given up: ", options_.target, " answers nothing"));
  }
}

// What is still connected says QUIT, and is given a moment for the answer.
void SmtpLoad::SayFarewell() {
  ending_ = true;
  for (const std::size_t n : std::vector<std::size_t>(std::move(idle_))) {
    sessions_[n].Speak(sessions_[n].dialogue->Quit(), form_);
  }
  idle_.clear();
  const Time until = Now() + kFarewell;
  while (closed_.size() < sessions_.size() && Now() < until) Wait(std::max(until - Now(), Time(0)));
}

}  // namespace

absl::Status RunSmtp(const Options& options, const MailForm& form, Tally& tally) {
  const std::size_t files = RaiseFileLimit();
  if (options.sessions + kOwnFiles > files) {
    return absl::FailedPreconditionError(absl::StrCat("--sessions ", options.sessions, " needs ",
                                                      options.sessions + kOwnFiles, " open files, and ",
                                                      files, " are allowed: raise the limit (ulimit -n)"));
  }
  const absl::StatusOr<Address> address = Address::Resolve(options.host, options.port);
  if (!address.ok()) return address.status();
  // Otherwise the kernel may wake this thread 50 µs after a mail fell due.
  prctl(PR_SET_TIMERSLACK, 1);
  return SmtpLoad(options, form, *address, tally).Run();
}

}  // namespace goniec::load
