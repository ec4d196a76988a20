// SendMessage and GetMessage against a real broker: what is stored, what is refused, and what happens when
// the broker or the caller is not there.
#include <gmock/gmock.h>

#include <algorithm>
#include <future>

#include "absl/strings/match.h"
#include "common/queue/model/subjects.h"
#include "common/queue/publish/body_store.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/api/request_memory.h"
#include "tests/integration/api/api_fixture.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class ApiServerTest : public ApiFixture {
 protected:
  // The one mail that READY holds.
  queue::v1::Mail StoredMail() {
    const auto stored = RunToEnd(queue::GetNextMessage(*broker_, queue::ReadyStream(0), "ready.>"));
    EXPECT_TRUE(stored.ok()) << stored.status();
    queue::v1::Record record;
    EXPECT_TRUE(stored.ok() && record.ParseFromString(stored->data));
    EXPECT_EQ(record.mails_size(), 1);
    return record.mails_size() == 1 ? record.mails(0) : queue::v1::Mail();
  }
  // No call is left, and no memory is kept for any.
  bool GivesAllBack() {
    return test::WaitUntil([&] {
      const std::string metrics = metrics_.Render();
      return absl::StrContains(metrics, "\ngoniec_api_calls 0\n") &&
             absl::StrContains(metrics, "\ngoniec_api_in_flight_bytes 0\n");
    });
  }
  bool ReadyIsEmpty() {
    return absl::IsNotFound(
        RunToEnd(queue::GetNextMessage(*broker_, queue::ReadyStream(0), "ready.>")).status());
  }
};

TEST_F(ApiServerTest, AcceptedMailIsStoredAndFound) {
  StartApi();
  v1::SendMessageRequest request = Hello();
  request.add_tags("welcome");
  (*request.mutable_metadata())["order"] = "17";
  v1::SendMessageResponse response;
  const grpc::Status status = Send(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.durability().replicas(), 1);
  EXPECT_EQ(response.durability().sync(), v1::Durability::FSYNC);
  const v1::Message& message = response.message();
  ASSERT_EQ(message.message_id().size(), 26u);
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(message.recipients(0).state(), v1::RecipientStatus::QUEUED);
  EXPECT_EQ(message.internet_message_id(), message.message_id() + "@example.test");

  const queue::v1::Mail mail = StoredMail();
  EXPECT_EQ(mail.message_id(), message.message_id());
  EXPECT_EQ(mail.head(), "Message-ID: <" + message.internet_message_id() + ">\r\n");
  EXPECT_EQ(mail.internet_message_id(), message.internet_message_id());
  EXPECT_EQ(mail.tenant(), "default");
  EXPECT_EQ(mail.size_bytes(), mail.head().size() + mail.inline_body().size());
  EXPECT_EQ(static_cast<std::uint64_t>(message.size_bytes()), mail.size_bytes());

  // No worker has seen it yet.
  v1::Message found;
  ASSERT_TRUE(Get(message.message_id(), &found).ok());
  EXPECT_EQ(found.SerializeAsString(), message.SerializeAsString());
  EXPECT_EQ(found.metadata().at("order"), "17");
}

TEST_F(ApiServerTest, LargeBodiesAreStoredByteForByte) {
  StartApi();
  const v1::SendMessageRequest request = Raw(3 << 20);
  v1::SendMessageResponse response;
  ASSERT_TRUE(Send(request, &response).ok());
  const queue::v1::Mail mail = StoredMail();
  ASSERT_TRUE(mail.has_body_reference());
  std::string body;
  for (std::uint32_t i = 0; i < mail.body_reference().chunk_count(); ++i) {
    const auto chunk = RunToEnd(queue::ReadBodyChunk(*broker_, mail.body_reference().body_id(), i));
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    body += *chunk;
  }
  EXPECT_TRUE(body == request.raw());
  EXPECT_THAT(mail.head(),
              HasSubstr("Received: by api.test with gRPC id " + response.message().message_id() + ";"));
}

TEST_F(ApiServerTest, ValidateOnlyStoresNothing) {
  StartApi();
  v1::SendMessageRequest request = Hello();
  request.set_validate_only(true);
  v1::SendMessageResponse response;
  ASSERT_TRUE(Send(request, &response).ok());
  EXPECT_FALSE(response.has_message());
  EXPECT_TRUE(ReadyIsEmpty());
}

TEST_F(ApiServerTest, InvalidRequestsStoreNothing) {
  StartApi();
  v1::SendMessageRequest request = Hello();
  request.mutable_composed()->set_subject("a\r\nBcc: x@y.test");
  v1::SendMessageResponse response;
  const grpc::Status status = Send(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("composed.subject"));
  EXPECT_TRUE(ReadyIsEmpty());
}

