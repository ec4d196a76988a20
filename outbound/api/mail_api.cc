#include "outbound/api/mail_api.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/spawn.h"
#include "common/queue/streams/durability.h"
#include "outbound/api/get.h"
#include "outbound/api/list_sites.h"
#include "outbound/api/message_view.h"
#include "outbound/api/request_fields.h"
#include "outbound/api/send.h"

namespace goniec::outbound {
namespace {

constexpr const char* kCallsName = "goniec_api_calls_total";
constexpr const char* kCallsHelp = "Calls of the gRPC API by method and final status.";

observe::CounterBy CallsOf(observe::Metrics& metrics, const char* rpc) {
  return metrics.AddCounterBy(
      kCallsName, kCallsHelp, "code",
      {"OK", "CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED",
       "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "UNAVAILABLE", "INTERNAL"},
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
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    default:
      return "other";
  }
}

// gRPC starts calls until its Shutdown; the group is closed only after that. Should a task not be started all
// the same, its parameters are destroyed and the completion ends the call.
void Run(ApiContext& context, const char* name, asio::awaitable<void> task) {
  SpawnLogged(context.deps.executor, context.tasks, name, std::move(task));
}

// What a tenant may have of api.max_in_flight: half of it where there are others, and one message in any
// case.
std::uint64_t ShareOf(const ApiConfig& config, const Caller& caller) {
  const std::uint64_t limit = config.max_in_flight.bytes;
  if (!caller.has_neighbours) return limit;
  return std::max(limit / 2, MostMemoryOfRequest(config));
}

// The memory that is reserved for a request grows by what its fields become.
template <typename Request>
grpc::Status AdmitFields(const ApiContext& context, CallState& call, grpc::ByteBuffer& bytes,
                         const Caller& caller) {
  grpc::ProtoBufferReader reader(&bytes);
  const std::optional<std::size_t> fields = CountFields(reader, *Request::descriptor(), kMostFields);
  if (!fields) return NotParsed();
  if (*fields > kMostFields) return TooManyFields(kMostFields);
  return call.Grow(*fields * kMemoryOfField, ShareOf(context.config, caller))
             ? grpc::Status::OK
             : TooMuchInFlight("api.max_in_flight");
}

// Null, and the call has ended, if it is no such message.
template <typename Request>
std::unique_ptr<Request> Parse(const ApiContext& context, CallState& call, grpc::ByteBuffer bytes,
                               const Caller& caller) {
  if (const grpc::Status status = AdmitFields<Request>(context, call, bytes, caller); !status.ok()) {
    call.Finish(status);
    return nullptr;
  }
  auto request = std::make_unique<Request>();
  if (grpc::SerializationTraits<Request>::Deserialize(&bytes, request.get()).ok()) return request;
  call.Finish(NotParsed());
  return nullptr;
}

void StartSend(ApiContext& context, std::shared_ptr<CallState> call, grpc::ByteBuffer bytes, Caller caller) {
  auto request = Parse<v1::SendMessageRequest>(context, *call, bytes, caller);
  if (request == nullptr) return;
  Run(context, "api send",
      Send(context, Completion<v1::SendMessageResponse>(std::move(call)), std::move(request),
           std::move(caller)));
}

void StartGet(ApiContext& context, std::shared_ptr<CallState> call, grpc::ByteBuffer bytes, Caller caller) {
  const auto request = Parse<v1::GetMessageRequest>(context, *call, bytes, caller);
  if (request == nullptr) return;
  Run(context, "api get",
      Get(context, Completion<v1::Message>(std::move(call)), request->message_id(), std::move(caller)));
}

void StartInfo(ApiContext& context, std::shared_ptr<CallState> call, grpc::ByteBuffer bytes, Caller caller) {
  if (Parse<v1::GetServerInfoRequest>(context, *call, bytes, caller) == nullptr) return;
  Completion<v1::ServerInfo>(std::move(call)).Finish(DescribeServer(context, caller));
}

void StartListSites(ApiContext& context, std::shared_ptr<CallState> call, grpc::ByteBuffer bytes,
                    Caller caller) {
  auto request = Parse<v1::ListSitesRequest>(context, *call, bytes, caller);
  if (request == nullptr) return;
  Run(context, "api list sites",
      ListSites(context, Completion<v1::ListSitesResponse>(std::move(call)), std::move(request)));
}

grpc::Status MailAllowed(const Caller& caller) {
  return caller.HasMail() ? grpc::Status::OK : TokenWithoutMail();
}
grpc::Status AnyAllowed(const Caller& /*caller*/) {
  return grpc::Status::OK;
}
grpc::Status OperatorAllowed(const Caller& caller) {
  return caller.is_operator ? grpc::Status::OK : OperatorsOnly();
}

struct Method {
  std::string_view path;
  grpc::Status (*allowed)(const Caller&);
  void (*start)(ApiContext&, std::shared_ptr<CallState>, grpc::ByteBuffer, Caller);
  observe::CounterBy ApiContext::* calls;
};
constexpr Method kMethods[] = {
    {"/goniec.v1.MailService/SendMessage", MailAllowed, StartSend, &ApiContext::send_calls},
    {"/goniec.v1.MailService/GetMessage", MailAllowed, StartGet, &ApiContext::get_calls},
    {"/goniec.v1.MailService/GetServerInfo", AnyAllowed, StartInfo, &ApiContext::info_calls},
    {"/goniec.v1.QueueService/ListSites", OperatorAllowed, StartListSites, &ApiContext::sites_calls},
};

const Method* MethodOf(std::string_view path) {
  for (const Method& method : kMethods) {
    if (method.path == path) return &method;
  }
  return nullptr;
}

// What a call has for as long as it is there.
struct OpenCall {
  explicit OpenCall(const observe::Gauge& open_calls) : gauge(open_calls) { gauge.Add(); }
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;
  ~OpenCall() { gauge.Subtract(); }

  const observe::Gauge gauge;
  CallPlaces::Place place;  // of one that is taken
};

absl::StatusOr<Caller> Authenticate(ApiContext& context, const grpc::CallbackServerContext& call) {
  const auto& metadata = call.client_metadata();
  const auto found = metadata.find("authorization");
  const std::shared_ptr<const Credentials> credentials = context.tokens.Current();
  if (found == metadata.end()) return credentials->Authenticate(std::nullopt);
  return credentials->Authenticate(std::string_view(found->second.data(), found->second.size()));
}

// What the guard of the connection knows of it.
std::shared_ptr<IncomingCall> IncomingOf(const ApiContext& context, const grpc::CallbackServerContext& call) {
  const auto [first, last] = call.client_metadata().equal_range(kCallTokenKey);
  for (auto entry = first; entry != last; ++entry) {
    auto found = context.incoming.Find(std::string_view(entry->second.data(), entry->second.size()));
    if (found != nullptr) return found;
  }
  return nullptr;
}

grpc::Status Admit(ApiContext& context, const Caller& caller, AnnouncedMessage message,
                   RequestMemory::Reservation& memory) {
  if (message.compressed) return CompressionRefused();
  const std::uint64_t limit = context.config.max_message.bytes + kRequestOverhead;
  if (message.octets > limit) return RequestTooLarge(message.octets, limit);
  memory =
      context.memory.Reserve(caller.tenant, MemoryOfRequest(message.octets), ShareOf(context.config, caller));
  return memory ? grpc::Status::OK : TooMuchInFlight("api.max_in_flight");
}

}  // namespace

ApiContext::ApiContext(const ApiConfig& api_config, ApiDeps api_deps)
    : config(api_config),
      deps(std::move(api_deps)),
      tokens(config, deps.metrics),
      rules{.config = config, .retry = deps.retry, .host = deps.host},
      places(config.max_calls),
      memory(config.max_in_flight.bytes,
             deps.metrics.AddGauge("goniec_api_in_flight_bytes",
                                   "Memory that is reserved for the API's requests in hand.")),
      sites(deps.reads, deps.lanes),
      commit_seconds(deps.metrics.AddHistogram(
          "goniec_api_commit_seconds", "From handing a message to the publisher to its durable answer.")),
      open_calls(deps.metrics.AddGauge("goniec_api_calls", "Calls of the gRPC API in hand.")),
      send_calls(CallsOf(deps.metrics, "SendMessage")),
      get_calls(CallsOf(deps.metrics, "GetMessage")),
      info_calls(CallsOf(deps.metrics, "GetServerInfo")),
      sites_calls(CallsOf(deps.metrics, "ListSites")),
      other_calls(CallsOf(deps.metrics, "other")) {}

grpc::ServerGenericBidiReactor* MailApi::CreateReactor(grpc::GenericCallbackServerContext* call) {
  ApiContext& context = context_;
  const Method* method = MethodOf(call->method());
  const observe::CounterBy& counted = method != nullptr ? context.*method->calls : context.other_calls;
  // Whatever may go wrong does before there is a reactor, which nobody else would delete.
  auto caller = Authenticate(context, *call);
  auto open = std::make_shared<OpenCall>(context.open_calls);
  auto state = std::make_shared<CallState>(
      [&counted](grpc::StatusCode code) { counted.With(CodeName(code)).Add(); }, open);
  auto* reactor = new CallReactor(state);
  const auto refuse = [&](const grpc::Status& status) {
    state->Finish(status);
    return reactor;
  };
  if (!caller.ok()) return refuse(ToGrpc(caller.status()));
  if (method == nullptr) return refuse(NoSuchMethod());
  if (const grpc::Status allowed = method->allowed(*caller); !allowed.ok()) return refuse(allowed);
  open->place = context.places.Take(caller->tenant, caller->has_neighbours);
  if (!open->place) return refuse(TooMuchInFlight("api.max_calls"));
  std::shared_ptr<IncomingCall> incoming = IncomingOf(context, *call);
  if (incoming == nullptr) return refuse(CallerGone(false));
  state->Receive(
      std::move(incoming), context.config.request_timeout,
      [&context, caller = *caller](AnnouncedMessage message, RequestMemory::Reservation& memory) {
        return Admit(context, caller, message, memory);
      },
      [&context, start = method->start, caller = *caller](std::shared_ptr<CallState> ready,
                                                          grpc::ByteBuffer request) {
        start(context, std::move(ready), request, caller);
      });
  return reactor;
}

}  // namespace goniec::outbound
