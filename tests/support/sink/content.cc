// DATA and BDAT: how the content of a message comes in, and what happens at its end.
#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "tests/support/sink/dot_decoder.h"
#include "tests/support/sink/session.h"

namespace goniec::sink {
namespace {

// How much is taken in between two pauses of a slow reader.
constexpr std::uint64_t kSlowRead = 1024;

// What `action` concerns is the content, not the command.
bool IsForContent(const Action* action) {
  return action != nullptr && (action->after_bytes || (action->slow.count() > 0 && action->reply.empty() &&
                                                       action->then == Action::Then::kGoOn));
}

std::string Outcome(const Action* action, const std::string& usual) {
  if (action != nullptr && action->reply.empty()) {
    if (action->then == Action::Then::kClose) return "closed";
    if (action->then == Action::Then::kReset) return "reset";
    if (action->then == Action::Then::kStall) return "stalled";
  }
  const std::string& reply = action != nullptr && !action->reply.empty() ? action->reply : usual;
  return reply.substr(0, reply.find('\r'));
}

}  // namespace

asio::awaitable<Session::Flow> Session::OnData(std::string_view argument) {
  if (!argument.empty()) co_return Refuse("501 5.5.4 DATA takes no argument");
  if (!transaction_.open || transaction_.chunking) co_return Refuse("503 5.5.1 MAIL first");
  if (transaction_.rcpts.empty()) co_return Refuse("554 5.5.1 no valid recipients");
  if (!Waiting().empty()) {
    // RFC 2920 §3.1: DATA is the last command of a group. What follows could be taken for commands or for
    // content.
    Refuse("554 5.5.0 input behind DATA");
    co_return Flow::kEnd;
  }
  const Action* action = sink_.script.Next(Event::kData, transaction_.rcpts);
  const Action* for_content = IsForContent(action) ? action : nullptr;
  const Answered answered = co_await Answer(for_content != nullptr ? nullptr : action, "354 go ahead\r\n");
  if (answered.flow == Flow::kEnd) co_return Flow::kEnd;
  if (!answered.success) {
    transaction_ = {};
    co_return Flow::kGoOn;
  }
  if (!co_await ReadDots(for_content)) co_return Flow::kEnd;
  co_return co_await EndOfMessage();
}

asio::awaitable<bool> Session::ReadDots(const Action* action) {
  DotDecoder decoder;
  std::uint64_t taken = 0;
  while (!decoder.done()) {
    if (Waiting().empty() && !co_await Fill()) co_return false;
    std::string_view next = Waiting();
    if (action != nullptr) next = next.substr(0, kSlowRead);
    const size_t before = transaction_.content.size();
    const size_t used = decoder.Feed(next, transaction_.content);
    transaction_.size += transaction_.content.size() - before;
    at_ += used;
    Kept();
    if (!co_await Linger(action, taken, taken + used)) co_return false;
    taken += used;
  }
  co_return true;
}

// Does what the script says about content whose bytes from `before` to `after` have just come. False: it is
// the end.
asio::awaitable<bool> Session::Linger(const Action* action, std::uint64_t before, std::uint64_t after) {
  if (action == nullptr) co_return true;
  if (action->slow.count() > 0) co_await Sleep(action->slow);
  if (!action->after_bytes || *action->after_bytes < before || *action->after_bytes >= after) co_return true;
  if (action->wait.count() > 0) co_await Sleep(action->wait);
  if (action->then == Action::Then::kGoOn) co_return true;
  co_await EndAs(action->then);
  co_return false;
}

// Drops what nobody wants to keep: everything where only the number counts, and all of a message that is too
// big.
void Session::Kept() {
  if (!sink_.store->wants_content() || transaction_.size > sink_.max_size) transaction_.content.clear();
}

asio::awaitable<bool> Session::ReadChunk(std::uint64_t size, bool keep, const Action* action) {
  for (std::uint64_t taken = 0; taken < size;) {
    if (Waiting().empty() && !co_await Fill()) co_return false;
    std::uint64_t limit = size - taken;
    if (action != nullptr) limit = std::min(limit, kSlowRead);
    const std::string_view next = Waiting().substr(0, limit);
    if (keep) {
      transaction_.content.append(next);
      transaction_.size += next.size();
      Kept();
    }
    const std::uint64_t used = next.size();
    at_ += used;
    if (!co_await Linger(action, taken, taken + used)) co_return false;
    taken += used;
  }
  co_return true;
}

asio::awaitable<Session::Flow> Session::OnBdat(std::string_view argument) {
  const size_t space = argument.find(' ');
  const std::string_view digits = argument.substr(0, space);
  const bool last = space != std::string_view::npos;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      (last && !EqualsIgnoreCase(argument.substr(space + 1), "LAST"))) {
    Refuse("501 5.5.4 BDAT size [LAST] expected");
    co_return Flow::kEnd;  // where the next command begins nobody knows
  }
  const bool offered = sink_.Offers("CHUNKING");
  const bool open = offered && transaction_.open && !transaction_.rcpts.empty() && !transaction_.broken;
  const Action* action = open ? sink_.script.Next(Event::kBdat, transaction_.rcpts) : nullptr;
  const Action* for_content = IsForContent(action) ? action : nullptr;
  // RFC 3030 §2: the chunk is read whatever the answer will be.
  if (!co_await ReadChunk(size, open, for_content)) co_return Flow::kEnd;
  if (!offered) co_return Refuse("502 5.5.1 CHUNKING is not offered");
  if (!open) co_return Refuse("503 5.5.1 no transaction that a chunk could belong to");
  transaction_.chunking = true;
  if (last && (action == nullptr || for_content != nullptr)) co_return co_await EndOfMessage();
  const std::string usual = absl::StrCat("250 2.0.0 ", size, " octets received\r\n");
  const Answered answered = co_await Answer(for_content != nullptr ? nullptr : action, usual);
  transaction_.broken = !answered.success;
  co_return answered.flow;
}

