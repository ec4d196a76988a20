// The settings of the ports, their connections and their TLS: sections `tls` and `smtp` of goniec-inbound's
// configuration, without the keys of the session (inbound/session/session_config.h). Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "common/config/units.h"
#include "common/net/ip_address.h"
#include "common/net/tls_context.h"

namespace goniec::config {
class Section;
}

namespace goniec::inbound {

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

// Reads the keys above; problems are reported through the section (common/config).
void ReadSmtpConfig(config::Section section, SmtpConfig& config);

// tls.cert_file, tls.key_file: PEM files, looked at again when they change. Without them STARTTLS is not
// offered: nothing is returned. tls.min_version: "1.2" or "1.3". Default "1.2".
std::optional<net::TlsServerConfig> ReadTlsConfig(config::Section section);

}  // namespace goniec::inbound
