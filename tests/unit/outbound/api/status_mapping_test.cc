#include "outbound/api/status_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/queue/model/admission.h"
#include "goniec/rpc/google_rpc.pb.h"

namespace goniec::outbound {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
  return details;
}

template <typename Detail>
std::optional<Detail> Find(const grpc::Status& status) {
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& any : details.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

TEST(StatusMapping, Table) {
  struct Row {
    absl::Status from;
    grpc::StatusCode code;
    const char* reason;
    bool retry;
  };
  for (const Row& row : std::vector<Row>{
           {absl::UnavailableError("x"), grpc::StatusCode::UNAVAILABLE, "BROKER_UNAVAILABLE", true},
           {absl::ResourceExhaustedError("x"), grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", true},
           {absl::DeadlineExceededError("x"), grpc::StatusCode::DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN", false},
           {absl::FailedPreconditionError("x"), grpc::StatusCode::UNAVAILABLE, "QUEUE_NOT_READY", true},
           {absl::NotFoundError("x"), grpc::StatusCode::NOT_FOUND, "MESSAGE_NOT_FOUND", false},
           {absl::UnauthenticatedError("x"), grpc::StatusCode::UNAUTHENTICATED, "TOKEN_NOT_ACCEPTED", false},
           {absl::InvalidArgumentError("x"), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST", false},
           {absl::InternalError("x"), grpc::StatusCode::INTERNAL, "SERVER_FAULT", false},
           {absl::DataLossError("x"), grpc::StatusCode::INTERNAL, "SERVER_FAULT", false}}) {
    const grpc::Status status = ToGrpc(row.from);
    EXPECT_EQ(status.error_code(), row.code) << row.from;
    EXPECT_EQ(status.error_message(), "x");
    const auto info = Find<google::rpc::ErrorInfo>(status);
    ASSERT_TRUE(info) << row.from;
    EXPECT_EQ(info->reason(), row.reason);
    EXPECT_EQ(info->domain(), "goniec");
    EXPECT_EQ(Find<google::rpc::RetryInfo>(status).has_value(), row.retry) << row.from;
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

TEST(StatusMapping, AFullRoomIsNamed) {
  for (const auto& [room, reason] :
       {std::pair{queue::Room::kQueue, "QUEUE_FULL"}, std::pair{queue::Room::kEvents, "EVENTS_FULL"},
        std::pair{queue::Room::kWaiting, "WAITING_FULL"}}) {
    const grpc::Status status = ToGrpc(queue::FullStatus(room, 100));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(Find<google::rpc::ErrorInfo>(status)->reason(), reason);
    EXPECT_TRUE(Find<google::rpc::RetryInfo>(status).has_value());
  }
}

TEST(StatusMapping, DetailsAreOfTheTypesThatClientsKnow) {
  Violations violations;
  violations.Add("composed.to[0].address", "is required");
  violations.Add("tags[0]", "is empty");
  const grpc::Status status = InvalidArgument(violations);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "composed.to[0].address is required (and 1 more: see the details)");
  EXPECT_EQ(DetailsOf(status).details(0).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  const auto bad = Find<google::rpc::BadRequest>(status);
  ASSERT_TRUE(bad);
  ASSERT_EQ(bad->field_violations_size(), 2);
  EXPECT_EQ(bad->field_violations(1).field(), "tags[0]");
}

TEST(StatusMapping, OthersHaveTheirReasons) {
  EXPECT_EQ(SenderDomainDenied("raw", "evil.test").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Find<google::rpc::ErrorInfo>(SenderDomainDenied("raw", "evil.test"))->metadata().at("domain"),
            "evil.test");
  EXPECT_EQ(TooMuchInFlight("api.max_in_flight").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Find<google::rpc::RetryInfo>(TooMuchInFlight("api.max_in_flight")));
  EXPECT_EQ(Dropped().error_code(), grpc::StatusCode::INTERNAL);
}

}  // namespace
}  // namespace goniec::outbound
