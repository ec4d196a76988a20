// The part of the session that runs transactions: MAIL to the end of data.
#include <algorithm>
#include <utility>

#include "outbound/deliver/client_session.h"
#include "outbound/deliver/envelope.h"

namespace goniec::outbound {
namespace {

using queue::v1::Mail;

Verdict VerdictOf(const smtp::Reply& reply) {
  return reply.IsPermanent() ? Verdict::kPermanent : Verdict::kTemporary;
}

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

}  // namespace

bool ClientSession::CanSubmit() const {
  if (!ready_ || closed_) return false;
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
  if (const auto unfit = FindUnfit(submitted.mail(), submitted.recipients(), extensions_)) {
    submitted.DecideRest(Verdict::kPermanent,
                         OwnOutcome(&submitted, queue::v1::PHASE_MAIL, queue::v1::REASON_UNSUPPORTED,
                                    unfit->enhanced_code, unfit->text));
    finished_.push_back(std::move(transaction));
    return;
  }
  (current_ == nullptr ? current_ : follower_) = std::move(transaction);
  Begin(submitted);
}

void ClientSession::Begin(Transaction& transaction) {
  ++begun_;
  transaction.chunking_ = extensions_.chunking && transaction.mail().size_bytes() >= config_.chunking_from;
  Advance(transaction);
}

// Sends the commands up to the next one that must be waited for. DATA is the last of its group (RFC 2920
// §3.1); with BDAT the replies to RCPT are awaited first, so that no content goes out for nobody and a cut
// there is not ambiguous.
void ClientSession::Advance(Transaction& transaction) {
  const std::size_t commands = transaction.recipients().size() + (transaction.chunking_ ? 1 : 2);
  while (transaction.sent_ < commands && (extensions_.pipelining || expected_.empty())) SendNext(transaction);
}

void ClientSession::SendNext(Transaction& transaction) {
  const Mail& mail = transaction.mail();
  const std::size_t n = transaction.sent_++;
  if (n == 0) {
    AppendMail(mail, transaction.recipients(), extensions_, &output_);
    Expect(Step::kMail, &transaction);
  } else if (n <= transaction.recipients().size()) {
    AppendRcpt(mail.recipients(static_cast<int>(transaction.recipients()[n - 1])), extensions_, &output_);
    Expect(Step::kRcpt, &transaction, static_cast<std::uint32_t>(n - 1));
  } else {
    output_.append("DATA\r\n");
    Expect(Step::kData, &transaction);
  }
}

void ClientSession::OnMail(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) {
    transaction.mail_accepted_ = true;
    reset_needed_ = true;
  } else if (IsRefusal(reply)) {
    transaction.DecideRest(VerdictOf(reply), OutcomeOf(&transaction, expected.step, reply));
  } else {
    return ProtocolError("the reply to MAIL makes no sense", expected.step);
  }
  Settle(transaction);
}

void ClientSession::OnRcpt(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (!transaction.mail_accepted_) {
    transaction.rogue_accept_ |= IsPositive(reply);
    return Settle(transaction);
  }
  if (!IsPositive(reply) && !IsRefusal(reply))
    return ProtocolError("the reply to RCPT makes no sense", expected.step);
  ++transaction.answered_;
  if (IsPositive(reply)) {
    transaction.Accept(expected.recipient);
  } else if (SaysTooManyRecipients(reply) && !transaction.accepted_.empty()) {
    transaction.PutOff(expected.recipient, OutcomeOf(&transaction, expected.step, reply));
  } else {
    transaction.Refuse(expected.recipient, VerdictOf(reply), OutcomeOf(&transaction, expected.step, reply));
  }
  Settle(transaction);
}

// Goes on when all that was sent has been answered.
void ClientSession::Settle(Transaction& transaction) {
  if (transaction.unanswered_ > 0) return;
  if (transaction.decided()) return FinishCurrent();
  const bool envelope_done = transaction.sent_ == transaction.recipients().size() + 1;
  if (transaction.chunking_ && envelope_done) return BeginContent(transaction);
  Advance(transaction);
}

void ClientSession::OnData(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) return ProtocolError("the reply to DATA makes no sense", expected.step);
  if (IsRefusal(reply)) {
    transaction.DecideRest(VerdictOf(reply), OutcomeOf(&transaction, expected.step, reply));
    return Settle(transaction);
  }
  if (!transaction.accepted_.empty()) return BeginContent(transaction);
  // RFC 2920 §3.1: no recipient, and yet the server wants content. It gets none, unless it holds recipients
  // that it should not have: then even an empty message would go somewhere.
  if (transaction.rogue_accept_)
    return ProtocolError("recipients were accepted after the sender was refused");
  output_.append(".\r\n");
  Expect(Step::kLoneDot, &transaction);
}

