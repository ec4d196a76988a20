// The part of the session that runs transactions: MAIL to DATA.
#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "outbound/deliver/client_session.h"
#include "outbound/deliver/envelope.h"

namespace goniec::outbound {
namespace {

using queue::v1::Mail;
using queue::v1::Outcome;
using queue::v1::Recipient;

bool IsPositive(const smtp::Reply& reply) {
  return reply.code / 100 == 2;
}
bool IsRefusal(const smtp::Reply& reply) {
  return reply.code >= 400;
}

// RFC 5321 §4.5.3.1.10: 552 for this is to be taken as 452.
bool SaysTooManyRecipients(const smtp::Reply& reply) {
  return reply.code == 452 || (reply.code == 552 && (reply.enhanced.empty() || reply.enhanced.subject == 5));
}

// Of a command that the server has answered before: it is out of step, or counts errors.
bool RefusesRepetition(const smtp::Reply& reply) {
  if (!reply.IsPermanent()) return false;
  return reply.code == 500 || reply.code == 502 || reply.code == 503 ||
         (reply.enhanced.category == 5 && reply.enhanced.subject == 5) ||
         AsciiLower(reply.Text()).find("too many") != std::string::npos;
}

}  // namespace

bool ClientSession::CanSubmit() const {
  if (!ready_ || closed_ || spent()) return false;
  const bool quitting = !expected_.empty() && expected_.back().step == Step::kQuit;
  if (quitting) return false;
  if (current_ == nullptr) return expected_.empty() || extensions_.pipelining;
  // After BDAT LAST the state of a server that refused it is not certain (RFC 3030 §2), so nothing follows at
  // once.
  return follower_ == nullptr && extensions_.pipelining && current_->end_sent_ && !current_->chunking_ &&
         last_accept_ && *last_accept_ < config_.follow_limit;
}

void ClientSession::Submit(std::unique_ptr<Transaction> transaction) {
  Transaction& submitted = *transaction;
  submitted.start_ = config_.clock->Boot();
  ExcludeUnfit(submitted, extensions_);
  if (submitted.decided()) {
    finished_.push_back(std::move(transaction));
    return;
  }
  (current_ == nullptr ? current_ : follower_) = std::move(transaction);
  Begin(submitted);
}

void ClientSession::ExcludeUnfit(Transaction& transaction, const Extensions& extensions) {
  if (const OutcomeRow* unfit = FindUnfit(transaction.mail(), extensions)) {
    return transaction.DecideRest(unfit->verdict, OwnOutcome(&transaction, queue::v1::PHASE_MAIL, *unfit));
  }
  // What one recipient needs and the server lacks is no matter of the others.
  std::vector<std::uint32_t> fit;
  std::vector<Result> results;
  for (const std::uint32_t position : transaction.to_ask()) {
    const OutcomeRow* unfit =
        FindUnfit(transaction.mail().recipients(static_cast<int>(position)), extensions);
    if (unfit == nullptr) {
      fit.push_back(position);
      continue;
    }
    auto alike = std::find_if(results.begin(), results.end(),
                              [&](const Result& result) { return result.outcome.text() == unfit->text; });
    if (alike == results.end()) {
      Outcome outcome = OwnOutcome(&transaction, queue::v1::PHASE_MAIL, *unfit);
      alike = results.insert(alike, {unfit->verdict, std::move(outcome), {}});
    }
    alike->recipients.push_back(position);
  }
  if (!results.empty()) transaction.Exclude(std::move(results), fit);
}

void ClientSession::Begin(Transaction& transaction) {
  ++begun_;
  const Mail& mail = transaction.mail();
  // At the first attempt only: what a server makes of BDAT never costs a mail a second one, whoever makes it.
  transaction.chunking_ =
      extensions_.chunking && mail.size_bytes() >= config_.chunking_from && mail.attempts() == 0;
  transaction.dsn_ = extensions_.dsn;
  transaction.parameters_ = ParametersFor(mail, transaction.to_ask(), extensions_);
  Advance(transaction);
}

// Sends the commands up to the next one that must be waited for. DATA is the last of its group (RFC 2920
// §3.1); with BDAT the replies to RCPT are awaited first, so that no content goes out for nobody and a cut
// there is not ambiguous.
void ClientSession::Advance(Transaction& transaction) {
  const std::size_t envelope = transaction.to_ask().size() + (transaction.chunking_ ? 1 : 2);
  const bool alone = transaction.repeated_ && !transaction.mail_accepted_;
  const std::size_t commands = alone ? 1 : envelope;
  while (transaction.sent_ < commands && (extensions_.pipelining || expected_.empty())) SendNext(transaction);
}

void ClientSession::SendNext(Transaction& transaction) {
  const Mail& mail = transaction.mail();
  const std::size_t n = transaction.sent_++;
  if (n == 0) {
    if (!transaction.repeated_) transaction.mail_since_ = config_.clock->Boot();
    AppendMail(mail, transaction.parameters_, &output_);
    Expect(Step::kMail, &transaction);
  } else if (n <= transaction.to_ask().size()) {
    const std::uint32_t position = transaction.to_ask()[n - 1];
    AppendRcpt(mail.recipients(static_cast<int>(position)), transaction.dsn_, &output_);
    Expect(Step::kRcpt, &transaction, static_cast<std::uint32_t>(transaction.excluded_ + n - 1));
  } else {
    output_.append("DATA\r\n");
    Expect(Step::kData, &transaction);
  }
}

void ClientSession::OnMail(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) {
    AcceptMail(transaction);
  } else if (IsRefusal(reply)) {
    RefuseMail(transaction, reply);
  } else {
    return OutOfPlace(expected.step);
  }
  if (!closed_) Settle(transaction);
}

