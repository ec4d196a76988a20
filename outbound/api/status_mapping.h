// From what happened to the canonical code, reason and details that a client sees: the one place that knows.
// The reasons are part of the API: stable, UPPER_SNAKE_CASE. Pure; thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "outbound/api/violations.h"

namespace goniec::outbound {

// Storing or finding failed. Codes as the queue uses them (see publisher.h, message_finder.h).
grpc::Status ToGrpc(const absl::Status& status);

// INVALID_ARGUMENT with google.rpc.BadRequest. `violations` is not empty.
grpc::Status InvalidArgument(const Violations& violations);
// PERMISSION_DENIED: the token does not allow `domain`, which stands in `field`; with raw messages in its
// header field `header`.
grpc::Status SenderDomainDenied(const std::string& field, const std::string& domain,
                                const std::string& header = "");
// PERMISSION_DENIED: the token is not an operator's; or it is one that has to do with no mail.
grpc::Status OperatorsOnly();
grpc::Status TokenWithoutMail();
// RESOURCE_EXHAUSTED with RetryInfo: too much is in hand; `limit` is the setting that says how much.
grpc::Status TooMuchInFlight(const std::string& limit);
// RESOURCE_EXHAUSTED: no repetition helps.
grpc::Status RequestTooLarge(std::uint64_t octets, std::uint64_t limit);
// UNIMPLEMENTED: the request is compressed, so that nobody knows how long it is; or there is no such method.
grpc::Status CompressionRefused();
grpc::Status NoSuchMethod();
// INVALID_ARGUMENT: the request is no message of the method's type, or has more fields than any needs.
grpc::Status NotParsed();
grpc::Status TooManyFields(std::size_t limit);
// DEADLINE_EXCEEDED: the request did not come in time.
grpc::Status RequestTooSlow();
// UNAVAILABLE: the server is stopping.
grpc::Status ShuttingDown();
// CANCELLED: the caller is gone; `stored_maybe` says that its message may be stored all the same.
grpc::Status CallerGone(bool stored_maybe);
// INTERNAL: a call was dropped without an answer; our fault.
grpc::Status Dropped();

}  // namespace goniec::outbound
