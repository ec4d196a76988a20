#include "outbound/api/api_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/streams/durability.h"
#include "outbound/api/api_gate.h"
#include "outbound/api/bind_check.h"
#include "outbound/api/listed_service.h"
#include "outbound/api/mail_api.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kServiceNames[] = {"goniec.v1.MailService", "goniec.v1.QueueService"};
// What gRPC itself needs beside the requests in hand.
constexpr std::uint64_t kTransportMemory = 64 << 20;
// HTTP/2's window of a stream before anything of it is read; not widened by measurements of the path.
constexpr int kFirstWindow = 65'535;
// A commit ends by itself after 30 s (queue.commit_limit), a chunk's tries sooner.
constexpr seconds kLongestTask{60};

// gRPC's own lines, most of them about peers (handshakes that fail), in the form of ours.
void LogAsOurs(gpr_log_func_args* line) {
  observe::InfoLimited("grpc", {{"text", line->message}, {"file", line->file}, {"line", line->line}});
}

void SetLimits(const ApiConfig& config, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.max_message.bytes + kRequestOverhead));
  grpc::ResourceQuota quota("goniec-api");
  quota.Resize(config.max_in_flight.bytes + kTransportMemory);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, config.calls_per_connection);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kFirstWindow);
  // What is compressed may become anything.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // Dead clients are found, lively ones may ping every ten seconds, others are sent away.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 5);
}

}  // namespace

struct ApiServer::State {
  State(const ApiConfig& config, ApiDeps deps) : context(config, std::move(deps)), service(context) {}

  ApiContext context;
  MailApi service;
  ListedService mail_listed{"/goniec.v1.MailService/Listed"};
  ListedService queue_listed{"/goniec.v1.QueueService/Listed"};
  std::unique_ptr<grpc::Server> server;
  // Its connections end at the server.
  std::unique_ptr<ApiGate> gate;
  std::once_flag shutdown;
};

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiConfig& config, ApiDeps deps) {
  if (absl::Status bindable = CheckBindable(config.listen); !bindable.ok()) {
    return WithContext(bindable, absl::StrCat("api.listen ", config.listen.ToString()));
  }
  gpr_set_log_function(LogAsOurs);
  grpc::EnableDefaultHealthCheckService(true);
  static std::once_flag reflection;
  if (config.reflection) std::call_once(reflection, grpc::reflection::InitProtoReflectionServerBuilderPlugin);

  if (const auto warning = ShareWarning(config)) observe::Warn("api memory scarce", {{"why", *warning}});
  auto state = std::make_unique<State>(config, std::move(deps));
  auto gate = ApiGate::Open({state->context.config, state->context.incoming, state->context.deps.metrics});
  if (!gate.ok()) return gate.status();
  state->gate = *std::move(gate);
  grpc::ServerBuilder builder;
  SetLimits(config, builder);
  builder.RegisterService(&state->mail_listed);
  builder.RegisterService(&state->queue_listed);
  builder.RegisterCallbackGenericService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr) return absl::InternalError("the gRPC server cannot be started");
  std::unique_ptr<ApiServer> server(new ApiServer(std::move(state)));
  server->SetServing(false);
  grpc::Server* grpc_server = server->state_->server.get();
  server->state_->gate->Start(
      [grpc_server](int socket) { grpc::AddInsecureChannelFromFd(grpc_server, socket); });
  return server;
}

ApiServer::ApiServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ApiServer::~ApiServer() {
  Shutdown(milliseconds(0));
}

int ApiServer::port() const {
  return state_->gate->port();
}

void ApiServer::SetServing(bool serving) {
  state_->context.serving = serving;
  grpc::HealthCheckServiceInterface* health = state_->server->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const char* name : kServiceNames) health->SetServingStatus(name, serving);
}

void ApiServer::Shutdown(milliseconds limit) {
  std::call_once(state_->shutdown, [&] {
    SetServing(false);
    state_->gate->StopAccepting();
    // Calls that are cancelled at the deadline end at once if all they do is wait for their commit (call.h).
    state_->server->Shutdown(std::chrono::system_clock::now() + limit);
    state_->context.tasks.Close();
    if (!state_->context.tasks.WaitFor(kLongestTask)) {
      observe::Error("api tasks do not end", {{"left", state_->context.tasks.size()}});
    }
    state_->gate->Stop();
  });
}

}  // namespace goniec::outbound
