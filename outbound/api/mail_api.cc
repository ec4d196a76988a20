#include "outbound/api/mail_api.h"

#include <optional>
#include <string_view>
#include <utility>

#include "common/base/spawn.h"
#include "common/queue/durability.h"
#include "outbound/api/get.h"
#include "outbound/api/message_view.h"
#include "outbound/api/send.h"

namespace goniec::outbound {
namespace {

constexpr const char* kCallsName = "goniec_api_calls_total";
constexpr const char* kCallsHelp = "Calls of the gRPC API by method and final status.";

observe::CounterBy CallsOf(observe::Metrics& metrics, const char* rpc) {
  return metrics.AddCounterBy(
      kCallsName, kCallsHelp, "code",
      {"OK", "CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED",
       "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL"},
      {{"rpc", rpc}});
}

std::string_view CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    default:
      return "other";
  }
}

OnFinished CountIn(const observe::CounterBy& calls) {
  return [&calls](grpc::StatusCode code) { calls.With(CodeName(code)).Add(); };
}

absl::StatusOr<Caller> Authenticate(const ApiContext& context, const grpc::CallbackServerContext& call) {
  const auto& metadata = call.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) return context.credentials.Authenticate(std::nullopt);
  return context.credentials.Authenticate(std::string_view(found->second.data(), found->second.size()));
}

// gRPC starts calls until its Shutdown; the group is closed only after that. Should a task not be started all
// the same, its parameters are destroyed and the completion ends the call.
void Run(ApiContext& context, const char* name, asio::awaitable<void> task) {
  SpawnLogged(context.deps.executor, context.tasks, name, std::move(task));
}

}  // namespace

ApiContext::ApiContext(const ApiConfig& api_config, ApiDeps api_deps)
    : config(api_config),
      deps(std::move(api_deps)),
      credentials(config),
      rules{.config = config, .retry = deps.retry, .host = deps.host},
      in_flight(config.max_in_flight.bytes,
                deps.metrics.AddGauge("goniec_api_in_flight_bytes", "Bytes of the API's requests in hand.")),
      commit_seconds(deps.metrics.AddHistogram(
          "goniec_api_commit_seconds", "From handing a message to the publisher to its durable answer.")),
      send_calls(CallsOf(deps.metrics, "SendMessage")),
      get_calls(CallsOf(deps.metrics, "GetMessage")),
      info_calls(CallsOf(deps.metrics, "GetServerInfo")) {}

grpc::ServerUnaryReactor* MailApi::SendMessage(grpc::CallbackServerContext* call,
                                               const v1::SendMessageRequest* request,
                                               v1::SendMessageResponse* response) {
  auto [reactor, completion] =
      Reactor<v1::SendMessageResponse>::Start(response, CountIn(context_.send_calls));
  auto caller = Authenticate(context_, *call);
  if (!caller.ok()) {
    completion.Finish(ToGrpc(caller.status()));
    return reactor;
  }
  InFlight::Reservation hold = context_.in_flight.Reserve(request->ByteSizeLong());
  if (!hold) {
    completion.Finish(TooMuchInFlight());
    return reactor;
  }
  Run(context_, "api send",
      Send(context_, std::move(completion), *request, *std::move(caller), std::move(hold)));
  return reactor;
}

grpc::ServerUnaryReactor* MailApi::GetMessage(grpc::CallbackServerContext* call,
                                              const v1::GetMessageRequest* request, v1::Message* response) {
  auto [reactor, completion] = Reactor<v1::Message>::Start(response, CountIn(context_.get_calls));
  auto caller = Authenticate(context_, *call);
  if (!caller.ok()) {
    completion.Finish(ToGrpc(caller.status()));
    return reactor;
  }
  Run(context_, "api get", Get(context_, std::move(completion), request->message_id(), *std::move(caller)));
  return reactor;
}

grpc::ServerUnaryReactor* MailApi::GetServerInfo(grpc::CallbackServerContext* call,
                                                 const v1::GetServerInfoRequest* request,
                                                 v1::ServerInfo* response) {
  auto [reactor, completion] = Reactor<v1::ServerInfo>::Start(response, CountIn(context_.info_calls));
  const auto caller = Authenticate(context_, *call);
  if (!caller.ok()) {
    completion.Finish(ToGrpc(caller.status()));
  } else {
    completion.Finish(DescribeServer(context_, *caller));
  }
  return reactor;
}

}  // namespace goniec::outbound
