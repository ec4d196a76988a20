// A connection of the command line to a server's API: flags and environment to a channel, statuses to one
// line. Confined to one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "goniec/v1/mail_service.grpc.pb.h"
#include "goniec/v1/queue_service.grpc.pb.h"
#include "outbound/cli/flags.h"

namespace goniec::cli {

inline constexpr char kDefaultApi[] = "127.0.0.1:8443";

// For the flag tables of the commands that call the API.
inline constexpr FlagSpec kApiFlag{"api", FlagKind::kOne, "HOST:PORT",
                                   "the server (default: $GONIEC_API, 127.0.0.1:8443)"};
inline constexpr FlagSpec kTokenFlag{"token-file", FlagKind::kOne, "FILE",
                                     "file with the token (default: $GONIEC_TOKEN)"};
inline constexpr FlagSpec kTlsFlag{"tls", FlagKind::kSwitch, "", "use TLS"};
inline constexpr FlagSpec kCaFlag{"ca", FlagKind::kOne, "FILE",
                                  "PEM of the authority to trust (implies --tls)"};
inline constexpr FlagSpec kInsecureFlag{"insecure", FlagKind::kSwitch, "",
                                        "send the token to another machine without TLS"};
inline constexpr FlagSpec kTimeoutFlag{"timeout", FlagKind::kOne, "SECONDS", "for the answer (default: 30)"};
inline constexpr FlagSpec kJsonFlag{"json", FlagKind::kSwitch, "", "print the answer as one line of JSON"};

class Client {
 public:
  // kInvalidArgument: flags; kNotFound: a file of theirs.
  static absl::StatusOr<Client> Connect(const Flags& flags);

  absl::StatusOr<v1::SendMessageResponse> Send(const v1::SendMessageRequest& request);
  absl::StatusOr<v1::Message> Get(const std::string& id);
  absl::StatusOr<v1::ServerInfo> Info();
  absl::StatusOr<v1::ListSitesResponse> ListSites(const v1::ListSitesRequest& request);

 private:
  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub, Method<Stub, Request, Response> method, const Request& request);

  std::string api_;
  std::string token_;
  int timeout_seconds_ = 30;
  std::unique_ptr<v1::MailService::Stub> mail_;
  std::unique_ptr<v1::QueueService::Stub> queue_;
};

// Positive whole numbers.
absl::StatusOr<int> ParseSeconds(const std::string& text, const char* flag);

}  // namespace goniec::cli
