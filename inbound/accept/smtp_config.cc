#include "inbound/accept/smtp_config.h"

#include "common/config/document.h"

namespace goniec::inbound {

void ReadSmtpConfig(config::Section section, SmtpConfig& config) {
  using std::chrono::hours;
  using std::chrono::seconds;
  section.ParsedList("listen", config.listen, net::Endpoint::Parse);
  if (config.listen.empty())
    section.Problem("listen", "needs at least one address, for example 0.0.0.0:2525");
  section.Integer<size_t>("threads", config.threads, {0, 256});
  section.Integer<size_t>("max_connections", config.max_connections, {1, 1'000'000});
  section.Integer<size_t>("max_connections_per_client", config.max_connections_per_client, {1, 1'000'000});
  section.Bytes("max_memory", config.max_memory, {MiB(16), GiB(64)});
  section.Duration("command_timeout", config.command_timeout, {seconds(1), hours(1)});
  section.Duration("data_timeout", config.data_timeout, {seconds(1), hours(1)});
  section.Duration("message_timeout", config.message_timeout, {seconds(10), hours(24)});
  section.Bytes("min_rate", config.min_rate, {ByteCount{0}, GiB(1)});
  section.Duration("session_timeout", config.session_timeout, {seconds(1), hours(7 * 24)});
  section.Duration("greeting_delay", config.greeting_delay, {seconds(0), seconds(2)});
  section.Integer<int>("max_bad_sessions", config.max_bad_sessions, {0, 1'000'000});
}

std::optional<net::TlsServerConfig> ReadTlsConfig(config::Section section) {
  net::TlsServerConfig tls;
  const bool certificate = section.Text("cert_file", tls.certificate_file);
  const bool key = section.Text("key_file", tls.key_file);
  section.Choice<net::TlsVersion>("min_version", tls.min_version,
                                  {{"1.2", net::TlsVersion::kTls12}, {"1.3", net::TlsVersion::kTls13}});
  if (certificate != key) {
    section.Problem(certificate ? "key_file" : "cert_file", "is missing beside the other file");
  }
  if (!certificate || !key) return std::nullopt;
  return tls;
}

}  // namespace goniec::inbound
