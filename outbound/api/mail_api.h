// MailService itself: takes calls from gRPC, authenticates, and runs each as a coroutine (send.cc, get.cc).
// Made by ApiServer. Thread-safe.
#pragma once

#include <atomic>
#include <memory>

#include "common/base/task_group.h"
#include "common/observe/metrics.h"
#include "goniec/v1/mail_service.grpc.pb.h"
#include "outbound/api/api_config.h"
#include "outbound/api/api_server.h"
#include "outbound/api/call.h"
#include "outbound/api/credentials.h"
#include "outbound/api/submission.h"

namespace goniec::outbound {

// What the calls of a server share.
struct ApiContext {
  ApiContext(const ApiConfig& api_config, ApiDeps api_deps);

  const ApiConfig config;
  const ApiDeps deps;
  const Credentials credentials;
  const SubmissionRules rules;
  InFlight in_flight;
  // The coroutines of the calls.
  TaskGroup tasks;
  std::atomic<bool> serving{false};

  observe::Histogram commit_seconds;
  observe::CounterBy send_calls;
  observe::CounterBy get_calls;
  observe::CounterBy info_calls;
};

class MailApi final : public v1::MailService::CallbackService {
 public:
  explicit MailApi(ApiContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* SendMessage(grpc::CallbackServerContext* call,
                                        const v1::SendMessageRequest* request,
                                        v1::SendMessageResponse* response) override;
  grpc::ServerUnaryReactor* GetMessage(grpc::CallbackServerContext* call,
                                       const v1::GetMessageRequest* request, v1::Message* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* call,
                                          const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;

 private:
  ApiContext& context_;
};

}  // namespace goniec::outbound