TEST_F(ApiServerTest, TokensDecideTenantAndDomains) {
  AddToken("shop-token", "shop", {"shop.test"});
  AddToken("news-token", "news", {});
  StartApi();
  v1::SendMessageResponse response;
  EXPECT_EQ(Send(Hello(), &response).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Send(Hello(), &response, "other").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const grpc::Status denied = Send(Hello("a@example.test"), &response, "shop-token");
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(denied), "SENDER_DOMAIN_NOT_ALLOWED");
  ASSERT_TRUE(Send(Hello("a@shop.test"), &response, "shop-token").ok());

  v1::Message message;
  EXPECT_TRUE(Get(response.message().message_id(), &message, "shop-token").ok());
  EXPECT_EQ(Get(response.message().message_id(), &message, "news-token").error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get(response.message().message_id(), &message).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ApiServerTest, UnknownAndMalformedIds) {
  StartApi();
  v1::Message message;
  EXPECT_EQ(Get("01arz3ndektsv4rrffq69g5fav", &message).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get("7zzzzzzzzzzzzzzzzzzzzzzzzz", &message).error_code(), grpc::StatusCode::NOT_FOUND);
  for (const char* id :
       {"", "01arz3ndektsv4rrffq69g5fa", "01arz3ndektsv4rrffq69g5fa>", "zzarz3ndektsv4rrffq69g5fav"}) {
    EXPECT_EQ(Get(id, &message).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << id;
  }
}

TEST_F(ApiServerTest, WithoutTheBrokerItSaysUnavailableAndRecovers) {
  StartApi();
  server_->Kill();
  ASSERT_TRUE(test::WaitUntil([&] { return !broker_->connected(); }));
  v1::SendMessageResponse response;
  const grpc::Status status = Send(Hello(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "BROKER_UNAVAILABLE");
  v1::Message message;
  EXPECT_EQ(Get("01arz3ndektsv4rrffq69g5fav", &message).error_code(), grpc::StatusCode::UNAVAILABLE);
  ASSERT_TRUE(server_->StartAgain().ok());
  ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  EXPECT_TRUE(test::WaitUntil([&] { return Send(Hello(), &response).ok(); }));
}

TEST_F(ApiServerTest, ACommitWithoutAnswerIsOfUnknownOutcome) {
  StartApi();
  server_->Freeze();
  v1::SendMessageResponse response;
  const grpc::Status status = Send(Hello(), &response);
  server_->Thaw();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "OUTCOME_UNKNOWN");
}

TEST_F(ApiServerTest, TooMuchInFlightIsRefusedWhileOthersWait) {
  api_config_.max_in_flight = KiB(1200);  // what 200 KiB take, and not twice
  StartApi();
  server_->Freeze();
  auto stub = Stub();
  grpc::ClientContext context;
  Prepare(context);
  grpc::CompletionQueue queue;
  v1::SendMessageResponse first;
  grpc::Status first_status;
  auto call = stub->AsyncSendMessage(&context, Raw(200 << 10), &queue);
  call->Finish(&first, &first_status, &first);
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().pending_bytes > 0; }));

  v1::SendMessageResponse second;
  const grpc::Status refused = Send(Raw(200 << 10), &second);
  server_->Thaw();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "TOO_MUCH_IN_FLIGHT");
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_TRUE(first_status.ok()) << first_status.error_message();
  EXPECT_TRUE(Send(Raw(200 << 10), &second).ok());
}

// What is made of 1,000 addresses takes more than their octets.
TEST_F(ApiServerTest, FieldsOfARequestAreReservedAsWell) {
  api_config_.max_in_flight = KiB(400);
  StartApi();
  v1::SendMessageRequest request = Raw(1 << 10);
  for (int i = 0; i < 400; ++i) request.mutable_envelope()->add_to()->set_address(absl::StrCat(i, "@b.c"));
  ASSERT_LT(MemoryOfRequest(request.ByteSizeLong()), 100u << 10);
  v1::SendMessageResponse response;
  EXPECT_TRUE(Send(request, &response).ok());
  for (int i = 0; i < 999; ++i) request.mutable_envelope()->add_to()->set_address(absl::StrCat(i, "@b.c"));
  ASSERT_LT(MemoryOfRequest(request.ByteSizeLong()), 200u << 10);
  const grpc::Status status = Send(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "TOO_MUCH_IN_FLIGHT");
  EXPECT_TRUE(GivesAllBack());
}

