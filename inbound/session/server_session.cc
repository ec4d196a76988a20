#include "inbound/session/server_session.h"

#include <array>
#include <cassert>
#include <utility>

#include "common/smtp/replies.h"

namespace goniec::inbound {
namespace {

namespace replies = smtp::replies;
using smtp::Verb;

// Where <Postmaster> lives. A name that is none would have stopped the start; here it makes an address that
// no policy accepts.
smtp::Domain PostmasterDomain(const SessionConfig& config) {
  const std::string& name = config.postmaster_domain.empty() ? config.host_name : config.postmaster_domain;
  return smtp::ParseDomain(name).value_or(smtp::Domain{smtp::Domain::Kind::kName, name, name});
}

// Replies that gather before the shell is asked to write: a client that pipelines without reading costs no
// more.
constexpr size_t kFlushAt = size_t{16} * 1024;

}  // namespace

// When a verb may be said (RFC 5321 §4.1.4). BDAT has no conditions here: its octets must be read whatever is
// wrong, so its handler judges by itself.
struct ServerSession::VerbRule {
  Verb verb;
  Handler handler;
  bool needs_hello;
  bool needs_transaction;
  bool amid_chunks;  // while a message that BDAT has begun is open
  bool has_argument;
};

const ServerSession::VerbRule& ServerSession::RuleOf(Verb verb) {
  static constexpr std::array<VerbRule, 15> kRules = {{
      //                                                        hello  mail   chunks argument
      {Verb::kEhlo, &ServerSession::OnEhlo, false, false, true, true},
      {Verb::kHelo, &ServerSession::OnHelo, false, false, true, true},
      {Verb::kMail, &ServerSession::OnMail, true, false, false, true},
      {Verb::kRcpt, &ServerSession::OnRcpt, true, true, false, true},
      {Verb::kData, &ServerSession::OnData, true, true, false, false},
      {Verb::kBdat, &ServerSession::OnBdat, false, false, true, true},
      {Verb::kRset, &ServerSession::OnRset, false, false, true, false},
      {Verb::kNoop, &ServerSession::OnNoop, false, false, true, true},
      {Verb::kVrfy, &ServerSession::OnVrfy, false, false, true, true},
      {Verb::kHelp, &ServerSession::OnHelp, false, false, true, true},
      {Verb::kQuit, &ServerSession::OnQuit, false, false, true, false},
      {Verb::kStartTls, &ServerSession::OnStartTls, true, false, false, false},
      {Verb::kNotImplemented, &ServerSession::OnNotImplemented, false, false, true, true},
      {Verb::kForeign, &ServerSession::OnForeign, false, false, true, true},
      {Verb::kUnknown, &ServerSession::OnUnknown, false, false, true, true},
  }};
  for (const VerbRule& rule : kRules) {
    if (rule.verb == verb) return rule;
  }
  return kRules.back();
}

ServerSession::ServerSession(const SessionConfig& config, PeerInfo peer, const RecipientPolicy& policy,
                             SessionObserver* observer, std::shared_ptr<ClientMemory> memory)
    : config_(config),
      peer_(peer),
      policy_(policy),
      postmaster_domain_(PostmasterDomain(config)),
      observer_(observer),
      tolerance_(config.max_errors, config.max_refusals, config.max_idle_commands),
      envelope_memory_(std::move(memory), MemoryPart::kEnvelopes) {}

ServerSession::~ServerSession() = default;

std::string ServerSession::Greeting() const {
  return "220 " + config_.host_name + " ESMTP Goniec\r\n";
}

void ServerSession::TalkedFirst() {
  verb_ = Verb::kUnknown;
  argument_ = {};
  EndBadly(replies::kTalksFirst);
}

void ServerSession::Receive(std::string_view bytes) {
  input_.Give(bytes);
}

Step ServerSession::Next() {
  while (true) {
    if (std::exchange(abandon_, false)) return AbandonBody{};
    if (output_.size() >= kFlushAt) return Flush{};
    std::optional<Step> step = std::visit([this](auto& state) { return StepIn(state); }, state_);
    if (step) return *step;
  }
}

std::string ServerSession::TakeOutput() {
  return std::exchange(output_, std::string());
}

std::optional<Step> ServerSession::StepIn(AwaitCommand& /*state*/) {
  const std::optional<CommandInput::Line> line = input_.TakeLine();
  if (!line) {
    input_.Keep();
    return NeedInput{};
  }
  verb_ = Verb::kUnknown;
  argument_ = {};
  switch (line->kind) {
    case CommandInput::LineKind::kTooLong:
      RefuseCommand(replies::kLineTooLong);
      break;
    case CommandInput::LineKind::kBadEnding:
      RefuseCommand(replies::kBadLineEnding);
      break;
    case CommandInput::LineKind::kGood:
      Execute(smtp::ParseCommandLine(line->text));
      break;
  }
  argument_ = {};  // the line is gone
  return std::nullopt;
}

void ServerSession::Execute(const smtp::CommandLine& command) {
  verb_ = command.verb;
  argument_ = command.argument;
  const VerbRule& rule = RuleOf(command.verb);
  if (rule.needs_hello && !greeted_) return RefuseCommand(replies::kHelloFirst);
  if (!rule.amid_chunks && (body_ || chunks_refused_)) return RefuseCommand(replies::kChunksBegun);
  if (rule.needs_transaction && !transaction_) return RefuseCommand(replies::kMailFirst);
  if (!rule.has_argument && !command.argument.empty()) return RefuseCommand(replies::kNoArgumentAllowed);
  (this->*rule.handler)(command.argument);
}

std::optional<Step> ServerSession::StepIn(UpgradingTls& /*state*/) {
  return UpgradeTls{};
}

std::optional<Step> ServerSession::StepIn(Ending& /*state*/) {
  input_.Discard();
  return Close{};
}

void ServerSession::EndWith(const smtp::Reply& reply) {
  assert(!std::holds_alternative<Committing>(state_));
  ResetTransaction();
  Say(reply);
  state_ = Ending{};
}

bool ServerSession::IsIdle() const {
  return transaction_ == nullptr && !std::holds_alternative<UpgradingTls>(state_);
}

bool ServerSession::InMessage() const {
  return body_ || chunks_refused_ || std::holds_alternative<SkippingData>(state_) ||
         std::holds_alternative<SkippingChunk>(state_);
}

void ServerSession::EndTransaction() {
  transaction_.reset();
  envelope_memory_.Release();
  body_.reset();
  content_ = {};
  chunks_refused_.reset();
  refused_octets_ = 0;
}

void ServerSession::ResetTransaction() {
  if (body_) abandon_ = true;
  EndTransaction();
}

void ServerSession::Say(const smtp::ReplyText& reply) {
  smtp::AppendReply(reply, &output_);
}
void ServerSession::Say(const smtp::Reply& reply) {
  reply.AppendTo(&output_);
}

void ServerSession::Tell(const smtp::Reply& reply) {
  if (observer_ != nullptr) observer_->OnRefused(verb_, argument_, reply);
  Say(reply);
}

void ServerSession::Refuse(const smtp::Reply& reply) {
  RefuseFor(Deed::kRefusal, reply);
}

void ServerSession::RefuseCommand(const smtp::Reply& reply) {
  RefuseFor(Deed::kMistake, reply);
}

void ServerSession::RefuseFor(Deed deed, const smtp::Reply& reply) {
  if (Tolerated(deed)) Tell(reply);
}

void ServerSession::Idle(const smtp::ReplyText& reply) {
  if (Tolerated(Deed::kIdle)) Say(reply);
}

bool ServerSession::Tolerated(Deed deed) {
  if (tolerance_.Note(deed)) return true;
  switch (deed) {
    case Deed::kMistake:
      EndBadly(replies::kTooManyErrors);
      break;
    case Deed::kRefusal:
      EndBadly(replies::kTooManyRefusals);
      break;
    case Deed::kIdle:
      EndBadly(replies::kTooManyCommands);
      break;
  }
  return false;
}

void ServerSession::EndBadly(const smtp::Reply& reply) {
  ResetTransaction();
  Tell(reply);
  ended_badly_ = true;
  state_ = Ending{};
}

}  // namespace goniec::inbound
