#include "outbound/api/get.h"

#include <chrono>
#include <utility>

#include "common/mail/ulid.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/streams/durability.h"
#include "outbound/api/mail_api.h"
#include "outbound/api/message_view.h"

namespace goniec::outbound {
namespace {

void SetDuration(std::chrono::milliseconds value, google::protobuf::Duration& out) {
  out.set_seconds(value.count() / 1000);
  out.set_nanos(static_cast<std::int32_t>(value.count() % 1000 * 1'000'000));
}

}  // namespace

asio::awaitable<void> Get(ApiContext& context, Completion<v1::Message> call, std::string message_id,
                          Caller caller) {
  const auto id = mail::ParseUlid(message_id);
  if (!id) {
    Violations violations;
    violations.Add("message_id",
                   message_id.empty() ? "is required" : "is not a message id (26 letters and digits)");
    call.Finish(InvalidArgument(violations));
    co_return;
  }
  absl::StatusOr<queue::MessageStatus> status =
      co_await context.deps.finder.Find(std::move(caller.tenant), *id);
  if (absl::IsNotFound(status.status())) {
    call.Finish(ToGrpc(absl::NotFoundError("there is no such message")));
  } else if (!status.ok()) {
    call.Finish(ToGrpc(status.status()));
  } else {
    call.Finish(ViewOf(*status));
  }
}

v1::ServerInfo DescribeServer(const ApiContext& context, const Caller& caller) {
  v1::ServerInfo info;
  info.set_version(GONIEC_VERSION);
  const queue::Durability durability = context.deps.durability();
  *info.mutable_durability() = ViewOf(durability);
  info.set_broker_version(durability.server_version);
  v1::Limits& limits = *info.mutable_limits();
  limits.set_max_message_bytes(static_cast<std::int64_t>(context.config.max_message.bytes));
  limits.set_max_recipients(context.config.max_recipients);
  SetDuration(context.config.max_life, *limits.mutable_max_life());
  SetDuration(context.deps.retry.lifetime, *limits.mutable_transactional_life());
  SetDuration(context.deps.retry.bulk_lifetime, *limits.mutable_bulk_life());
  SetDuration(context.deps.retry.null_sender_lifetime, *limits.mutable_null_sender_life());
  info.set_tenant(caller.tenant);
  if (caller.HasMail() && caller.sender_domains.empty()) info.add_sender_domains("*");
  for (const std::string& domain : caller.sender_domains) info.add_sender_domains(domain);
  info.set_serving(context.serving);
  return info;
}

}  // namespace goniec::outbound