void ClientSession::AcceptMail(Transaction& transaction) {
  if (transaction.question_ != nullptr) {
    // Was this the reply to the question, and not one too many to what went before? Then RSET is accepted.
    output_.append("RSET\r\n");
    return Expect(Step::kRset, &transaction);
  }
  transaction.mail_accepted_ = true;
  reset_needed_ = true;
}

// What the message needs is not to be had here: it is returned for those who need it, and goes to the others.
void ClientSession::AcceptQuestion(Transaction& transaction) {
  Extensions rest = extensions_;
  rest.*std::exchange(transaction.question_, nullptr) = false;
  ExcludeUnfit(transaction, rest);
  transaction.parameters_ =
      NeededOf(transaction.mail(), ParametersFor(transaction.mail(), transaction.to_ask(), rest));
  transaction.sent_ = 0;
  Settle(transaction);
}

void ClientSession::RefuseMail(Transaction& transaction, const smtp::Reply& reply) {
  Judgement judgement = Judge(&transaction, Step::kMail, reply);
  const bool tls_is_missing = judgement.outcome.reason() != queue::v1::REASON_REPLY;
  if (!tls_is_missing && RefusesParameters(reply)) {
    if (AskWithFewer(transaction)) return;
    if (transaction.parameters_.smtputf8) JudgeUtf8Sender(transaction, reply, &judgement);
  } else if (!tls_is_missing && transaction.repeated_ && RefusesRepetition(reply)) {
    // MAIL was known before, so this is about its coming again: nothing about this mail.
    return End(std::move(judgement.outcome));
  }
  transaction.DecideRest(judgement.verdict, judgement.outcome);
}

// It cannot be asked whether it was SMTPUTF8, so the reply must say it: 555, or 504, which some say for it;
// 501 is said of addresses as well.
void ClientSession::JudgeUtf8Sender(const Transaction& transaction, const smtp::Reply& reply,
                                    Judgement* judgement) {
  const bool says_it = reply.code == 555 || (reply.code == 504 && reply.enhanced.empty());
  if (!says_it || transaction.parameters_.body) {
    judgement->verdict = outcomes::kRefusedForNow.verdict;
    return;
  }
  const OutcomeRow& row = outcomes::kUtf8Refused;
  judgement->verdict = row.verdict;
  judgement->outcome.set_reason(row.reason);
  judgement->outcome.set_enhanced_code(std::string(row.enhanced_code));
  judgement->outcome.set_text(TextOf(row, {judgement->outcome.text()}));
}

