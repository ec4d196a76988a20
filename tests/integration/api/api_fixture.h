// An ApiServer over a provisioned nats-server, and its clients.
#pragma once

#include <grpcpp/grpcpp.h>

#include <asio/io_context.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/net/io_threads.h"
#include "common/observe/metrics.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/publish/publisher.h"
#include "common/queue/streams/durability.h"
#include "goniec/rpc/google_rpc.pb.h"
#include "goniec/v1/mail_service.grpc.pb.h"
#include "goniec/v1/queue_service.grpc.pb.h"
#include "outbound/api/api_server.h"
#include "outbound/api/credentials.h"
#include "tests/integration/queue/real_queue.h"

namespace goniec::outbound {

class ApiFixture : public queue::RealQueue {
 protected:
  ApiFixture() {
    api_config_.listen.port = 0;
    config_.commit_repeat = std::chrono::milliseconds(500);
    config_.commit_limit = std::chrono::milliseconds(3'000);
  }
  void SetUp() override {
    StartServer();
    ProvisionAll();
    publisher_ = queue::Publisher::Create(*broker_, config_);
    reader_ = Connect(config_);
    finder_ = std::make_unique<queue::MessageFinder>(*reader_, config_);
  }
  void TearDown() override {
    api_.reset();
    publisher_.reset();
  }

  absl::Status TryStartApi() {
    durability_ = RunToEnd(queue::ReadDurability(*broker_, config_));
    auto api = ApiServer::Start(
        api_config_, {*broker_, *publisher_, *finder_, metrics_, io_.context(0).get_executor(), RetryPolicy(),
                      "api.test", [this] { return durability_; }, *reader_, config_.lanes});
    if (api.ok()) api_ = *std::move(api);
    return api.status();
  }
  void StartApi() { ASSERT_TRUE(TryStartApi().ok()); }

  void AddToken(const std::string& token, const std::string& tenant, std::vector<std::string> domains) {
    api_config_.needs_token = true;
    api_config_.tokens.push_back(
        {.sha256 = HashToken(token), .tenant = tenant, .sender_domains = std::move(domains), .name = tenant});
  }

  std::unique_ptr<v1::MailService::Stub> Stub(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials()) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // A connection of its own, not one shared with another stub of the test.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("api.test");
    return v1::MailService::NewStub(
        grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", api_->port()), credentials, arguments));
  }

  static void Prepare(grpc::ClientContext& context, const std::string& token = "") {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  }
  grpc::Status Send(const v1::SendMessageRequest& request, v1::SendMessageResponse* response,
                    const std::string& token = "") {
    grpc::ClientContext context;
    Prepare(context, token);
    return Stub()->SendMessage(&context, request, response);
  }
  grpc::Status Get(const std::string& id, v1::Message* message, const std::string& token = "") {
    grpc::ClientContext context;
    Prepare(context, token);
    v1::GetMessageRequest request;
    request.set_message_id(id);
    return Stub()->GetMessage(&context, request, message);
  }

  static v1::SendMessageRequest Hello(const std::string& from = "ala@example.test") {
    v1::SendMessageRequest request;
    v1::ComposedMessage& composed = *request.mutable_composed();
    composed.mutable_from()->set_address(from);
    composed.add_to()->set_address("kot@example.net");
    composed.set_text("Hello\n");
    return request;
  }
  static v1::SendMessageRequest Raw(std::size_t size) {
    v1::SendMessageRequest request;
    request.mutable_envelope()->set_mail_from("ala@example.test");
    request.mutable_envelope()->add_to()->set_address("kot@example.net");
    std::string& raw = *request.mutable_raw();
    raw = "From: ala@example.test\r\nDate: x\r\nMessage-ID: <1@example.test>\r\n\r\n";
    for (int i = 0; raw.size() < size; ++i) absl::StrAppend(&raw, "line ", i, "\r\n");
    return request;
  }

  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    if (!details.ParseFromString(status.error_details())) return "unreadable";
    for (const auto& any : details.details()) {
      google::rpc::ErrorInfo info;
      if (any.UnpackTo(&info)) return info.reason();
    }
    return "none";
  }

  ApiConfig api_config_;
  observe::Metrics metrics_;
  net::IoThreads io_{1, "api-test"};
  queue::Durability durability_;
  std::unique_ptr<queue::Publisher> publisher_;
  std::unique_ptr<queue::Broker> reader_;
  std::unique_ptr<queue::MessageFinder> finder_;
  std::unique_ptr<ApiServer> api_;
};

}  // namespace goniec::outbound
