#include "outbound/api/status_mapping.h"

#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/queue/model/admission.h"
#include "goniec/rpc/google_rpc.pb.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;

struct Mapping {
  absl::StatusCode from;
  grpc::StatusCode to;
  const char* reason;
  std::optional<seconds> retry_after;
};

constexpr Mapping kMappings[] = {
    {absl::StatusCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST", std::nullopt},
    {absl::StatusCode::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED, "TOKEN_NOT_ACCEPTED",
     std::nullopt},
    {absl::StatusCode::kNotFound, grpc::StatusCode::NOT_FOUND, "MESSAGE_NOT_FOUND", std::nullopt},
    // A full queue empties at the pace of deliveries, a lost broker comes back within an election.
    {absl::StatusCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", seconds(10)},
    {absl::StatusCode::kUnavailable, grpc::StatusCode::UNAVAILABLE, "BROKER_UNAVAILABLE", seconds(2)},
    // Streams that are missing or differ: an operator mends it, the client can only come back.
    {absl::StatusCode::kFailedPrecondition, grpc::StatusCode::UNAVAILABLE, "QUEUE_NOT_READY", seconds(10)},
    {absl::StatusCode::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN",
     std::nullopt},
    {absl::StatusCode::kCancelled, grpc::StatusCode::CANCELLED, "CALLER_GONE", std::nullopt},
};
constexpr Mapping kFault = {absl::StatusCode::kInternal, grpc::StatusCode::INTERNAL, "SERVER_FAULT",
                            std::nullopt};

// Of the queue's rooms, another one than that for mail may be full.
const char* ReasonOf(const Mapping& mapping, const absl::Status& status) {
  const std::optional<queue::Room> room = queue::RoomOf(status);
  if (room == queue::Room::kEvents) return "EVENTS_FULL";
  if (room == queue::Room::kWaiting) return "WAITING_FULL";
  return mapping.reason;
}

class Details {
 public:
  Details(grpc::StatusCode code, std::string message) {
    status_.set_code(static_cast<int>(code));
    status_.set_message(std::move(message));
  }
  Details& Reason(const std::string& reason) {
    info_.set_reason(reason);
    info_.set_domain("goniec");
    return *this;
  }
  Details& Metadata(const std::string& key, const std::string& value) {
    (*info_.mutable_metadata())[key] = value;
    return *this;
  }
  Details& RetryAfter(seconds delay) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(delay.count());
    return Add(retry);
  }
  template <typename Detail>
  Details& Add(const Detail& detail) {
    status_.add_details()->PackFrom(detail);
    return *this;
  }
  grpc::Status Build() {
    Add(info_);
    return {static_cast<grpc::StatusCode>(status_.code()), status_.message(), status_.SerializeAsString()};
  }

 private:
  google::rpc::Status status_;
  google::rpc::ErrorInfo info_;
};

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const Mapping* mapping = &kFault;
  for (const Mapping& candidate : kMappings) {
    if (candidate.from == status.code()) mapping = &candidate;
  }
  Details details(mapping->to, std::string(Message(status)));
  details.Reason(ReasonOf(*mapping, status));
  if (mapping->retry_after) details.RetryAfter(*mapping->retry_after);
  return details.Build();
}

grpc::Status InvalidArgument(const Violations& violations) {
  google::rpc::BadRequest bad;
  for (const auto& [field, description] : violations.list()) {
    auto& violation = *bad.add_field_violations();
    violation.set_field(field);
    violation.set_description(description);
  }
  const auto& first = violations.list().front();
  std::string message = absl::StrCat(first.field, " ", first.description);
  if (violations.list().size() > 1) {
    absl::StrAppend(&message, " (and ", violations.list().size() - 1, " more: see the details)");
  }
  return Details(grpc::StatusCode::INVALID_ARGUMENT, message).Reason("INVALID_REQUEST").Add(bad).Build();
}

grpc::Status SenderDomainDenied(const std::string& field, const std::string& domain,
                                const std::string& header) {
  const std::string where = header.empty() ? "" : absl::StrCat(" (in its ", header, " field)");
  return Details(grpc::StatusCode::PERMISSION_DENIED,
                 absl::StrCat(field, ": the token does not allow to send from ", domain, where))
      .Reason("SENDER_DOMAIN_NOT_ALLOWED")
      .Metadata("field", field)
      .Metadata("domain", domain)
      .Build();
}

grpc::Status OperatorsOnly() {
  return Details(grpc::StatusCode::PERMISSION_DENIED,
                 "this is for operators: the token needs `operator: true` in the server's configuration")
      .Reason("OPERATORS_ONLY")
      .Build();
}

grpc::Status TokenWithoutMail() {
  return Details(grpc::StatusCode::PERMISSION_DENIED,
                 "the token is an operator's and has no tenant: it neither sends nor sees messages")
      .Reason("TOKEN_WITHOUT_MAIL")
      .Build();
}

grpc::Status TooMuchInFlight(const std::string& limit) {
  return Details(grpc::StatusCode::RESOURCE_EXHAUSTED,
                 absl::StrCat("too many requests are in hand (", limit, "); repeat in a moment"))
      .Reason("TOO_MUCH_IN_FLIGHT")
      .Metadata("limit", limit)
      .RetryAfter(seconds(1))
      .Build();
}

grpc::Status RequestTooLarge(std::uint64_t octets, std::uint64_t limit) {
  return Details(
             grpc::StatusCode::RESOURCE_EXHAUSTED,
             absl::StrCat("the request has ", octets, " octets, the limit is ", limit, " (api.max_message)"))
      .Reason("REQUEST_TOO_LARGE")
      .Metadata("limit", "api.max_message")
      .Build();
}

grpc::Status CompressionRefused() {
  return Details(grpc::StatusCode::UNIMPLEMENTED, "compressed requests are not taken; send it as it is")
      .Reason("COMPRESSION_NOT_TAKEN")
      .Build();
}

grpc::Status NoSuchMethod() {
  return Details(grpc::StatusCode::UNIMPLEMENTED, "there is no such method").Reason("NO_SUCH_METHOD").Build();
}

grpc::Status NotParsed() {
  return Details(grpc::StatusCode::INVALID_ARGUMENT, "the request is no message of this method")
      .Reason("INVALID_REQUEST")
      .Build();
}

grpc::Status TooManyFields(std::size_t limit) {
  return Details(grpc::StatusCode::INVALID_ARGUMENT,
                 absl::StrCat("the request has more than ", limit, " fields"))
      .Reason("TOO_MANY_FIELDS")
      .Build();
}

grpc::Status RequestTooSlow() {
  return Details(grpc::StatusCode::DEADLINE_EXCEEDED,
                 "the request did not come within the time for it (api.request_timeout); nothing was stored")
      .Reason("REQUEST_TOO_SLOW")
      .Build();
}

grpc::Status ShuttingDown() {
  return Details(grpc::StatusCode::UNAVAILABLE, "the server is stopping; ask another")
      .Reason("SHUTTING_DOWN")
      .RetryAfter(seconds(1))
      .Build();
}

grpc::Status CallerGone(bool stored_maybe) {
  return Details(grpc::StatusCode::CANCELLED,
                 stored_maybe ? "cancelled; the message may be stored" : "cancelled")
      .Reason("CALLER_GONE")
      .Build();
}

grpc::Status Dropped() {
  return Details(grpc::StatusCode::INTERNAL, "the call was dropped by a fault of the server")
      .Reason("SERVER_FAULT")
      .Build();
}

}  // namespace goniec::outbound