// MAIL was refused, perhaps for its parameters: it goes alone, without those that can be left out. If it is
// not that, it is asked, and no more than asked, without one that the message needs, for a reply of 501 may
// be about the address: only if that is accepted it was the parameter, for nothing else is different. False
// if there is none to leave out, or none that this sender can be named without.
bool ClientSession::AskWithFewer(Transaction& transaction) {
  MailParameters& parameters = transaction.parameters_;
  const MailParameters needed = NeededOf(transaction.mail(), parameters);
  const bool in_group = transaction.sent_ > 1;
  transaction.suspect_ = {};
  if (parameters != needed || (in_group && needed != MailParameters())) {
    // Nothing is lost without SIZE, but what was asked for without DSN: there it must have been nothing else.
    const bool dsn_alone = !parameters.size && parameters.body == needed.body;
    transaction.suspect_ = {.size = parameters.size, .dsn = parameters.dsn && dsn_alone};
    parameters = needed;
  } else if (needed != MailParameters() && HasAsciiSender(transaction.mail())) {
    transaction.question_ = needed.smtputf8 ? &Extensions::smtputf8 : &Extensions::eight_bit_mime;
    (needed.smtputf8 ? parameters.smtputf8 : parameters.body) = false;
  } else {
    return false;
  }
  transaction.again_ = true;
  transaction.repeated_ = true;
  return true;
}

void ClientSession::OnRcpt(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (!transaction.mail_accepted_) {
    transaction.rogue_accept_ |= IsPositive(reply);
    return Settle(transaction);
  }
  if (!IsPositive(reply) && !IsRefusal(reply)) return OutOfPlace(expected.step);
  if (IsOutOfStep(reply)) return GiveUpWith({.pipelining = true});
  ++transaction.answered_;
  const Recipient& recipient =
      transaction.mail().recipients(static_cast<int>(transaction.recipients()[expected.recipient]));
  if (IsPositive(reply)) {
    transaction.Accept(expected.recipient);
    // Only now it is certain that MAIL was accepted, and not a reply too many taken for that.
    NoteBroken(std::exchange(transaction.suspect_, {}));
  } else if (transaction.dsn_ && HasDsn(recipient) && RefusesParameters(reply)) {
    NoteBroken({.dsn = true});
    transaction.AskAgain(expected.recipient);
  } else if (SaysTooManyRecipients(reply) && !transaction.accepted_.empty()) {
    transaction.PutOff(expected.recipient, OutcomeOf(&transaction, expected.step, reply));
  } else {
    Judgement judgement = Judge(&transaction, expected.step, reply);
    transaction.Refuse(expected.recipient, judgement.verdict, std::move(judgement.outcome));
  }
  Settle(transaction);
}

// Commands that came in a group and were in order: a server that cannot follow should not have offered it.
bool ClientSession::IsOutOfStep(const smtp::Reply& reply) const {
  return reply.code == 503 && extensions_.pipelining;
}

// Goes on when all that was sent has been answered.
void ClientSession::Settle(Transaction& transaction) {
  if (transaction.unanswered_ > 0) return;
  if (transaction.again_) {
    transaction.again_ = false;
    transaction.sent_ = 0;
    return Advance(transaction);
  }
  if (transaction.decided()) return FinishCurrent();
  const bool envelope_done = transaction.sent_ == transaction.to_ask().size() + 1;
  if (transaction.chunking_ && envelope_done) return BeginContent(transaction);
  Advance(transaction);
}

void ClientSession::OnData(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) return OutOfPlace(expected.step);
  if (IsRefusal(reply)) {
    if (transaction.again_) return Settle(transaction);
    if (IsOutOfStep(reply) && !transaction.accepted_.empty()) return GiveUpWith({.pipelining = true});
    const Judgement judgement = Judge(&transaction, expected.step, reply);
    transaction.DecideRest(judgement.verdict, judgement.outcome);
    return Settle(transaction);
  }
  if (!transaction.accepted_.empty()) return BeginContent(transaction);
  // RFC 2920 §3.1: no recipient, and yet the server wants content. It gets none, unless it holds recipients
  // that it should not have: then even an empty message would go somewhere.
  if (transaction.rogue_accept_) return ProtocolError(outcomes::kRecipientsWithoutSender);
  output_.append(".\r\n");
  Expect(Step::kLoneDot, &transaction);
}

void ClientSession::OnLoneDot(const Expected& expected, const smtp::Reply& /*reply*/) {
  reset_needed_ = false;
  Settle(*expected.transaction);
}

void ClientSession::FinishCurrent() {
  finished_.push_back(std::move(current_));
  current_ = std::move(follower_);
  if (current_ != nullptr) current_->mail_since_ = config_.clock->Boot();  // now it is its turn
  // Only before the end of data can a transaction leave something behind, and then nothing follows it yet.
  if (current_ == nullptr && reset_needed_ && !closed_) {
    reset_needed_ = false;
    Send(Step::kRset, "RSET\r\n");
  }
}

}  // namespace goniec::outbound