ReceivedMail Session::Describe() const {
  ReceivedMail mail;
  mail.connection = number_;
  mail.transaction = messages_;
  mail.peer = stream_.remote().ToString();
  mail.helo = helo_;
  mail.esmtp = esmtp_;
  mail.tls = stream_.tls() ? stream_.tls()->version : "";
  mail.mail_from = transaction_.mail_from;
  mail.mail_parameters = transaction_.parameters;
  mail.rcpts = transaction_.rcpts;
  mail.size = transaction_.size;
  mail.chunked = transaction_.chunking;
  return mail;
}

asio::awaitable<Session::Flow> Session::EndOfMessage() {
  ++messages_;
  const Action* action = sink_.script.Next(Event::kDot, transaction_.rcpts);
  std::string usual = absl::StrCat("250 2.0.0 ok ", number_, ".", messages_, "\r\n");
  if (transaction_.size > sink_.max_size) {
    action = nullptr;
    usual = "552 5.3.4 message too big\r\n";
  }
  if (sink_.store->wants_content()) {
    ReceivedMail mail = Describe();
    mail.outcome = Outcome(action, usual);
    mail.accepted = mail.outcome.starts_with('2');
    const absl::Status stored = sink_.store->Add(mail, transaction_.content);
    if (!stored.ok()) {
      action = nullptr;
      usual = absl::StrCat("452 4.3.1 ", Printable(FromAbsl(stored.message())), "\r\n");
    }
  }
  const std::uint64_t size = transaction_.size;
  transaction_ = {};
  const Answered answered = co_await Answer(action, std::move(usual));
  if (answered.success) {
    ++sink_.accepted;
    sink_.bytes += size;
    if (sink_.accepted == sink_.count && co_await Flush()) sink_.on_count();
  }
  co_return answered.flow;
}

}  // namespace goniec::sink