TEST_F(ApiServerTest, NoRequestHasManyThousandFields) {
  StartApi();
  v1::SendMessageRequest request = Hello();
  for (int i = 0; i < 19'000; ++i) request.add_tags("");
  v1::SendMessageResponse response;
  EXPECT_EQ(ReasonOf(Send(request, &response)), "INVALID_REQUEST") << "each has its limit";
  for (int i = 0; i < 1'000; ++i) request.add_tags("");
  const grpc::Status status = Send(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "TOO_MANY_FIELDS");
  EXPECT_TRUE(GivesAllBack());
}

// However they end.
TEST_F(ApiServerTest, ManyCallsGiveAllTheirMemoryBack) {
  AddToken("token", "shop", {});
  StartApi();
  v1::SendMessageResponse response;
  v1::Message message;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Send(Hello(), &response, "token").ok());
    EXPECT_EQ(Send(v1::SendMessageRequest(), &response, "token").error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(Send(Hello(), &response, "other").error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(Get("none", &message, "token").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  server_->Freeze();
  std::vector<std::future<grpc::Status>> given_up;
  for (int i = 0; i < 20; ++i) {
    given_up.push_back(std::async(std::launch::async, [&] {
      grpc::ClientContext context;
      Prepare(context, "token");
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
      v1::SendMessageResponse nothing;
      return Stub()->SendMessage(&context, Hello(), &nothing);
    }));
  }
  for (auto& each : given_up) EXPECT_EQ(each.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  server_->Thaw();
  EXPECT_TRUE(GivesAllBack());
}

TEST_F(ApiServerTest, AFullQueueIsResourceExhaustedUntilThereIsRoom) {
  config_.capacity_bytes = 2 << 20;
  ProvisionAll();
  StartApi();
  const v1::SendMessageRequest request = Raw(200 << 10);
  v1::SendMessageResponse response;
  grpc::Status status;
  for (int i = 0; i < 30 && status.ok(); ++i) status = Send(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  google::rpc::Status details;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_TRUE(std::ranges::any_of(details.details(), [&](const auto& any) { return any.UnpackTo(&retry); }));
  EXPECT_GT(retry.retry_delay().seconds(), 0);
  // Deliveries make room; here somebody empties the stream.
  Api(absl::StrCat("STREAM.PURGE.", queue::ReadyStream(0)));
  EXPECT_TRUE(test::WaitUntil([&] { return Send(request, &response).ok(); }));
}

TEST_F(ApiServerTest, RequestsBeyondTheLimitAreRefused) {
  api_config_.max_message = KiB(64);
  StartApi();
  v1::SendMessageResponse response;
  EXPECT_EQ(Send(Raw(65 << 10), &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Send(Raw(2 << 20), &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ApiServerTest, CancelledCallsEndAtOnce) {
  StartApi();
  server_->Freeze();
  v1::SendMessageResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  EXPECT_EQ(Stub()->SendMessage(&context, Hello(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  // Counted as the server saw it, long before the commit ends.
  EXPECT_TRUE(test::WaitUntil(
      [&] {
        return absl::StrContains(metrics_.Render(),
                                 "goniec_api_calls_total{code=\"CANCELLED\",rpc=\"SendMessage\"} 1");
      },
      std::chrono::milliseconds(2'000)))
      << metrics_.Render();
  server_->Thaw();
}

TEST_F(ApiServerTest, ShutdownWaitsForCallsInHand) {
  StartApi();
  server_->Freeze();
  v1::SendMessageResponse response;
  auto call = std::async(std::launch::async, [&] { return Send(Hello(), &response); });
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().pending_bytes > 0; }));
  auto shutdown = std::async(std::launch::async, [&] { api_->Shutdown(seconds(20)); });
  server_->Thaw();
  EXPECT_TRUE(call.get().ok());
  shutdown.get();
  EXPECT_EQ(response.message().message_id().size(), 26u);
}

TEST_F(ApiServerTest, ShutdownEndsWhatDoesNotEnd) {
  StartApi();
  server_->Freeze();
  v1::SendMessageResponse response;
  auto call = std::async(std::launch::async, [&] { return Send(Hello(), &response); });
  ASSERT_TRUE(test::WaitUntil([&] { return publisher_->stats().pending_bytes > 0; }));
  api_->Shutdown(std::chrono::milliseconds(100));
  EXPECT_FALSE(call.get().ok());
  server_->Thaw();
}

TEST_F(ApiServerTest, ATakenPortIsToldInOneLine) {
  StartApi();
  api_config_.listen.port = static_cast<std::uint16_t>(api_->port());
  const std::unique_ptr<ApiServer> first = std::move(api_);
  const absl::Status status = TryStartApi();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process listens there"));
}

TEST_F(ApiServerTest, ServerInfoSaysWhatWasSeen) {
  AddToken("shop-token", "shop", {"shop.test"});
  StartApi();
  api_->SetServing(true);
  grpc::ClientContext context;
  Prepare(context, "shop-token");
  v1::ServerInfo info;
  ASSERT_TRUE(Stub()->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.version(), GONIEC_VERSION);
  EXPECT_EQ(info.tenant(), "shop");
  EXPECT_THAT(info.sender_domains(), testing::ElementsAre("shop.test"));
  EXPECT_EQ(info.durability().sync(), v1::Durability::FSYNC);
  EXPECT_EQ(info.limits().max_message_bytes(), 25 << 20);
  EXPECT_EQ(info.limits().bulk_life().seconds(), 2 * 86400);
  EXPECT_FALSE(info.broker_version().empty());
  EXPECT_TRUE(info.serving());
}

}  // namespace
}  // namespace goniec::outbound
