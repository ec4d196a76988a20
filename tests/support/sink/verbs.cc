// The commands of a session, all but those that carry content.
#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "tests/support/sink/envelope.h"
#include "tests/support/sink/session.h"

namespace goniec::sink {
namespace {

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > 0x7F) return false;
  }
  return true;
}

}  // namespace

asio::awaitable<Session::Flow> Session::OnHelo(std::string_view argument) {
  if (argument.empty()) co_return Refuse("501 5.5.4 HELO needs a name");
  const std::string name(argument);
  const Answered answered =
      co_await AnswerTo(Event::kEhlo, {name}, absl::StrCat("250 ", sink_.hostname, "\r\n"));
  if (!answered.success) co_return answered.flow;
  helo_ = name;
  esmtp_ = false;
  transaction_ = {};
  co_return answered.flow;
}

asio::awaitable<Session::Flow> Session::OnEhlo(std::string_view argument) {
  if (argument.empty()) co_return Refuse("501 5.5.4 EHLO needs a name");
  const std::string name(argument);
  std::vector<std::string> lines = {sink_.hostname};
  lines.insert(lines.end(), sink_.extensions.begin(), sink_.extensions.end());
  if (sink_.tls && !stream_.tls()) lines.emplace_back("STARTTLS");
  std::string usual;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::StrAppend(&usual, "250", i + 1 == lines.size() ? " " : "-", lines[i], "\r\n");
  }
  const Answered answered = co_await AnswerTo(Event::kEhlo, {name}, usual);
  if (!answered.success) co_return answered.flow;
  helo_ = name;
  esmtp_ = true;
  transaction_ = {};
  co_return answered.flow;
}

asio::awaitable<Session::Flow> Session::OnStartTls(std::string_view argument) {
  if (!sink_.tls || stream_.tls()) co_return Refuse("502 5.5.1 STARTTLS is not offered");
  if (!argument.empty()) co_return Refuse("501 5.5.4 STARTTLS takes no argument");
  if (!Waiting().empty()) {
    // RFC 3207 §4.2: a client that sends on before the handshake mixes what is protected with what is not.
    Refuse("554 5.5.0 input behind STARTTLS");
    co_return Flow::kEnd;
  }
  const Answered answered = co_await AnswerTo(Event::kStartTls, {""}, "220 2.0.0 go ahead\r\n");
  if (!answered.success || answered.flow == Flow::kEnd) co_return answered.flow;
  if (!co_await Flush()) co_return Flow::kEnd;
  const absl::Status secured = co_await stream_.StartTlsServer(sink_.tls);
  if (!secured.ok()) co_return Flow::kEnd;
  helo_.clear();
  transaction_ = {};
  co_return Flow::kGoOn;
}

std::string Session::MailParameterProblem(const std::vector<std::string>& parameters) const {
  for (const std::string& parameter : parameters) {
    const std::string name = parameter.substr(0, parameter.find('='));
    const std::string value = name.size() < parameter.size() ? parameter.substr(name.size() + 1) : "";
    if (esmtp_ && EqualsIgnoreCase(name, "SIZE") && sink_.Offers("SIZE")) {
      std::uint64_t size = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
      if (error != std::errc() || end != value.data() + value.size()) return "501 5.5.4 SIZE needs a number";
      if (size > sink_.max_size) return "552 5.3.4 message too big";
    } else if (esmtp_ && EqualsIgnoreCase(name, "BODY") && sink_.Offers("8BITMIME")) {
      if (!EqualsIgnoreCase(value, "7BIT") && !EqualsIgnoreCase(value, "8BITMIME"))
        return "501 5.5.4 unknown BODY";
    } else if (!(esmtp_ && EqualsIgnoreCase(parameter, "SMTPUTF8") && sink_.Offers("SMTPUTF8"))) {
      return "555 5.5.4 unknown parameter";
    }
  }
  return "";
}

asio::awaitable<Session::Flow> Session::OnMail(std::string_view argument) {
  if (helo_.empty()) co_return Refuse("503 5.5.1 say EHLO first");
  if (transaction_.open) co_return Refuse("503 5.5.1 a transaction is open");
  const auto parsed = ParsePathArgument(argument, "FROM:");
  if (!parsed || parsed->path.starts_with('@')) co_return Refuse("501 5.5.4 MAIL FROM:<path> expected");
  const std::string problem = MailParameterProblem(parsed->parameters);
  if (!problem.empty()) co_return Refuse(problem);
  const bool smtputf8 = FindParameter(parsed->parameters, "SMTPUTF8").has_value();
  if (!smtputf8 && !IsAscii(parsed->path)) co_return Refuse("553 5.6.7 address needs SMTPUTF8");
  const Answered answered = co_await AnswerTo(Event::kMail, {parsed->path}, "250 2.1.0 sender ok\r\n");
  if (answered.success) {
    transaction_ = {};
    transaction_.open = true;
    transaction_.mail_from = parsed->path;
    transaction_.parameters = parsed->parameters;
    transaction_.smtputf8 = smtputf8;
  }
  co_return answered.flow;
}

asio::awaitable<Session::Flow> Session::OnRcpt(std::string_view argument) {
  if (!transaction_.open || transaction_.chunking) co_return Refuse("503 5.5.1 MAIL first");
  const auto parsed = ParsePathArgument(argument, "TO:");
  if (!parsed || parsed->path.empty() || parsed->path.starts_with('@')) {
    co_return Refuse("501 5.1.3 RCPT TO:<path> expected");
  }
  if (!parsed->parameters.empty()) co_return Refuse("555 5.5.4 unknown parameter");
  if (!transaction_.smtputf8 && !IsAscii(parsed->path)) co_return Refuse("553 5.6.7 address needs SMTPUTF8");
  if (transaction_.rcpts.size() >= sink_.max_recipients) co_return Refuse("452 4.5.3 too many recipients");
  const Answered answered = co_await AnswerTo(Event::kRcpt, {parsed->path}, "250 2.1.5 recipient ok\r\n");
  if (answered.success) transaction_.rcpts.push_back(parsed->path);
  co_return answered.flow;
}

asio::awaitable<Session::Flow> Session::OnRset(std::string_view argument) {
  if (!argument.empty()) co_return Refuse("501 5.5.4 RSET takes no argument");
  const Answered answered = co_await AnswerTo(Event::kRset, {""}, "250 2.0.0 ok\r\n");
  if (answered.success) transaction_ = {};
  co_return answered.flow;
}

asio::awaitable<Session::Flow> Session::OnNoop(std::string_view) {
  co_return (co_await AnswerTo(Event::kNoop, {""}, "250 2.0.0 ok\r\n")).flow;
}

asio::awaitable<Session::Flow> Session::OnVrfy(std::string_view argument) {
  co_return Refuse(argument.empty() ? "501 5.5.4 VRFY needs an address" : "252 2.5.0 send some mail and see");
}

asio::awaitable<Session::Flow> Session::OnHelp(std::string_view) {
  co_return Refuse("214 2.0.0 goniec-sink takes all mail and delivers none");
}

asio::awaitable<Session::Flow> Session::OnQuit(std::string_view argument) {
  if (!argument.empty()) co_return Refuse("501 5.5.4 QUIT takes no argument");
  const Answered answered = co_await AnswerTo(Event::kQuit, {""}, "221 2.0.0 bye\r\n");
  co_return answered.success ? Flow::kEnd : answered.flow;
}

}  // namespace goniec::sink
