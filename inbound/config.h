// goniec-inbound's configuration: every setting, its default and its bounds. Values.
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
#include "common/net/tls_context.h"
#include "common/observe/log.h"
#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"
#include "inbound/policy/relay_policy.h"
#include "inbound/session/server_session.h"

namespace goniec::inbound {

// Section `smtp`.
struct SmtpConfig {
  // smtp.listen: addresses with ports. An IPv6 address takes IPv6 clients only, so "[::]:25" and "0.0.0.0:25"
  // stand side by side.
  std::vector<net::Endpoint> listen = {{net::IpAddress::V4({0, 0, 0, 0}), 2525}};
  // smtp.threads: I/O threads; 0 takes one for each core. 0 to 256.
  size_t threads = 0;
  // smtp.max_connections: open at once; the next gets 421. 1 to 1000000.
  size_t max_connections = 5'000;
  // smtp.max_connections_per_client: from one IPv4 address or one IPv6 /64. 1 to 1000000.
  size_t max_connections_per_client = 500;
  // smtp.max_memory: what sessions, envelopes and bodies on their way in take together, at their real cost;
  // more gets 452 (a connection 421). A client address may hold a third of what is free beside it. The
  // process needs about half as much again. 16MiB to 64GiB.
  ByteCount max_memory = MiB(192);
  // smtp.command_timeout: until a client says something. RFC 5321 §4.5.3.2.7 asks for 5 minutes. 1s to 1h.
  std::chrono::milliseconds command_timeout = std::chrono::minutes(5);
  // smtp.data_timeout: until a client that sends a message sends more of it. 1s to 1h.
  std::chrono::milliseconds data_timeout = std::chrono::minutes(5);
  // smtp.message_timeout: for the whole of a message, also of one that is refused and read to its end. 10s to
  // 1d.
  std::chrono::milliseconds message_timeout = std::chrono::hours(1);
  // smtp.min_rate: octets a second that a message must bring on average, once it is older than a pause in it
  // may be long, so that nobody holds memory by sending an octet now and then. 0B to 1GiB; 0B takes any.
  ByteCount min_rate = {512};
  // smtp.session_timeout: for a whole session. Then it ends with 421, a message that is coming in before it.
  // 1s to 7d.
  std::chrono::milliseconds session_timeout = std::chrono::hours(4);
  // smtp.greeting_delay: how long a stranger waits for the greeting; who talks before it gets 554. Trusted
  // networks are greeted at once. 0ms to 2s.
  std::chrono::milliseconds greeting_delay{100};
  // smtp.max_bad_sessions: of one client address in a minute (too many errors, refusals or connections,
  // talking first); then its connections get 421 until the minute is over. Trusted networks are exempt. 0 to
  // 1000000; 0 turns nobody away.
  int max_bad_sessions = 100;
};

// Section `mail`: what becomes of mail that is accepted here.
struct MailConfig {
  // mail.tenant: to whom it belongs; API callers of this tenant see it. [a-z0-9-], up to 32.
  std::string tenant = "default";
  // mail.class: transactional or bulk. Bulk never delays transactional mail.
  queue::MailClass mail_class = queue::MailClass::kTransactional;
  // mail.lifetime: how long delivery is tried. 1m to 30d.
  std::chrono::milliseconds lifetime = std::chrono::hours(5 * 24);
  // mail.null_sender_lifetime: the same for bounces, mail from <>. 1m to 30d.
  std::chrono::milliseconds null_sender_lifetime = std::chrono::hours(24);
};

struct InboundConfig {
  // http.listen: address and port of /metrics, /healthz and /readyz.
  std::string http_listen = "127.0.0.1:8081";
  // drain_limit: time from SIGTERM until transactions that are still open are cut. 1s to 1h. Keep the
  // container's grace period above it.
  std::chrono::milliseconds drain_limit{40'000};

  SmtpConfig smtp;
  // What the protocol engine needs:
  // hostname: the name in the greeting and in Received headers. Default: the machine's name.
  // smtp.max_message_size: offered as SIZE. Default 25MiB. 1KiB to 1GiB. smtp.max_refused_size: so much of a
  // refused message is read before the session ends. Default 50MiB. 1KiB to 4GiB. smtp.max_errors: of one
  // session since its last message; the next gets 421. Default 20. 1 to 1000. smtp.max_refusals: the same for
  // recipients, senders and messages that are refused. Default 1000. 1 to 1000000. smtp.max_idle_commands:
  // the same for commands that bring no message, like NOOP and RSET. Default 100. 1 to 1000000.
  // smtp.max_recipients: of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least. Default 1000. 1 to 1000.
  // smtp.postmaster_domain: where mail for <Postmaster> without a domain goes; its postmaster is always taken
  // (RFC 5321 §4.5.1). Default: the first domain of relay.domains that is no wildcard, else hostname.
  SessionConfig session;
  // tls.cert_file, tls.key_file: PEM files, looked at again when they change. Without them STARTTLS is not
  // offered. tls.min_version: "1.2" or "1.3". Default "1.2".
  std::optional<net::TlsServerConfig> tls;
  // relay.domains: anybody may send to these; "*.example.com" is everything below it. Default: none.
  // relay.trusted_networks: these may send to everybody. Default: none.
  RelayRules relay;
  MailConfig mail;           // mail
  queue::QueueConfig queue;  // queue
  observe::LogConfig log;    // log
};

// What is good to know of a configuration that is allowed, a line each: for the log at the start.
std::vector<std::string> Warnings(const InboundConfig& config);

// All problems of the file in one status, a line each.
absl::StatusOr<InboundConfig> LoadInboundConfig(const std::string& path);

}  // namespace goniec::inbound
