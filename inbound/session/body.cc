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
  body_ = Body{};
  if (opening->source == Source::kData) {
    Say(replies::kStartInput);
    state_ = ReadingData{};
  } else {
    state_ = ReadingChunk{};
  }
}

void ServerSession::BodyFailed(const smtp::Reply& reply) {
  body_.reset();
  content_ = {};
  if (const OpeningBody* opening = std::get_if<OpeningBody>(&state_)) {
    if (opening->source == Source::kChunk) {
      state_ = SkippingChunk{reply};
      return;
    }
    EndTransaction();
    state_ = AwaitCommand{};
    Refuse(reply);  // in place of 354
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
  while (content_.empty() && !state.decoder.ended()) {
    if (input_.octets().empty()) return NeedInput{};
    const smtp::DataDecoder::Piece piece = state.decoder.Next(input_.octets());
    input_.TakeOctets(piece.consumed);
    content_ = piece.content;
    if (std::optional<smtp::Reply> refusal = Admit(content_)) {
      RefuseBody(*std::move(refusal));
      return std::nullopt;
    }
  }
  return content_.empty() ? FinishBody() : GiveContent();
}

std::optional<Step> ServerSession::StepIn(SkippingData& state) {
  while (!state.decoder.ended()) {
    if (input_.octets().empty()) return NeedInput{};
    const size_t skipped = state.decoder.Next(input_.octets()).consumed;
    input_.TakeOctets(skipped);
    if (!MaySkip(skipped, state.refusal)) return std::nullopt;
  }
  const smtp::Reply refusal = std::move(state.refusal);
  EndTransaction();
  state_ = AwaitCommand{};
  Refuse(refusal);
  return std::nullopt;
}

std::optional<Step> ServerSession::StepIn(ReadingChunk& /*state*/) {
  if (content_.empty() && chunk_.left > 0) {
    if (input_.octets().empty()) return NeedInput{};
    const auto taken = static_cast<size_t>(std::min<uint64_t>(chunk_.left, input_.octets().size()));
    content_ = input_.octets().substr(0, taken);
    input_.TakeOctets(taken);
    chunk_.left -= taken;
    if (std::optional<smtp::Reply> refusal = Admit(content_)) {
      RefuseBody(*std::move(refusal));
      return std::nullopt;
    }
  }
  if (!content_.empty()) return GiveContent();
  if (chunk_.left > 0) return std::nullopt;
  if (chunk_.last) return FinishBody();
  state_ = AwaitCommand{};
  // An empty chunk costs the client nothing, so that it may not say it for ever.
  if (chunk_.size > 0 || Tolerated(Deed::kIdle)) Say(replies::ChunkReceived(chunk_.size));
  return std::nullopt;
}

std::optional<Step> ServerSession::StepIn(SkippingChunk& state) {
  const auto skipped = static_cast<size_t>(std::min<uint64_t>(chunk_.left, input_.octets().size()));
  input_.TakeOctets(skipped);
  chunk_.left -= skipped;
  if (!MaySkip(skipped, state.refusal)) return std::nullopt;
  if (chunk_.left > 0) return NeedInput{};
  const smtp::Reply refusal = std::move(state.refusal);
  state_ = AwaitCommand{};
  EndChunk(refusal);
  return std::nullopt;
}

bool ServerSession::MaySkip(uint64_t octets, const smtp::Reply& refusal) {
  refused_octets_ += std::min(octets, config_.max_refused_size + 1);
  if (refused_octets_ <= config_.max_refused_size) return true;
  Tell(refusal);
  EndBadly(replies::kRestNotRead);
  return false;
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
  EndTransaction();
  state_ = AwaitCommand{};
  if (!reply.IsPositive()) return Refuse(reply);
  tolerance_.MailAccepted();
  Say(reply);
}

// Judges what was received, before anything is left out of it.
std::optional<smtp::Reply> ServerSession::Admit(std::string_view content) {
  assert(transaction_ && body_);
  body_->received += content.size();
  if (body_->received > config_.max_message_size) return smtp::Reply(replies::kMessageTooLarge);
  body_->check.Feed(content);
  return ReplyFor(body_->check.flaw());
}

// Of what was received, the next piece for the shell.
std::optional<Step> ServerSession::GiveContent() {
  smtp::ContentStart& start = body_->start;
  smtp::ContentStart::Piece piece{content_.size(), content_};
  if (!start.passing()) piece = start.Next(content_);
  content_.remove_prefix(piece.consumed);
  return GivePiece(piece.content);
}

std::optional<Step> ServerSession::GivePiece(std::string_view content) {
  if (content.empty()) return std::nullopt;
  if (body_->start.first_line() == smtp::ContentStart::FirstLine::kContinuation) {
    RefuseBody(replies::kNoFirstField);
    return std::nullopt;
  }
  body_->headers.Feed(content);
  if (body_->headers.received() > smtp::kMaxHops) {
    RefuseBody(replies::kHopLimit);
    return std::nullopt;
  }
  transaction_->body_size_ += content.size();
  return BodyChunk{content};
}

std::optional<Step> ServerSession::FinishBody() {
  assert(body_);
  body_->check.Finish();
  if (std::optional<smtp::Reply> flaw = ReplyFor(body_->check.flaw())) {
    RefuseBody(*std::move(flaw));
    return std::nullopt;
  }
  if (const std::string_view held = body_->start.Finish(); !held.empty()) return GivePiece(held);
  const bool field = body_->start.first_line() == smtp::ContentStart::FirstLine::kField;
  transaction_->has_header_ = field || transaction_->body_size_ == 0;
  NoteOctets();
  state_ = Committing{};
  return std::nullopt;
}

// Without a header section all that was seen is body.
void ServerSession::NoteOctets() {
  const bool header_is_ascii = body_->headers.header_is_ascii();
  const bool body_is_ascii = body_->headers.body_is_ascii();
  transaction_->header_is_ascii_ = header_is_ascii || !transaction_->has_header_;
  transaction_->body_is_ascii_ = body_is_ascii && (header_is_ascii || transaction_->has_header_);
}

void ServerSession::RefuseBody(smtp::Reply refusal) {
  body_.reset();
  content_ = {};
  abandon_ = true;
  if (ReadingData* reading = std::get_if<ReadingData>(&state_)) {
    const smtp::DataDecoder decoder = reading->decoder;
    state_ = SkippingData{decoder, std::move(refusal)};
  } else {
    state_ = SkippingChunk{std::move(refusal)};
  }
}

}  // namespace goniec::inbound
