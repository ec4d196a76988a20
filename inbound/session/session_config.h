// What the protocol engine allows: the keys of section `smtp` of goniec-inbound's configuration that concern
// a session (the others: inbound/accept/smtp_config.h). Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace goniec::config {
class Section;
}

namespace goniec::inbound {

struct SessionConfig {
  // What the server calls itself in the greeting, in EHLO's reply and in Received headers: a domain name. Set
  // when the configuration is read, from `hostname`.
  std::string host_name;
  // smtp.postmaster_domain: RCPT TO:<Postmaster> goes to postmaster at this domain, which is always taken
  // (RFC 5321 §4.5.1); empty: host_name. Default: the first of relay.domains that is no wildcard, else
  // hostname.
  std::string postmaster_domain;
  // smtp.max_message_size: octets of a message; offered as SIZE. 1KiB to 1GiB.
  uint64_t max_message_size = uint64_t{25} * 1024 * 1024;
  // smtp.max_refused_size: octets of a refused message that are read before its refusal is said; beyond it
  // the session ends. 1KiB to 4GiB.
  uint64_t max_refused_size = uint64_t{50} * 1024 * 1024;
  // smtp.max_recipients: of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least. 1 to 1000.
  size_t max_recipients = 1000;
  // Octets of sender and recipients in the record. No setting.
  size_t max_envelope_size = size_t{160} * 1024;
  // Each since the last accepted message (tolerance.h); the next gets 421.
  //
  // smtp.max_errors: commands that are unknown, malformed or out of order. 1 to 1000.
  int max_errors = 20;
  // smtp.max_refusals: recipients, senders and messages that are refused. 1 to 1000000.
  int max_refusals = 1000;
  // smtp.max_idle_commands: commands that bring no message, like NOOP and RSET. 1 to 1000000.
  int max_idle_commands = 100;
  // STARTTLS is offered. Set when the configuration is read, if there is a certificate.
  bool tls_available = false;
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadSessionConfig(config::Section section, SessionConfig& config);

}  // namespace goniec::inbound
