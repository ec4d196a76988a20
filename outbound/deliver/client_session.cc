#include "outbound/deliver/client_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.h"

namespace goniec::outbound {

using queue::v1::Outcome;
using queue::v1::Phase;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kTextLimit = 1000;

// RFC 3207 §4: a server that insists on TLS says 530 to everything else; others say 5.7.x for it, as for any
// policy.
bool AsksForTls(const smtp::Reply& reply) {
  const bool policy = reply.enhanced.category == 5 && reply.enhanced.subject == 7;
  return reply.code == 530 || (reply.IsPermanent() && policy) ||
         (reply.code >= 400 && reply.Text().find("STARTTLS") != std::string::npos);
}

}  // namespace

ClientSession::ClientSession(const SessionConfig& config, Outcome base, PeerMemory memory)
    : config_(config), base_(std::move(base)), opened_(config.clock->Boot()), memory_(memory) {
  Expect(Step::kGreeting);
}

ClientSession::Handler ClientSession::HandlerOf(Step step) {
  static constexpr std::array<Handler, kSteps.size()> kHandlers = {
      &ClientSession::OnGreeting,  &ClientSession::OnEhlo,    &ClientSession::OnHelo,
      &ClientSession::OnStartTls,  &ClientSession::OnRset,    &ClientSession::OnMail,
      &ClientSession::OnRcpt,      &ClientSession::OnData,    &ClientSession::OnChunk,
      &ClientSession::OnEndOfData, &ClientSession::OnLoneDot, &ClientSession::OnQuit,
  };
  return kHandlers[static_cast<std::size_t>(step)];
}

ClientSession::Want ClientSession::want() const {
  if (closed_) return Want::kClose;
  if (want_tls_) return Want::kTls;
  if (current_ != nullptr && current_->in_content_) return tail_.empty() ? Want::kBody : Want::kEnd;
  return expected_.empty() ? Want::kWork : Want::kReply;
}

milliseconds ClientSession::time_limit() const {
  const auto scaled = [this](milliseconds limit) { return limit * config_.time_limit_percent / 100; };
  if (want_tls_) return scaled(kHandshakeLimit);
  if (expected_.empty()) return scaled(kContentBlockLimit);
  const Expected& next = expected_.front();
  const milliseconds limit = scaled(RowOf(next.step).limit);
  if (next.step != Step::kMail || !next.transaction->repeated_) return limit;
  // However often MAIL goes, for the server it is one command.
  const auto spent = config_.clock->Boot() - next.transaction->mail_since_;
  return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(limit - spent));
}

void ClientSession::Expect(Step step, Transaction* transaction, std::uint32_t recipient) {
  expected_.push_back({step, transaction, recipient});
  if (transaction != nullptr) ++transaction->unanswered_;
}

void ClientSession::Send(Step step, std::string_view line) {
  output_.append(line);
  Expect(step);
}

void ClientSession::Receive(std::string_view input) {
  while (!input.empty() && !closed_) {
    const smtp::ReplyParser::Progress progress = parser_.Feed(&input);
    if (progress == smtp::ReplyParser::Progress::kNeedMore) return;
    if (progress == smtp::ReplyParser::Progress::kMalformed) {
      return ProtocolError(outcomes::kReplyMalformed, std::nullopt, {parser_.problem()});
    }
    const smtp::Reply reply = parser_.Take();
    ++replies_;
    if (expected_.empty()) return OnUnaskedReply(reply);
    // When the last command out has its reply, whatever follows was said before it could have been asked for,
    // and would be taken for the reply to the next command. A goodbye alone means the same at any time. After
    // STARTTLS it may be an attacker's, to be acted on as if it had come under TLS (RFC 3207 §4.2).
    const Step step = expected_.front().step;
    const bool goodbye = input.substr(0, 3) == "421" && step != Step::kStartTls;
    const bool early = expected_.size() == 1 && !input.empty() && !goodbye;
    // A server that does not know BDAT after all takes the content for commands, and has an answer to each
    // line.
    if (!early || step == Step::kEndOfData || step == Step::kChunk) OnReply(reply);
    if (early) return ProtocolError(outcomes::kReplyEarly);
  }
}

// A goodbye, a server that refuses content in the middle of it, or one that has lost count.
void ClientSession::OnUnaskedReply(const smtp::Reply& reply) {
  if (current_ != nullptr && current_->in_content_ && reply.code >= 400) {
    if (current_->bdat_sent_ && IsNotImplemented(reply)) return GiveUpWith({.chunking = true});
    Outcome outcome = OutcomeOf(current_.get(), Step::kChunk, reply);
    current_->DecideRest(VerdictOf(reply), outcome);
    return End(std::move(outcome));
  }
  if (reply.code == 421) return ClosedByPeer({Step::kQuit, nullptr, 0}, reply);
  ProtocolError(outcomes::kReplyUnasked);
}

