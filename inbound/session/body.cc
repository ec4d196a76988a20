// The content of a message: from the shell's yes to OpenBody to its answer to CommitMessage, and the way
// around both for a message that is refused. A refusal is said only at the end of what the client announced
// (the final dot, the end of the chunk), so that it never meets a client in the middle of sending.

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/smtp/limits.h"
#include "common/smtp/replies.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {
namespace {

namespace replies = smtp::replies;

std::optional<smtp::Reply> ReplyFor(smtp::ContentFlaw flaw) {
  switch (flaw) {
    case smtp::ContentFlaw::kNone:
      return std::nullopt;
    case smtp::ContentFlaw::kBareCr:
      return smtp::Reply(replies::kBareCr);
    case smtp::ContentFlaw::kBareLf:
      return smtp::Reply(replies::kBareLf);
    case smtp::ContentFlaw::kNul:
      return smtp::Reply(replies::kNul);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Step> ServerSession::StepIn(OpeningBody& state) {
  assert(!state.asked);
  state.asked = true;
  return OpenBody{transaction_.get()};
}

void ServerSession::BodyOpened() {
  const OpeningBody* opening = std::get_if<OpeningBody>(&state_);
  assert(opening != nullptr && opening->asked);
  body_.emplace();
  if (opening->source == Source::kData) {
    Say(replies::kStartInput);
    state_ = ReadingData{};
  } else {
    state_ = ReadingChunk{};
  }
}

void ServerSession::BodyFailed(const smtp::Reply& reply) {
  body_.reset();
  if (const OpeningBody* opening = std::get_if<OpeningBody>(&state_)) {
    if (opening->source == Source::kChunk) {
      state_ = SkippingChunk{reply};
      return;
    }
    Refuse(reply);  // in place of 354
    EndTransaction();
    state_ = AwaitCommand{};
  } else if (ReadingData* reading = std::get_if<ReadingData>(&state_)) {
    state_ = SkippingData{reading->decoder, reply};
  } else if (std::holds_alternative<ReadingChunk>(state_)) {
    state_ = SkippingChunk{reply};
  } else {
    assert(std::holds_alternative<AwaitCommand>(state_) && transaction_ != nullptr);
    chunks_refused_ = reply;  // between two chunks
  }
}

std::optional<Step> ServerSession::StepIn(ReadingData& state) {
  while (!state.decoder.ended()) {
    if (input_.octets().empty()) return NeedInput{};
    const smtp::DataDecoder::Piece piece = state.decoder.Next(input_.octets());
    input_.TakeOctets(piece.consumed);
    if (piece.content.empty()) continue;
    if (std::optional<smtp::Reply> refusal = Admit(piece.content)) {
      RefuseBody(*std::move(refusal));
      return std::nullopt;
    }
    return BodyChunk{piece.content};
  }
  if (std::optional<smtp::Reply> refusal = FinishBody()) {
    RefuseBody(*std::move(refusal));
  } else {
    state_ = Committing{};
  }
  return std::nullopt;
}

std::optional<Step> ServerSession::StepIn(SkippingData& state) {
  while (!state.decoder.ended()) {
    if (input_.octets().empty()) return NeedInput{};
    input_.TakeOctets(state.decoder.Next(input_.octets()).consumed);
  }
  const smtp::Reply refusal = std::move(state.refusal);
  Refuse(refusal);
  EndTransaction();
  state_ = AwaitCommand{};
  return std::nullopt;
}

std::optional<Step> ServerSession::StepIn(ReadingChunk& /*state*/) {
  if (chunk_.left > 0) {
    if (input_.octets().empty()) return NeedInput{};
    const auto taken = static_cast<size_t>(std::min<uint64_t>(chunk_.left, input_.octets().size()));
    const std::string_view content = input_.octets().substr(0, taken);
    input_.TakeOctets(taken);
    chunk_.left -= taken;
    if (std::optional<smtp::Reply> refusal = Admit(content)) {
      RefuseBody(*std::move(refusal));
      return std::nullopt;
    }
    return BodyChunk{content};
  }
  if (!chunk_.last) {
    Say(replies::ChunkReceived(chunk_.size));
    state_ = AwaitCommand{};
  } else if (std::optional<smtp::Reply> refusal = FinishBody()) {
    RefuseBody(*std::move(refusal));
  } else {
    state_ = Committing{};
  }
  return std::nullopt;
}

std::optional<Step> ServerSession::StepIn(SkippingChunk& state) {
  const auto skipped = static_cast<size_t>(std::min<uint64_t>(chunk_.left, input_.octets().size()));
  input_.TakeOctets(skipped);
  chunk_.left -= skipped;
  if (chunk_.left > 0) return NeedInput{};
  const smtp::Reply refusal = std::move(state.refusal);
  state_ = AwaitCommand{};
  EndChunk(refusal);
  return std::nullopt;
}

void ServerSession::EndChunk(const smtp::Reply& refusal) {
  // RFC 3030 §2: the chunks that follow are refused as well, for part of a message is no message. LAST ends
  // it.
  if (chunk_.last) {
    EndTransaction();
  } else if (transaction_) {
    chunks_refused_ = refusal;
  }
  constexpr int kBadSequence = 503;
  if (refusal.code == kBadSequence) {
    RefuseCommand(refusal);
  } else {
    Refuse(refusal);
  }
}

std::optional<Step> ServerSession::StepIn(Committing& state) {
  assert(!state.asked);
  state.asked = true;
  return CommitMessage{transaction_.get()};
}

void ServerSession::Committed(const smtp::Reply& reply) {
  assert(std::holds_alternative<Committing>(state_));
  if (reply.IsPositive()) {
    errors_ = 0;
    Say(reply);
  } else {
    Refuse(reply);
  }
  EndTransaction();
  state_ = AwaitCommand{};
}

std::optional<smtp::Reply> ServerSession::Admit(std::string_view content) {
  assert(transaction_ && body_);
  transaction_->body_size_ += content.size();
  if (transaction_->body_size_ > config_.max_message_size) return smtp::Reply(replies::kMessageTooLarge);
  body_->check.Feed(content);
  if (std::optional<smtp::Reply> flaw = ReplyFor(body_->check.flaw())) return flaw;
  body_->headers.Feed(content);
  if (body_->headers.received() > smtp::kMaxHops) return smtp::Reply(replies::kHopLimit);
  return std::nullopt;
}

std::optional<smtp::Reply> ServerSession::FinishBody() {
  assert(body_);
  transaction_->header_is_ascii_ = body_->headers.header_is_ascii();
  transaction_->body_is_ascii_ = body_->headers.body_is_ascii();
  body_->check.Finish();
  return ReplyFor(body_->check.flaw());
}

void ServerSession::RefuseBody(smtp::Reply refusal) {
  body_.reset();
  abandon_ = true;
  if (ReadingData* reading = std::get_if<ReadingData>(&state_)) {
    const smtp::DataDecoder decoder = reading->decoder;
    state_ = SkippingData{decoder, std::move(refusal)};
  } else {
    state_ = SkippingChunk{std::move(refusal)};
  }
}

}  // namespace goniec::inbound
