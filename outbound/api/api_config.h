// Section `api` of goniec-outbound's configuration: where the gRPC API listens, who may use it, and how much
// of it at once. Read once at start.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/units.h"
#include "common/net/ip_address.h"

namespace goniec::config {
class Section;
}

namespace goniec::outbound {

// A bearer token, known by its hash only: `goniec token hash` makes one.
struct ApiToken {
  // api.tokens[].sha256: SHA-256 of the token, 64 hexadecimal digits, lower case here; or
  // api.tokens[].hash_file: a file that holds them. One of the two.
  std::string sha256;
  std::string hash_file;  // where it came from, or empty
  // api.tokens[].tenant: whose mail the holder sends and sees. Required, except of an operator who does
  // neither; [a-z0-9-], up to 32. Empty here: no mail at all.
  std::string tenant;
  // api.tokens[].sender_domains: a list of domains, or "*" for any. Required with a tenant. Domains mean
  // themselves, not what is below them; canonical (lower case, A-labels) here. Empty here: any.
  std::vector<std::string> sender_domains;
  // api.tokens[].operator: true lets the holder call QueueService, which shows the mail of all tenants by
  // site. Default: false.
  bool is_operator = false;
  // api.tokens[].name: what logs call the holder. Default: the tenant, or "operator" without one.
  std::string name;
};

struct ApiConfig {
  // api.listen: address and port, no names; [::] is IPv6 only. Port 0 takes a free one.
  net::Endpoint listen{net::IpAddress::V4({127, 0, 0, 1}), 8443};
  // api.insecure: true allows an address other than loopback without TLS and tokens, for networks where
  // something else does both.
  bool insecure = false;
  // api.tls.certificate_file, api.tls.key_file: PEM, both or none; looked at again every ten seconds.
  std::string tls_certificate_file;
  std::string tls_key_file;
  // api.tokens, and those of api.tokens_file: a file with the same list under the key `tokens`. If neither is
  // set, every caller is the default tenant and an operator, and may send from any domain. Files with tokens
  // or hashes are read again within seconds of their change (token_files.h); one that is no good leaves those
  // in use that were.
  std::vector<ApiToken> tokens;
  // Of the tokens, those of api.tokens itself; and the file of the others, or empty.
  std::vector<ApiToken> listed_tokens;
  std::string tokens_file;
  // True if there are to be tokens, also if the list is empty (then nobody gets in).
  bool needs_token = false;
  // api.default_tenant: the tenant of callers where there are no tokens.
  std::string default_tenant = "default";

  // api.max_message: octets of a whole message. 64KiB to 50MiB.
  ByteCount max_message = MiB(25);
  // api.max_recipients: of one message. 1 to 1000.
  int max_recipients = 1000;
  // api.max_life: longest time until a message's expire_time. 1m to 30d.
  std::chrono::milliseconds max_life = std::chrono::hours(24 * 5);
  // api.max_in_flight: memory of the requests in hand, at what they really take (request_memory.h); above it
  // calls end as RESOURCE_EXHAUSTED. At least what one message of api.max_message takes (134 MiB for 25 MiB),
  // up to 16GiB. A tenant that has neighbours may hold half of it, or one such message if that is more; so
  // where there are several tenants, it wants to be twice as much. Default: that, for messages of 25 MiB, or
  // what larger ones need.
  ByteCount max_in_flight = MiB(272);
  // api.max_calls: calls at a time, in all; each takes 64 KiB of api.max_in_flight at least. 1 to 100000.
  int max_calls = 1000;
  // api.calls_per_connection: calls at a time on one connection; clients wait with more. 1 to 10000.
  int calls_per_connection = 100;
  // api.connections: open connections; the one that has been without a call for the longest makes room for
  // another. 1 to 100000.
  std::size_t connections = 256;
  // api.connections_per_client: from one IPv4 address or one IPv6 /64. 1 to 100000.
  std::size_t connections_per_client = 64;
  // api.request_timeout: from the beginning of a call until its request has come. 1s to 1h.
  std::chrono::milliseconds request_timeout = std::chrono::minutes(5);
  // api.reflection: answer "which services and messages are there" (grpcurl and the like).
  bool reflection = true;

  [[nodiscard]] bool has_tls() const { return !tls_certificate_file.empty(); }
};

// Of a file with tokens or a hash, octets; a larger one is not read.
inline constexpr std::size_t kLargestTokensFile = 1 << 20;

// They are not all of one tenant; those of operators without one do not count.
bool HaveSeveralTenants(const std::vector<ApiToken>& tokens);

// What one request takes at most of api.max_in_flight: a message of api.max_message with all the fields that
// a request may have.
std::uint64_t MostMemoryOfRequest(const ApiConfig& config);

// Reads every key; problems are reported through the section, an unsafe address (see `insecure`) among them.
void ReadApiConfig(config::Section section, ApiConfig& config);

// The tokens of `config` as its files have them now. An error is one line.
absl::StatusOr<std::vector<ApiToken>> ReadTokensAgain(const ApiConfig& config);

// What to warn of at start: there are several tenants, and the largest message of one is more than half of
// api.max_in_flight.
std::optional<std::string> ShareWarning(const ApiConfig& config);

// What to warn of at start: the address is open to others and lacks TLS, tokens or both. Nothing on loopback.
std::optional<std::string> ExposureWarning(const ApiConfig& config);

}  // namespace goniec::outbound
