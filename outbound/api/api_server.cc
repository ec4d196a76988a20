#include "outbound/api/api_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/net/tls_context.h"
#include "common/observe/log.h"
#include "common/queue/durability.h"
#include "outbound/api/bind_check.h"
#include "outbound/api/mail_api.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kServiceName[] = "goniec.v1.MailService";
// Beside the message itself: recipients, tags, metadata, framing.
constexpr std::uint64_t kRequestOverhead = 1 << 20;
// What gRPC itself needs beside the requests in hand.
constexpr std::uint64_t kTransportMemory = 64 << 20;
constexpr unsigned kCertificateCheckSeconds = 10;
// A commit ends by itself after 30 s (queue.commit_limit), a chunk's tries sooner.
constexpr seconds kLongestTask{60};

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerCredentialsFor(const ApiConfig& config) {
  if (!config.has_tls()) return grpc::InsecureServerCredentials();
  // gRPC says nothing of files that are no good; handshakes just fail.
  const auto check = net::TlsServerContext::Create({config.tls_certificate_file, config.tls_key_file});
  if (!check.ok()) return WithContext(check.status(), "api.tls");
  auto files = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      config.tls_key_file, config.tls_certificate_file, kCertificateCheckSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(std::move(files));
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return grpc::experimental::TlsServerCredentials(options);
}

// gRPC's own lines, most of them about peers (handshakes that fail), in the form of ours.
void LogAsOurs(gpr_log_func_args* line) {
  observe::InfoLimited("grpc", {{"text", line->message}, {"file", line->file}, {"line", line->line}});
}

void SetLimits(const ApiConfig& config, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.max_message.bytes + kRequestOverhead));
  grpc::ResourceQuota quota("goniec-api");
  quota.Resize(config.max_in_flight.bytes + kTransportMemory);
  builder.SetResourceQuota(quota);
  // A second process on the port would silently get half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, config.max_calls);
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
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::once_flag shutdown;
};

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiConfig& config, ApiDeps deps) {
  auto credentials = ServerCredentialsFor(config);
  if (!credentials.ok()) return credentials.status();
  if (absl::Status bindable = CheckBindable(config.listen); !bindable.ok()) {
    return WithContext(bindable, absl::StrCat("api.listen ", config.listen.ToString()));
  }
  gpr_set_log_function(LogAsOurs);
  grpc::EnableDefaultHealthCheckService(true);
  static std::once_flag reflection;
  if (config.reflection) std::call_once(reflection, grpc::reflection::InitProtoReflectionServerBuilderPlugin);

  auto state = std::make_unique<State>(config, std::move(deps));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen.ToString(), *credentials, &state->port);
  SetLimits(config, builder);
  builder.RegisterService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return absl::UnavailableError(
        absl::StrCat("api.listen ", config.listen.ToString(), ": cannot be listened on"));
  }
  std::unique_ptr<ApiServer> server(new ApiServer(std::move(state)));
  server->SetServing(false);
  return server;
}

ApiServer::ApiServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ApiServer::~ApiServer() {
  Shutdown(milliseconds(0));
}

int ApiServer::port() const {
  return state_->port;
}

void ApiServer::SetServing(bool serving) {
  state_->context.serving = serving;
  grpc::HealthCheckServiceInterface* health = state_->server->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus(kServiceName, serving);
}

void ApiServer::Shutdown(milliseconds limit) {
  std::call_once(state_->shutdown, [&] {
    SetServing(false);
    // Calls that are cancelled at the deadline end at once if all they do is wait for their commit (call.h).
    state_->server->Shutdown(std::chrono::system_clock::now() + limit);
    state_->context.tasks.Close();
    if (!state_->context.tasks.WaitFor(kLongestTask)) {
      observe::Error("api tasks do not end", {{"left", state_->context.tasks.size()}});
    }
  });
}

}  // namespace goniec::outbound
