#include "tests/support/sink/session.h"

#include <sys/socket.h>

#include <array>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::sink {
namespace {

// RFC 5321 §4.5.3.1.4 asks for 512 bytes, extensions add to it.
constexpr size_t kMaxLine = 4096;
constexpr size_t kReadSize = 64 << 10;

}  // namespace

bool Sink::Offers(std::string_view extension) const {
  for (const std::string& offered : extensions) {
    if (EqualsIgnoreCase(std::string_view(offered).substr(0, offered.find(' ')), extension)) return true;
  }
  return false;
}

Session::Session(Sink& sink, net::Stream stream, int descriptor, std::uint64_t number)
    : sink_(sink), stream_(std::move(stream)), descriptor_(descriptor), number_(number) {}

asio::awaitable<void> Session::Run() {
  const Answered greeted = co_await AnswerTo(Event::kConnect, {stream_.remote().ip.ToString()},
                                             absl::StrCat("220 ", sink_.hostname, " ESMTP goniec-sink\r\n"));
  Flow flow = greeted.success ? greeted.flow : Flow::kEnd;
  std::string line;
  while (flow == Flow::kGoOn && co_await ReadLine(line)) flow = co_await Dispatch(line);
  (void)co_await Flush();
  co_await stream_.Shutdown(std::chrono::seconds(1));
}

const std::vector<Session::Verb>& Session::Verbs() {
  static const std::vector<Verb> verbs = {
      {"EHLO", &Session::OnEhlo}, {"HELO", &Session::OnHelo}, {"STARTTLS", &Session::OnStartTls},
      {"MAIL", &Session::OnMail}, {"RCPT", &Session::OnRcpt}, {"DATA", &Session::OnData},
      {"BDAT", &Session::OnBdat}, {"RSET", &Session::OnRset}, {"NOOP", &Session::OnNoop},
      {"VRFY", &Session::OnVrfy}, {"HELP", &Session::OnHelp}, {"QUIT", &Session::OnQuit},
  };
  return verbs;
}

asio::awaitable<Session::Flow> Session::Dispatch(const std::string& line) {
  if (line.find_first_of("\r\n") != std::string::npos)
    co_return Refuse("500 5.5.2 bare CR or LF in a command");
  const size_t space = line.find(' ');
  const std::string_view name = std::string_view(line).substr(0, space);
  const std::string_view argument =
      space == std::string::npos ? "" : std::string_view(line).substr(space + 1);
  for (const Verb& verb : Verbs()) {
    if (!EqualsIgnoreCase(name, verb.name)) continue;
    // BDAT is followed by its chunk whatever else is so.
    if (!Waiting().empty() && !sink_.Offers("PIPELINING") && verb.name != "BDAT") {
      co_return Refuse("503 5.5.0 improper use of command pipelining, which is not offered");
    }
    co_return co_await (this->*verb.handler)(argument);
  }
  co_return Refuse("500 5.5.2 unknown command");
}

Session::Flow Session::Refuse(std::string_view reply) {
  output_.append(reply).append("\r\n");
  return Flow::kGoOn;
}

// Waits for more input, after having sent what the client may be waiting for.
asio::awaitable<bool> Session::Fill() {
  if (!co_await Flush()) co_return false;
  input_.erase(0, at_);
  at_ = 0;
  const size_t had = input_.size();
  input_.resize(had + kReadSize);
  stream_.ExpireAfter(sink_.timeout);
  const absl::StatusOr<size_t> got = co_await stream_.ReadSome(std::span(input_).subspan(had));
  input_.resize(had + (got.ok() ? *got : 0));
  co_return got.ok();
}

// A line without its CR LF. One that is too long is answered here, and the next one is returned.
asio::awaitable<bool> Session::ReadLine(std::string& line) {
  bool too_long = false;
  while (true) {
    const size_t end = input_.find("\r\n", at_);
    if (end != std::string::npos) {
      line.assign(input_, at_, end - at_);
      at_ = end + 2;
      if (!too_long && line.size() <= kMaxLine) co_return true;
      Refuse("500 5.5.6 line too long");
      too_long = false;
      continue;
    }
    if (Waiting().size() > kMaxLine) {
      too_long = true;
      at_ = input_.size() - 1;  // the last byte may be the CR of its end
    }
    if (!co_await Fill()) co_return false;
  }
}

asio::awaitable<bool> Session::Flush() {
  if (output_.empty()) co_return true;
  const std::string output = std::exchange(output_, {});
  stream_.ExpireAfter(sink_.timeout);
  const absl::Status written = co_await stream_.WriteAll(output);
  co_return written.ok();
}

asio::awaitable<void> Session::Sleep(std::chrono::milliseconds duration) {
  stream_.NeverExpire();
  asio::steady_timer timer(stream_.executor(), duration);
  std::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<Session::Answered> Session::AnswerTo(Event event, std::vector<std::string> subjects,
                                                     std::string usual) {
  co_return co_await Answer(sink_.script.Next(event, subjects), std::move(usual));
}

asio::awaitable<Session::Answered> Session::Answer(const Action* action, std::string usual) {
  if (action == nullptr) {
    output_ += usual;
    co_return Answered{Flow::kGoOn, usual[0] < '4'};
  }
  if (action->wait.count() > 0) {
    if (!co_await Flush()) co_return Answered{Flow::kEnd, false};
    co_await Sleep(action->wait);
  }
  const bool silent = action->reply.empty() && action->then != Action::Then::kGoOn;
  const std::string reply = silent ? "" : action->reply.empty() ? usual : action->reply;
  if (action->slow.count() == 0) output_ += reply;
  for (size_t i = 0; action->slow.count() > 0 && i < reply.size(); ++i) {
    output_ += reply[i];
    if (!co_await Flush()) co_return Answered{Flow::kEnd, false};
    co_await Sleep(action->slow);
  }
  const bool success = !reply.empty() && reply[0] < '4';
  if (action->then == Action::Then::kGoOn) co_return Answered{Flow::kGoOn, success};
  co_await EndAs(action->then);
  co_return Answered{Flow::kEnd, success};
}

asio::awaitable<void> Session::EndAs(Action::Then then) {
  (void)co_await Flush();
  if (then == Action::Then::kReset) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    stream_.Close();
  } else if (then == Action::Then::kStall) {
    stream_.NeverExpire();
    std::array<char, 4096> ignored;
    while ((co_await stream_.ReadSome(ignored)).ok()) {
    }
  }
}

}  // namespace goniec::sink