void ClientSession::OnReply(const smtp::Reply& reply) {
  const Expected expected = expected_.front();
  if (reply.code == 421) return ClosedByPeer(expected, reply);
  // A server that is out of step with us, or has had enough transactions: nothing about this mail.
  if (expected.step == Step::kMail && reply.code == 503 && begun_ > 1) {
    return End(OutcomeOf(expected.transaction, expected.step, reply));
  }
  expected_.pop_front();
  if (expected.transaction != nullptr) {
    --expected.transaction->unanswered_;
    expected.transaction->answered_any_ = true;
  }
  (this->*HandlerOf(expected.step))(expected, reply);
}

void ClientSession::OnGreeting(const Expected& expected, const smtp::Reply& reply) {
  if (reply.code / 100 == 2) return Send(Step::kEhlo, "EHLO " + config_.helo + "\r\n");
  if (reply.code / 100 == 3) return OutOfPlace(expected.step);
  // Of the host, not of the mail that happens to be the first (RFC 7504 §3 for 521): others may be better, or
  // this one later.
  End(OutcomeOf(nullptr, expected.step, reply));
}

void ClientSession::OnEhlo(const Expected& expected, const smtp::Reply& reply) {
  // RFC 5321 §3.2: a server that does not know EHLO says 5yz.
  if (reply.IsPermanent()) return Send(Step::kHelo, "HELO " + config_.helo + "\r\n");
  if (reply.code / 100 != 2) return OnHelo(expected, reply);
  extensions_ = Without(ParseExtensions(reply), memory_.broken);
  tls_offered_ = extensions_.starttls;
  if (extensions_.starttls && !tls_ && config_.tls == SessionConfig::Tls::kIfOffered) {
    return Send(Step::kStartTls, "STARTTLS\r\n");
  }
  ready_ = true;
}

void ClientSession::OnHelo(const Expected& expected, const smtp::Reply& reply) {
  if (reply.code / 100 == 2) {
    ready_ = true;
    return;
  }
  if (reply.code / 100 == 3) return OutOfPlace(expected.step);
  End(Judge(nullptr, expected.step, reply).outcome);  // as in OnGreeting
}

void ClientSession::OnStartTls(const Expected& /*expected*/, const smtp::Reply& reply) {
  // A server that cannot after all is served in plain text: it could have left STARTTLS out of its
  // extensions. Should it then insist on TLS, Judge() sees to it.
  (reply.code / 100 == 2 ? want_tls_ : ready_) = true;
}

void ClientSession::TlsStarted(std::string_view version, std::string_view cipher, std::string_view peer) {
  want_tls_ = false;
  tls_ = true;
  tls_demanded_ = false;
  extensions_ = Extensions();
  base_.set_tls_version(std::string(version));
  base_.set_tls_cipher(std::string(cipher));
  base_.set_tls_peer(std::string(peer));
  Send(Step::kEhlo, "EHLO " + config_.helo + "\r\n");
}

void ClientSession::OnRset(const Expected& expected, const smtp::Reply& reply) {
  if (reply.code / 100 != 2) return ProtocolError(outcomes::kResetRefused, expected.step);
  if (expected.transaction != nullptr) AcceptQuestion(*expected.transaction);
}

void ClientSession::OnQuit(const Expected& /*expected*/, const smtp::Reply& /*reply*/) {
  closed_ = true;
}

void ClientSession::Quit() {
  // A connection that never spoke a transaction says goodbye as well: some servers count those that do not.
  Send(Step::kQuit, "QUIT\r\n");
}

void ClientSession::ClosedByPeer(const Expected& expected, const smtp::Reply& reply) {
  if (expected.step == Step::kEndOfData || expected.step == Step::kLoneDot) {
    // 421 is the answer to this message; only what follows has none.
    expected_.pop_front();
    --expected.transaction->unanswered_;
    (this->*HandlerOf(expected.step))(expected, reply);
  }
  End(OutcomeOf(expected.transaction, expected.step, reply));
}

void ClientSession::ProtocolError(const OutcomeRow& row, std::optional<Step> step,
                                  std::initializer_list<std::string_view> values) {
  const Phase phase = step ? RowOf(*step).phase : PhaseOf(current_.get());
  End(OwnOutcome(current_.get(), phase, row, values), row.verdict);
}

void ClientSession::Lost(const OutcomeRow& row, std::string_view text) {
  if (closed_) return;
  std::string shown = text.empty() ? TextOf(row) : std::string(text);
  if (shown.empty()) shown = "no reason is known";
  if (!expected_.empty() && !want_tls_) {
    shown.append(" while waiting for ").append(RowOf(expected_.front().step).waiting_for);
  }
  Transaction* transaction = current_.get();
  const bool timeout = row.reason == queue::v1::REASON_TIMEOUT;
  const bool theirs = timeout || row.reason == queue::v1::REASON_CONNECTION_LOST;
  if (theirs && transaction != nullptr && !transaction->end_sent_) {
    if (transaction->bdat_sent_) return GiveUpWith({.chunking = true});
    // A group of which a part was lost on its way: some middle boxes do that.
    const bool group = expected_.size() > 1 && !transaction->in_content_;
    if (group && timeout) NoteBroken({.pipelining = true});
  } else if (theirs && transaction != nullptr && transaction->chunking_) {
    NoteBroken({.chunking = true});
  }
  Outcome outcome = OwnOutcome(transaction, PhaseOf(transaction), outcomes::kConnectionLost);
  Describe(row, std::move(shown), outcome);
  End(std::move(outcome), row.verdict);
}

