// The part of the session that sends content: by DATA or BDAT (RFC 5321 §4.1.1.4, RFC 3030), whole or chunk
// by chunk of a stored body, and last of all its end.
#include <algorithm>
#include <string>
#include <utility>

#include "outbound/deliver/client_session.h"

namespace goniec::outbound {
namespace {

using queue::v1::Mail;

bool IsPositive(const smtp::Reply& reply) {
  return reply.code / 100 == 2;
}
bool IsRefusal(const smtp::Reply& reply) {
  return reply.code >= 400;
}

}  // namespace

void ClientSession::BeginContent(Transaction& transaction) {
  encoder_ = smtp::DataEncoder();
  transaction.in_content_ = true;
  const Mail& mail = transaction.mail();
  if (!mail.has_body_reference()) {
    return AppendContent(transaction, mail.head(), mail.inline_body(), true);
  }
  if (mail.body_reference().chunk_count() == 0) BodyUnreadable("the stored body has no chunks");
}

// Puts out a piece of the content, and of the last one all but the tail.
void ClientSession::AppendContent(Transaction& transaction, std::string_view first, std::string_view second,
                                  bool last) {
  const std::size_t begin = output_.size();
  const std::size_t size = first.size() + second.size();
  output_.reserve(begin + size + size / 64 + 64);
  if (transaction.chunking_) {
    output_.append("BDAT ").append(std::to_string(size)).append(last ? " LAST\r\n" : "\r\n");
    output_.append(first).append(second);
    transaction.bdat_sent_ = true;
  } else {
    encoder_.Append(first, &output_);
    encoder_.Append(second, &output_);
    if (last) encoder_.Finish(&output_);
  }
  if (last) {
    const std::size_t cut = output_.size() - std::min(output_.size() - begin, kTail);
    tail_.assign(output_, cut);
    output_.resize(cut);
  } else if (transaction.chunking_) {
    transaction.in_content_ = false;
    Expect(Step::kChunk, &transaction);
  }
}

void ClientSession::EndContent() {
  Transaction& transaction = *current_;
  if (!transaction.MayFinish()) {
    const OutcomeRow& row = outcomes::kQueueSilent;
    return End(OwnOutcome(&transaction, queue::v1::PHASE_BODY, row), row.verdict);
  }
  transaction.in_content_ = false;
  transaction.end_sent_ = true;
  end_sent_at_ = config_.clock->Boot();
  output_.append(tail_);
  tail_.clear();
  Expect(Step::kEndOfData, &transaction);
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
  const std::string_view head = first ? std::string_view(transaction.mail().head()) : std::string_view();
  AppendContent(transaction, head, chunk, last);
}

void ClientSession::BodyUnreadable(std::string_view why) {
  End(OwnOutcome(current_.get(), queue::v1::PHASE_BODY, outcomes::kBodyUnreadable, {why}));
}

void ClientSession::OnChunk(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (IsPositive(reply)) {
    transaction.in_content_ = true;
    return;
  }
  if (!IsRefusal(reply)) return OutOfPlace(expected.step);
  if (IsNotImplemented(reply)) return GiveUpWith({.chunking = true});
  transaction.DecideRest(VerdictOf(reply), OutcomeOf(&transaction, expected.step, reply));
  FinishCurrent();
}

void ClientSession::OnEndOfData(const Expected& expected, const smtp::Reply& reply) {
  Transaction& transaction = *expected.transaction;
  if (!IsPositive(reply) && !IsRefusal(reply)) return OutOfPlace(expected.step);
  if (transaction.chunking_ && IsNotImplemented(reply)) return GiveUpWith({.chunking = true});
  queue::v1::Outcome outcome = OutcomeOf(&transaction, expected.step, reply);
  // The end of data ends the transaction whatever the reply (RFC 5321 §4.1.1.4); a refused BDAT LAST may not.
  reset_needed_ = transaction.chunking_ && !IsPositive(reply);
  last_accept_ = config_.clock->Boot() - end_sent_at_;
  if (IsPositive(reply)) {
    outcome.set_reason(outcomes::kAccepted.reason);
    transaction.DecideRest(outcomes::kAccepted.verdict, outcome);
  } else {
    transaction.DecideRest(VerdictOf(reply), outcome);
  }
  FinishCurrent();
}

}  // namespace goniec::outbound
