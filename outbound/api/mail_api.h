// MailService and QueueService themselves: take calls from gRPC, authenticate them by their metadata, reserve
// memory for their requests, and run each as a coroutine (send.cc, get.cc, list_sites.cc). Made by ApiServer.
// Thread-safe.
#pragma once

#include <atomic>
#include <memory>

#include "common/base/task_group.h"
#include "common/observe/metrics.h"
#include "goniec/v1/mail_service.grpc.pb.h"
#include "outbound/api/api_config.h"
#include "outbound/api/api_server.h"
#include "outbound/api/call.h"
#include "outbound/api/call_places.h"
#include "outbound/api/credentials.h"
#include "outbound/api/incoming_calls.h"
#include "outbound/api/request_memory.h"
#include "outbound/api/site_book.h"
#include "outbound/api/submission.h"
#include "outbound/api/token_files.h"

namespace goniec::outbound {

// What the calls of a server share.
struct ApiContext {
  ApiContext(const ApiConfig& api_config, ApiDeps api_deps);

  const ApiConfig config;
  const ApiDeps deps;
  TokenFiles tokens;
  const SubmissionRules rules;
  IncomingCalls incoming;
  CallPlaces places;
  RequestMemory memory;
  SiteBook sites;
  // The coroutines of the calls.
  TaskGroup tasks;
  std::atomic<bool> serving{false};

  observe::Histogram commit_seconds;
  observe::Gauge open_calls;
  observe::CounterBy send_calls;
  observe::CounterBy get_calls;
  observe::CounterBy info_calls;
  observe::CounterBy sites_calls;
  observe::CounterBy other_calls;
};

class MailApi final : public grpc::CallbackGenericService {
 public:
  explicit MailApi(ApiContext& context) : context_(context) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* call) override;

 private:
  ApiContext& context_;
};

}  // namespace goniec::outbound
