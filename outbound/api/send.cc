#include "outbound/api/send.h"

#include <chrono>
#include <utility>
#include <variant>

#include "common/base/clock.h"
#include "common/observe/log.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/publish/body_store.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/streams/durability.h"
#include "outbound/api/mail_api.h"
#include "outbound/api/message_view.h"

namespace goniec::outbound {
namespace {

using Call = Completion<v1::SendMessageResponse>;

constexpr std::size_t kSlice = 256 * 1024;

// How long the broker keeps chunks that nobody deletes: the mail's life and a day.
std::chrono::seconds KeepTime(const queue::v1::Mail& mail, WallTime now) {
  const WallTime expire = queue::ValidTime(mail.expire_time()).value_or(now);
  return std::chrono::duration_cast<std::chrono::seconds>(expire - now) + std::chrono::hours(24);
}

asio::awaitable<absl::Status> StoreBody(queue::BodyWriter& writer, Submission& submission, const Call& call) {
  for (std::string_view piece : submission.body) {
    while (!piece.empty()) {
      // In slices, so that a caller who has gone is noticed between them.
      const std::string_view slice = piece.substr(0, kSlice);
      piece.remove_prefix(slice.size());
      if (writer.FitsInline(slice.size())) {
        writer.AppendNow(slice);
        continue;
      }
      if (call.cancelled()) co_return absl::CancelledError("cancelled");
      if (absl::Status status = co_await writer.Append(slice); !status.ok()) co_return status;
    }
  }
  co_return co_await writer.Finish(submission.mail);
}

void LogAccepted(const queue::Committed& committed, const v1::Message& message, const Caller& caller) {
  observe::Info("message accepted", {{"message", committed.message_id},
                                     {"by", "api"},
                                     {"tenant", caller.tenant},
                                     {"token", caller.name},
                                     {"from", observe::LogAddress(message.mail_from())},
                                     {"recipients", message.recipients_size()},
                                     {"size", message.size_bytes()},
                                     {"stream", committed.stream},
                                     {"sequence", committed.sequence}});
}

// The record is durable, was refused, or nobody knows; then its chunks must stay, for the record may refer to
// them.
void SettleBody(queue::BodyWriter& writer, const absl::Status& committed) {
  if (committed.ok() || absl::IsDeadlineExceeded(committed)) {
    writer.Keep();
  } else {
    writer.Abandon();
  }
}

asio::awaitable<void> Store(ApiContext& context, Call call, Submission submission, Caller caller,
                            WallTime now) {
  const std::uint64_t body_size = submission.body_size();
  if (const absl::Status admitted = context.deps.publisher.Admit(queue::ClassOf(submission.mail));
      !admitted.ok()) {
    call.Finish(ToGrpc(admitted));
    co_return;
  }
  queue::BodyWriter writer(context.deps.broker, KeepTime(submission.mail, now));
  if (const absl::Status stored = co_await StoreBody(writer, submission, call); !stored.ok()) {
    writer.Abandon();
    call.Finish(absl::IsCancelled(stored) ? CallerGone(false) : ToGrpc(stored));
    co_return;
  }
  v1::SendMessageResponse response;
  *response.mutable_message() = ViewOfAccepted(submission.mail, body_size);
  queue::v1::Mail mail = std::move(submission.mail);
  submission = {};
  // A caller who has gone gets no mail that it does not know of, as far as we can tell.
  if (call.cancelled()) {
    writer.Abandon();
    call.Finish(CallerGone(false));
    co_return;
  }
  call.SetMayBeStored();
  const BootTime start = BootClock::now();
  const absl::StatusOr<queue::Committed> committed = co_await context.deps.publisher.Commit(std::move(mail));
  context.commit_seconds.Observe(BootClock::now() - start);
  SettleBody(writer, committed.status());
  if (!committed.ok()) {
    call.Finish(ToGrpc(committed.status()));
    co_return;
  }
  SetMessageId(*response.mutable_message(), committed->message_id);
  *response.mutable_durability() = ViewOf(context.deps.durability());
  LogAccepted(*committed, response.message(), caller);
  call.Finish(response);
}

}  // namespace

asio::awaitable<void> Send(ApiContext& context, Call call, std::unique_ptr<v1::SendMessageRequest> request,
                           Caller caller) {
  if (call.cancelled()) {
    call.Finish(CallerGone(false));
    co_return;
  }
  const WallTime now = std::chrono::system_clock::now();
  auto read = ReadSubmission(*request, caller, context.rules, now);
  if (const auto* violations = std::get_if<Violations>(&read)) {
    call.Finish(InvalidArgument(*violations));
  } else if (const auto* denied = std::get_if<DeniedDomain>(&read)) {
    call.Finish(SenderDomainDenied(denied->field, denied->domain, denied->header));
  } else if (request->validate_only()) {
    v1::SendMessageResponse response;
    *response.mutable_durability() = ViewOf(context.deps.durability());
    call.Finish(response);
  } else {
    // What was composed stands by itself.
    if (request->has_composed()) request->clear_composed();
    co_await Store(context, std::move(call), std::move(std::get<Submission>(read)), std::move(caller), now);
  }
}

}  // namespace goniec::outbound