void ClientSession::OnLoneDot(const Expected& /*expected*/, const smtp::Reply& /*reply*/) {
  reset_needed_ = false;
  FinishCurrent();
}

void ClientSession::BeginContent(Transaction& transaction) {
  encoder_ = smtp::DataEncoder();
  if (!transaction.mail().has_body_reference()) return SendWholeContent(transaction);
  transaction.in_content_ = true;
  if (transaction.mail().body_reference().chunk_count() == 0) BodyUnreadable("the stored body has no chunks");
}

bool ClientSession::MayEnd(Transaction& transaction) {
  if (transaction.MayFinish()) {
    transaction.in_content_ = false;
    transaction.end_sent_ = true;
    end_sent_at_ = config_.clock->Boot();
    return true;
  }
  End(OwnOutcome(&transaction, queue::v1::PHASE_BODY, queue::v1::REASON_BROKER, "",
                 "given up before the end of data: the queue does not answer"));
  return false;
}

void ClientSession::SendWholeContent(Transaction& transaction) {
  if (!MayEnd(transaction)) return;
  const Mail& mail = transaction.mail();
  if (transaction.chunking_) {
    SendBdat(transaction, mail.head().size() + mail.inline_body().size(), true);
    output_.append(mail.head()).append(mail.inline_body());
    return;
  }
  output_.reserve(output_.size() + mail.size_bytes() + mail.size_bytes() / 64);
  encoder_.Append(mail.head(), &output_);
  encoder_.Append(mail.inline_body(), &output_);
  encoder_.Finish(&output_);
  Expect(Step::kEndOfData, &transaction);
}

void ClientSession::SendBdat(Transaction& transaction, std::size_t size, bool last) {
  output_.append("BDAT ").append(std::to_string(size)).append(last ? " LAST\r\n" : "\r\n");
  transaction.in_content_ = false;
  Expect(last ? Step::kEndOfData : Step::kChunk, &transaction);
}

void ClientSession::AddBody(std::string_view chunk) {
  Transaction& transaction = *current_;
  const queue::v1::BodyReference& body = transaction.mail().body_reference();
  const bool first = transaction.next_chunk_++ == 0;
  const bool last = transaction.next_chunk_ == body.chunk_count();
  transaction.chunk_bytes_ += chunk.size();
  if (transaction.chunk_bytes_ > body.size_bytes() ||
      (last && transaction.chunk_bytes_ != body.size_bytes())) {
    return BodyUnreadable("the stored body has not the size that was recorded");
  }
  if (last && !MayEnd(transaction)) return;
  const std::string_view head = first ? std::string_view(transaction.mail().head()) : std::string_view();
  if (transaction.chunking_) {
    SendBdat(transaction, head.size() + chunk.size(), last);
    output_.append(head).append(chunk);
    return;
  }
  encoder_.Append(head, &output_);
  encoder_.Append(chunk, &output_);
  if (!last) return;
  encoder_.Finish(&output_);
  Expect(Step::kEndOfData, &transaction);
}

void ClientSession::BodyUnreadable(std::string_view why) {
  End(OwnOutcome(current_.get(), queue::v1::PHASE_BODY, queue::v1::REASON_BODY_UNREADABLE, "4.3.0", why));
}

void ClientSession::OnChunk(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) {
    transaction.in_content_ = true;
    return;
  }
  if (!IsRefusal(reply)) return ProtocolError("the reply to BDAT makes no sense", expected.step);
  transaction.DecideRest(VerdictOf(reply), OutcomeOf(&transaction, expected.step, reply));
  FinishCurrent();
}

void ClientSession::OnEndOfData(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (!IsPositive(reply) && !IsRefusal(reply))
    return ProtocolError("the reply to the end of data makes no sense", expected.step);
  queue::v1::Outcome outcome = OutcomeOf(&transaction, expected.step, reply);
  // The end of data ends the transaction whatever the reply (RFC 5321 §4.1.1.4); a refused BDAT LAST may not.
  reset_needed_ = transaction.chunking_ && !IsPositive(reply);
  last_accept_ = config_.clock->Boot() - end_sent_at_;
  if (IsPositive(reply)) {
    outcome.set_reason(queue::v1::REASON_ACCEPTED);
    transaction.DecideRest(Verdict::kDelivered, outcome);
  } else {
    transaction.DecideRest(VerdictOf(reply), outcome);
  }
  FinishCurrent();
}

void ClientSession::FinishCurrent() {
  finished_.push_back(std::move(current_));
  current_ = std::move(follower_);
  // Only before the end of data can a transaction leave something behind, and then nothing follows it yet.
  if (current_ == nullptr && reset_needed_ && !closed_) {
    reset_needed_ = false;
    Send(Step::kRset, "RSET\r\n");
  }
}

}  // namespace goniec::outbound
