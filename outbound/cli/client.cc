#include "outbound/cli/client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "goniec/rpc/google_rpc.pb.h"
#include "outbound/cli/command.h"
#include "outbound/cli/octets.h"

namespace goniec::cli {
namespace {

constexpr int kMaxTimeout = 3600;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool IsLoopback(std::string_view api) {
  const std::string_view host = api.substr(0, api.rfind(':'));
  // A name may begin with "127." as well.
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

absl::StatusOr<std::string> ReadToken(const Flags& flags) {
  std::string token;
  if (flags.Has("token-file")) {
    const std::string path = flags.One("token-file");
    auto content = ReadInput(path);
    if (!content.ok()) return content.status();
    token = TrimAsciiSpace(*content);
    if (token.empty()) return absl::InvalidArgumentError(Printable(path) + ": is empty");
  } else {
    token = Environment("GONIEC_TOKEN");
  }
  const char* const what = flags.Has("token-file") ? "--token-file: the token" : "$GONIEC_TOKEN";
  if (absl::Status good = CheckPrintableAscii(what, token); !good.ok()) return good;
  return token;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ReadTls(const Flags& flags) {
  if (!flags.Has("tls") && !flags.Has("ca")) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (flags.Has("ca")) {
    auto authority = ReadInput(flags.One("ca"));
    if (!authority.ok()) return authority.status();
    if (!absl::StrContains(*authority, "-----BEGIN CERTIFICATE-----")) {
      return absl::InvalidArgumentError(Printable(flags.One("ca")) + ": holds no certificate in PEM");
    }
    options.pem_root_certs = *std::move(authority);
  }
  return grpc::SslCredentials(options);
}

const char* CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "invalid request";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "not authenticated";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "not allowed";
    case grpc::StatusCode::NOT_FOUND:
      return "not found";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "refused for now";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "no answer in time";
    case grpc::StatusCode::UNAVAILABLE:
      return "unavailable";
    default:
      return "failed";
  }
}

// gRPC wraps the system's reason in the story of how it tried.
std::string ReasonIn(const std::string& message) {
  constexpr std::string_view kBefore = "remote host: ";
  const std::size_t at = message.rfind(kBefore);
  return Printable(at == std::string::npos ? message : message.substr(at + kBefore.size()), 300);
}

// One line, with every invalid field in it.
std::string Explain(const grpc::Status& status, const std::string& api) {
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details())) {
    // Not from our server: most often nobody listens there.
    const char* hint = status.error_code() == grpc::StatusCode::UNAVAILABLE
                           ? "; is goniec-outbound there, and does it want TLS (--api, --tls)?"
                           : "";
    return absl::StrCat(api, ": ", CodeName(status.error_code()), ": ", ReasonIn(status.error_message()),
                        hint);
  }
  std::string text = absl::StrCat(CodeName(status.error_code()), ": ");
  for (const auto& any : details.details()) {
    google::rpc::BadRequest bad;
    if (!any.UnpackTo(&bad)) continue;
    std::string fields;
    for (const auto& violation : bad.field_violations()) {
      absl::StrAppend(&fields, fields.empty() ? "" : "; ", Printable(violation.field()), " ",
                      Printable(violation.description(), 300));
    }
    return text + fields;
  }
  return text + Printable(status.error_message(), 500);
}

}  // namespace

absl::StatusOr<int> ParseSeconds(const std::string& text, const char* flag) {
  int seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds) || seconds < 1 || seconds > kMaxTimeout) {
    return UsageError(absl::StrCat("--", flag, " must be 1 to ", kMaxTimeout, " seconds"));
  }
  return seconds;
}

absl::StatusOr<Client> Client::Connect(const Flags& flags) {
  Client client;
  client.api_ = flags.Has("api") ? flags.One("api") : Environment("GONIEC_API");
  if (absl::Status good = CheckUtf8("$GONIEC_API", client.api_); !good.ok()) return good;
  if (client.api_.empty()) client.api_ = kDefaultApi;
  if (flags.Has("timeout")) {
    auto seconds = ParseSeconds(flags.One("timeout"), "timeout");
    if (!seconds.ok()) return seconds.status();
    client.timeout_seconds_ = *seconds;
  }
  auto token = ReadToken(flags);
  if (!token.ok()) return token.status();
  client.token_ = *std::move(token);
  const bool tls = flags.Has("tls") || flags.Has("ca");
  if (!client.token_.empty() && !tls && !IsLoopback(client.api_) && !flags.Has("insecure")) {
    return UsageError("a token would be sent to another machine in the clear: use --tls (or --insecure)");
  }
  auto credentials = ReadTls(flags);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // A proxy that the shell has for the web is not one for this.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(client.api_, *credentials, arguments);
  client.mail_ = v1::MailService::NewStub(channel);
  client.queue_ = v1::QueueService::NewStub(channel);
  return client;
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Client::Call(Stub& stub, Method<Stub, Request, Response> method,
                                      const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(timeout_seconds_));
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (status.ok()) return response;
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), Explain(status, api_));
}

absl::StatusOr<v1::SendMessageResponse> Client::Send(const v1::SendMessageRequest& request) {
  return Call<v1::MailService::Stub, v1::SendMessageRequest, v1::SendMessageResponse>(
      *mail_, &v1::MailService::Stub::SendMessage, request);
}

absl::StatusOr<v1::Message> Client::Get(const std::string& id) {
  v1::GetMessageRequest request;
  request.set_message_id(id);
  return Call<v1::MailService::Stub, v1::GetMessageRequest, v1::Message>(
      *mail_, &v1::MailService::Stub::GetMessage, request);
}

absl::StatusOr<v1::ServerInfo> Client::Info() {
  return Call<v1::MailService::Stub, v1::GetServerInfoRequest, v1::ServerInfo>(
      *mail_, &v1::MailService::Stub::GetServerInfo, {});
}

absl::StatusOr<v1::ListSitesResponse> Client::ListSites(const v1::ListSitesRequest& request) {
  return Call<v1::QueueService::Stub, v1::ListSitesRequest, v1::ListSitesResponse>(
      *queue_, &v1::QueueService::Stub::ListSites, request);
}

}  // namespace goniec::cli
