#include "inbound/accept/connection.h"

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>
#include <variant>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/publish/publisher.h"
#include "common/smtp/replies.h"
#include "inbound/publish/commit_reply.h"

namespace goniec::inbound {
namespace {

namespace replies = smtp::replies;
using std::chrono::milliseconds;

// One read takes a small mail or a pipelined group whole.
constexpr size_t kReadBytes = 16 * 1024;
// How long a peer may take to read a reply, and to answer a goodbye.
constexpr milliseconds kWriteLimit = std::chrono::minutes(5);
constexpr milliseconds kGoodbyeLimit = std::chrono::seconds(5);
constexpr milliseconds kHandshakeLimit = std::chrono::minutes(1);
// Lines of a session about refusals: so many at once, then so many a second. The rest is summed at its end.
constexpr double kRefusalLines = 10;
constexpr double kRefusalLinesASecond = 1;

// What the peer wrote behind a verb, as far as `log.addresses` lets it be shown.
std::string ShownArgument(std::string_view argument) {
  if (observe::AddressPrivacy() == observe::Privacy::kFull) return std::string(argument.substr(0, 256));
  const size_t open = argument.find('<');
  const size_t close = argument.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return "";
  return observe::LogAddress(argument.substr(open + 1, close - open - 1));
}

}  // namespace

Connection::Connection(const ConnectionParts& parts, net::Stream stream, net::ConnectionQuota::Slot slot,
                       std::shared_ptr<ClientMemory> client, std::unique_ptr<MemoryHold> memory,
                       std::string id)
    : parts_(parts),
      stream_(std::move(stream)),
      slot_(std::move(slot)),
      client_(std::move(client)),
      memory_(std::move(memory)),
      id_(std::move(id)),
      peer_(stream_.remote().ToString()),
      session_(parts.session, PeerInfo{stream_.remote().ip}, parts.policy, this, client_),
      refusal_lines_(kRefusalLinesASecond, kRefusalLines),
      buffer_(std::make_unique_for_overwrite<char[]>(kReadBytes)) {
  parts_.metrics.sessions.Add();
  parts_.metrics.connections.Add();
  stream_.BeforeExpiry([this] {
    if (ending_) return;
    if (!waiting_for_input_) {
      patience_ = {{}, "command_timeout", &replies::kIdleTooLong};  // it does not read
      return NoteTimeLimit();
    }
    NoteTimeLimit();
    EndNow(*patience_.last_words);
  });
}

Connection::~Connection() {
  stream_.Close();  // its timer must not find this object gone
  parts_.metrics.sessions.Subtract();
}

asio::awaitable<void> Connection::Serve() {
  observe::Debug("session begins", {{"session", id_}, {"peer", peer_}});
  bool more = co_await Greet();
  while (more) {
    KeepClock();
    if (mail_.has_value() && mail_->ShouldSpill()) co_await SpillBody();
    if (cut_ || (stopping_ && session_.IsIdle())) {
      session_.EndWith(replies::kShuttingDown);
      mail_.reset();
      co_await EndGently();
      break;
    }
    more = co_await ReadAndWork();
  }
  LogEnd(ended_);
}

asio::awaitable<bool> Connection::Greet() {
  if (!parts_.policy.IsTrusted(session_.peer().address) && parts_.smtp.greeting_delay > milliseconds(0)) {
    asio::steady_timer pause(stream_.executor(), parts_.smtp.greeting_delay);
    co_await pause.async_wait(asio::use_awaitable);
  }
  // RFC 5321 §3.1: the client waits for the greeting. Who does not has not read it and will not read what
  // follows.
  if (stream_.HasInput()) {
    session_.TalkedFirst();
    co_await EndGently();
    co_return false;
  }
  stream_.ExpireAfter(kWriteLimit);
  ended_ = co_await stream_.WriteAll(session_.Greeting());
  co_return ended_.ok();
}

asio::awaitable<bool> Connection::ReadAndWork() {
  patience_ = PatienceNow();
  const auto now = Clock::now();
  if (patience_.end <= now) {  // a client that never pauses
    NoteTimeLimit();
    session_.EndWith(*patience_.last_words);
    mail_.reset();
    co_await EndGently();
    co_return false;
  }
  stream_.ExpireAfter(std::chrono::ceil<milliseconds>(patience_.end - now));
  waiting_for_input_ = true;
  const absl::StatusOr<size_t> got = co_await stream_.ReadSome({buffer_.get(), kReadBytes});
  waiting_for_input_ = false;
  if (!got.ok()) {
    ended_ = got.status();
    co_return false;
  }
  if (body_clock_.has_value()) body_clock_->Received(*got, Clock::now());
  session_.Receive(std::string_view(buffer_.get(), *got));
  co_return co_await Work();
}

void Connection::KeepClock() {
  if (!session_.InMessage()) {
    body_clock_.reset();
  } else if (!body_clock_.has_value()) {
    body_clock_.emplace(
        BodyClock::Limits{parts_.smtp.data_timeout, parts_.smtp.message_timeout, parts_.smtp.min_rate.bytes},
        Clock::now());
  }
}

Connection::Patience Connection::PatienceNow() const {
  if (body_clock_.has_value()) return PatienceWithBody();
  const Clock::time_point session_end = begun_ + parts_.smtp.session_timeout;
  const Clock::time_point command_end = Clock::now() + parts_.smtp.command_timeout;
  if (session_end < command_end) return {session_end, "session_timeout", &replies::kSessionTooOld};
  return {command_end, "command_timeout", &replies::kIdleTooLong};
}

Connection::Patience Connection::PatienceWithBody() const {
  const BodyClock::End end = body_clock_->end();
  switch (end.limit) {
    case BodyClock::Limit::kPause:
      return {end.at, "data_timeout", &replies::kIdleTooLong};
    case BodyClock::Limit::kWhole:
      return {end.at, "message_timeout", &replies::kMessageTooSlow};
    case BodyClock::Limit::kRate:
      return {end.at, "min_rate", &replies::kMessageTooSlow};
  }
  return {end.at, "data_timeout", &replies::kIdleTooLong};
}

void Connection::NoteTimeLimit() {
  parts_.metrics.time_closed.With(patience_.limit).Add();
  observe::InfoLimited(
      "session closed for a time limit",
      {{"session", id_}, {"peer", peer_}, {"limit", std::string("smtp.") + patience_.limit}});
}

asio::awaitable<bool> Connection::Work() {
  while (true) {
    const Step step = session_.Next();
    if (const auto* chunk = std::get_if<BodyChunk>(&step)) {
      if (!mail_->AppendNow(chunk->bytes)) co_await StoreChunk(chunk->bytes);
    } else if (std::holds_alternative<NeedInput>(step)) {
      co_return co_await Write();
    } else if (std::holds_alternative<Flush>(step)) {
      const bool written = co_await Write();
      if (!written) co_return false;
    } else if (std::holds_alternative<inbound::OpenBody>(step)) {
      OpenBody();
    } else if (std::holds_alternative<AbandonBody>(step)) {
      mail_.reset();
    } else if (const auto* commit = std::get_if<inbound::CommitMessage>(&step)) {
      const bool written = co_await Write();
      if (!written) co_return false;
      co_await CommitMessage(*commit->transaction);
    } else if (std::holds_alternative<inbound::UpgradeTls>(step)) {
      const bool upgraded = co_await UpgradeTls();
      if (!upgraded) co_return false;
    } else {
      co_await EndGently();
      co_return false;
    }
  }
}

asio::awaitable<bool> Connection::Write() {
  const std::string output = session_.TakeOutput();
  if (output.empty()) co_return true;
  stream_.ExpireAfter(kWriteLimit);
  const absl::Status status = co_await stream_.WriteAll(output);
  if (!status.ok() && !unconfirmed_.empty()) {
    // The sender will send it again (RFC 1047): whoever looks for the cause of a duplicate finds it here.
    observe::InfoLimited(
        "acceptance not told to the sender",
        {{"session", id_}, {"peer", peer_}, {"message", unconfirmed_}, {"reason", Message(status)}});
  }
  unconfirmed_.clear();
  co_return status.ok();
}

void Connection::OpenBody() {
  if (!parts_.intake.broker.connected())
    return FailBody(absl::UnavailableError("no connection to the broker"));
  if (const absl::Status admitted = parts_.intake.publisher.Admit(parts_.intake.mail.mail_class);
      !admitted.ok())
    return FailBody(admitted);
  mail_.emplace(parts_.intake, client_, stream_.remote().ip);
  body_clock_.reset();  // that of another message, if this one was pipelined behind it
  session_.BodyOpened();
}

void Connection::FailBody(const absl::Status& status) {
  mail_.reset();
  session_.BodyFailed(ReplyForFailure(status));
  observe::WarnLimited("message not stored",
                       {{"session", id_}, {"peer", peer_}, {"reason", Message(status)}});
}

asio::awaitable<void> Connection::StoreChunk(std::string_view bytes) {
  stream_.NeverExpire();  // the wait is the broker's, which has limits of its own
  const auto began = Clock::now();
  const absl::Status status = co_await mail_->Append(bytes);
  KeepClock();
  if (body_clock_.has_value()) body_clock_->Excuse(Clock::now() - began, Clock::now());
  if (!status.ok()) FailBody(status);
}

asio::awaitable<void> Connection::SpillBody() {
  stream_.NeverExpire();
  const auto began = Clock::now();
  parts_.metrics.bodies_spilled.Add();
  const absl::Status status = co_await mail_->Spill();
  body_clock_->Excuse(Clock::now() - began, Clock::now());
  if (!status.ok()) FailBody(status);
}

asio::awaitable<void> Connection::CommitMessage(const Transaction& transaction) {
  stream_.NeverExpire();
  const auto began = Clock::now();
  const absl::StatusOr<queue::Committed> committed = co_await mail_->Commit(transaction, session_.peer());
  const auto took = Clock::now() - began;
  mail_.reset();
  body_clock_.reset();
  parts_.metrics.commit_seconds.Observe(took);
  if (!committed.ok()) {
    observe::WarnLimited("message not stored", {{"session", id_},
                                                {"peer", peer_},
                                                {"from", observe::LogAddress(transaction.mail_from())},
                                                {"commit_ms", took},
                                                {"reason", Message(committed.status())}});
    session_.Committed(ReplyForFailure(committed.status()));
    co_return;
  }
  parts_.metrics.messages.Add();
  parts_.metrics.recipients.Add(static_cast<double>(transaction.recipients().size()));
  parts_.metrics.message_bytes.Add(static_cast<double>(transaction.body_size()));
  LogAccepted(transaction, *committed);
  unconfirmed_ = committed->message_id;
  session_.Committed(replies::Queued(committed->message_id));
}

void Connection::LogAccepted(const Transaction& transaction, const queue::Committed& committed) const {
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  const auto& recipients = transaction.recipients();
  const auto& tls = stream_.tls();
  observe::Info("message accepted", {{"message", committed.message_id},
                                     {"session", id_},
                                     {"peer", peer_},
                                     {"from", observe::LogAddress(transaction.mail_from())},
                                     {"to", observe::LogAddress(recipients.front().ToString())},
                                     {"recipients", recipients.size()},
                                     {"size", transaction.body_size()},
                                     {"stream", committed.stream},
                                     {"sequence", committed.sequence},
                                     {"tls", tls.has_value() ? std::string_view(tls->version) : "none"}});
}

asio::awaitable<bool> Connection::UpgradeTls() {
  const bool written = co_await Write();
  if (!written) co_return false;
  stream_.ExpireAfter(kHandshakeLimit);
  absl::Status status =
      absl::ResourceExhaustedError("sessions take all that their client may have of smtp.max_memory");
  if (memory_->Resize(kMemory + kTlsMemory)) status = co_await stream_.StartTlsServer(parts_.tls);
  if (!status.ok()) {
    parts_.metrics.tls_failures.Add();
    observe::InfoLimited("TLS handshake failed",
                         {{"session", id_}, {"peer", peer_}, {"reason", Message(status)}});
    co_return false;
  }
  parts_.metrics.tls_sessions.Add();
  session_.TlsStarted({stream_.tls()->version, stream_.tls()->cipher});
  co_return true;
}

asio::awaitable<void> Connection::EndGently() {
  ending_ = true;
  const bool written = co_await Write();
  if (written) co_await stream_.Shutdown(kGoodbyeLimit);
}

void Connection::EndNow(const smtp::Reply& reply) {
  session_.EndWith(reply);
  mail_.reset();
  stream_.SendNow(session_.TakeOutput());
  stream_.Close();
}

void Connection::Stop() {
  stopping_ = true;
  if (waiting_for_input_ && session_.IsIdle()) EndNow(replies::kShuttingDown);
}

void Connection::Cut() {
  cut_ = true;
  if (waiting_for_input_) EndNow(replies::kShuttingDown);
}

void Connection::OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) {
  parts_.metrics.CountRefusal(reply);
  if (!observe::LogEnabled(observe::LogLevel::kInfo)) return;
  if (!refusal_lines_.Admit(Clock::now())) return;
  observe::InfoLimited("refused", {{"session", id_},
                                   {"peer", peer_},
                                   {"verb", smtp::VerbName(verb)},
                                   {"argument", ShownArgument(argument)},
                                   {"code", reply.code},
                                   {"reply", reply.Text()}});
  if (reply == smtp::Reply(replies::kMemoryFull))
    observe::WarnLimited(
        "no memory for more mail",
        {{"session", id_}, {"peer", peer_}, {"limit", "smtp.max_memory"}, {"client_holds", client_->used()}});
}

void Connection::LogEnd(const absl::Status& status) {
  if (const uint64_t refusals = refusal_lines_.TakeLeftOut(); refusals > 0)
    observe::InfoLimited("refused more often", {{"session", id_}, {"peer", peer_}, {"refusals", refusals}});
  observe::Debug("session ends", {{"session", id_}, {"peer", peer_}, {"status", Message(status)}});
}

}  // namespace goniec::inbound
