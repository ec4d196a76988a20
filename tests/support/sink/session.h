// One connection of goniec-sink: a strict SMTP server (RFC 5321, 1870, 2920, 3030, 3207, 6152, 6531) that
// accepts everything, except where the script says otherwise. Strict: wrong order, wrong syntax, unknown
// parameters, what was not advertised and input ahead of a reply that must be waited for are refused, so that
// a test sees a client's mistakes. Confined to its executor, one thread for all sessions.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/stream.h"
#include "tests/support/sink/mail_store.h"
#include "tests/support/sink/script.h"

namespace goniec::sink {

// What all sessions share.
struct Sink {
  std::string hostname = "goniec-sink.invalid";
  // What EHLO lists; STARTTLS is added where `tls` is set.
  std::vector<std::string> extensions;
  std::uint64_t max_size = 50ULL << 20;
  std::size_t max_recipients = 1000;
  // How long a client may be silent.
  std::chrono::milliseconds timeout{5 * 60'000};
  std::shared_ptr<net::TlsServerContext> tls;
  Script script;
  MailStore* store = nullptr;
  std::uint64_t accepted = 0;
  std::uint64_t bytes = 0;
  // Called once, when so many messages are accepted and the answer to the last one is on its way. 0: never.
  std::uint64_t count = 0;
  std::function<void()> on_count = [] {};

  [[nodiscard]] bool Offers(std::string_view extension) const;
};

class Session {
 public:
  // `sink` must outlive it. `descriptor` is the stream's socket, for RST.
  Session(Sink& sink, net::Stream stream, int descriptor, std::uint64_t number);
  asio::awaitable<void> Run();

 private:
  enum class Flow { kGoOn, kEnd };
  using Handler = asio::awaitable<Flow> (Session::*)(std::string_view argument);
  struct Verb {
    std::string_view name;
    Handler handler;
  };
  static const std::vector<Verb>& Verbs();

  struct Transaction {
    std::string mail_from;
    std::vector<std::string> parameters;
    std::vector<std::string> rcpts;
    bool open = false;      // MAIL was accepted
    bool chunking = false;  // BDAT has begun: DATA is refused
    bool broken = false;    // a chunk was refused: so is all until RSET
    bool smtputf8 = false;
    std::uint64_t size = 0;  // of the content so far, also where it is not kept
    std::string content;
  };
  struct Answered {
    Flow flow = Flow::kGoOn;
    bool success = true;
  };

  // session.cc: input, output, the script
  asio::awaitable<bool> Fill();
  asio::awaitable<bool> ReadLine(std::string& line);
  asio::awaitable<bool> Flush();
  asio::awaitable<void> Sleep(std::chrono::milliseconds duration);
  asio::awaitable<Answered> Answer(const Action* action, std::string usual);
  asio::awaitable<Answered> AnswerTo(Event event, std::vector<std::string> subjects, std::string usual);
  asio::awaitable<void> EndAs(Action::Then then);
  asio::awaitable<Flow> Dispatch(const std::string& line);
  Flow Refuse(std::string_view reply);
  [[nodiscard]] std::string_view Waiting() const { return std::string_view(input_).substr(at_); }

  // verbs.cc
  asio::awaitable<Flow> OnHelo(std::string_view argument);
  asio::awaitable<Flow> OnEhlo(std::string_view argument);
  asio::awaitable<Flow> OnStartTls(std::string_view argument);
  asio::awaitable<Flow> OnMail(std::string_view argument);
  asio::awaitable<Flow> OnRcpt(std::string_view argument);
  asio::awaitable<Flow> OnRset(std::string_view argument);
  asio::awaitable<Flow> OnNoop(std::string_view argument);
  asio::awaitable<Flow> OnVrfy(std::string_view argument);
  asio::awaitable<Flow> OnHelp(std::string_view argument);
  asio::awaitable<Flow> OnQuit(std::string_view argument);
  // Why the parameters of MAIL are refused; empty if they are not.
  [[nodiscard]] std::string MailParameterProblem(const std::vector<std::string>& parameters) const;

  // content.cc
  asio::awaitable<Flow> OnData(std::string_view argument);
  asio::awaitable<Flow> OnBdat(std::string_view argument);
  // Reads the content of DATA up to its end, or of a chunk of `size` bytes. False: the connection is over.
  asio::awaitable<bool> ReadDots(const Action* action);
  asio::awaitable<bool> ReadChunk(std::uint64_t size, bool keep, const Action* action);
  asio::awaitable<bool> Linger(const Action* action, std::uint64_t before, std::uint64_t after);
  asio::awaitable<Flow> EndOfMessage();
  void Kept();
  [[nodiscard]] ReceivedMail Describe() const;

  Sink& sink_;
  net::Stream stream_;
  const int descriptor_;
  const std::uint64_t number_;
  std::uint64_t messages_ = 0;
  std::string helo_;
  bool esmtp_ = false;
  Transaction transaction_;

  std::string input_;  // read and not yet used from at_ on
  std::size_t at_ = 0;
  std::string output_;  // replies not yet sent: sent when the input is used up (RFC 2920 §3.2)
};

}  // namespace goniec::sink