void ClientSession::End(Outcome outcome, Verdict verdict) {
  if (closed_) return;
  if (!ready_) {
    failure_ = Result{verdict, std::move(outcome), {}};
  } else {
    if (current_ != nullptr) EndTransaction(*current_, true, outcome, verdict);
    if (follower_ != nullptr) EndTransaction(*follower_, false, outcome, verdict);
  }
  closed_ = true;  // before FinishCurrent, which says nothing to the server then
  while (current_ != nullptr) FinishCurrent();
  expected_.clear();
  output_.clear();
  tail_.clear();
}

void ClientSession::NoteBroken(const BrokenExtensions& broken) {
  broken_.Add(broken);
  extensions_ = Without(extensions_, broken);
}

void ClientSession::GiveUpWith(const BrokenExtensions& broken) {
  NoteBroken(broken);
  current_->AskAllAgain();
  if (follower_ != nullptr) follower_->LeaveUntouched();
  closed_ = true;
  while (current_ != nullptr) FinishCurrent();
  expected_.clear();
  output_.clear();
  tail_.clear();
}

void ClientSession::EndTransaction(Transaction& transaction, bool at_its_turn, Outcome outcome,
                                   Verdict verdict) {
  // A server may close a connection that has served at any time between transactions: that says nothing about
  // the next one. If it took its time in vain, it does.
  const bool timeout = outcome.reason() == queue::v1::REASON_TIMEOUT;
  const bool between = begun_ > 1 && verdict != Verdict::kNotTried && !timeout;
  // Nor does a goodbye: another connection may be welcome.
  const bool goodbye = outcome.reply_code() == 421;
  if (!transaction.end_sent_ && !transaction.answered_any_ && (!at_its_turn || between || goodbye)) {
    if (at_its_turn && goodbye) transaction.goodbye_ = std::move(outcome);
    return transaction.LeaveUntouched();
  }
  const bool by_reply = outcome.reason() == queue::v1::REASON_REPLY;
  outcome.set_ambiguous(transaction.end_sent_ && !by_reply);
  transaction.DecideRest(transaction.end_sent_ ? Verdict::kTemporary : verdict, outcome);
}

Phase ClientSession::PhaseOf(const Transaction* transaction) const {
  if (want_tls_) return queue::v1::PHASE_STARTTLS;
  if (transaction != nullptr && transaction->end_sent_) return queue::v1::PHASE_DOT;
  if (transaction != nullptr && transaction->in_content_) return queue::v1::PHASE_BODY;
  for (const Expected& expected : expected_) {
    if (expected.transaction == transaction) return RowOf(expected.step).phase;
  }
  return transaction == nullptr ? queue::v1::PHASE_UNSPECIFIED : queue::v1::PHASE_MAIL;
}

ClientSession::Judgement ClientSession::Judge(const Transaction* transaction, Step step,
                                              const smtp::Reply& reply) {
  Outcome outcome = OutcomeOf(transaction, step, reply);
  const bool missing = !tls_ && (tls_offered_ || memory_.tls_failed);
  if (!missing || !AsksForTls(reply)) {
    return {VerdictOf(reply), std::move(outcome)};
  }
  // TLS is there to be had, if not now: what it is wanted for waits (RFC 7435, never a bounce for the lack of
  // it).
  tls_demanded_ = true;
  const std::string_view why = memory_.tls_failed                          ? "the handshake failed"
                               : config_.tls == SessionConfig::Tls::kNever ? "it is turned off here"
                                                                           : "STARTTLS was refused";
  const OutcomeRow& row = outcomes::kTlsMissing;
  outcome.set_reason(row.reason);
  outcome.set_text(TextOf(row, {why, Printable(reply.Text(), kTextLimit - 100)}));
  return {row.verdict, std::move(outcome)};
}

Outcome ClientSession::OutcomeOf(const Transaction* transaction, Step step, const smtp::Reply& reply) const {
  Outcome outcome = OwnOutcome(transaction, RowOf(step).phase, outcomes::kRefusedForNow,
                               {Printable(reply.Text(), kTextLimit)});
  outcome.set_reply_code(static_cast<std::uint32_t>(reply.code));
  if (!reply.enhanced.empty()) outcome.set_enhanced_code(reply.enhanced.ToString());
  return outcome;
}

Outcome ClientSession::OwnOutcome(const Transaction* transaction, Phase phase, const OutcomeRow& row,
                                  std::initializer_list<std::string_view> values) const {
  Outcome outcome = base_;
  outcome.set_phase(phase);
  Describe(row, TextOf(row, values), outcome);
  const BootTime start = transaction == nullptr ? opened_ : transaction->start_;
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(config_.clock->Boot() - start);
  outcome.set_latency_us(static_cast<std::uint64_t>(spent.count()));
  return outcome;
}

}  // namespace goniec::outbound
