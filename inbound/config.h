// goniec-inbound's configuration: one struct; the fields of each section are described where the section is
// read. Values.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/tls_context.h"
#include "common/observe/log.h"
#include "common/queue/model/config.h"
#include "inbound/accept/smtp_config.h"
#include "inbound/policy/relay_config.h"
#include "inbound/publish/mail_config.h"
#include "inbound/session/session_config.h"

namespace goniec::inbound {

struct InboundConfig {
  // http.listen: address and port of /metrics, /healthz and /readyz.
  std::string http_listen = "127.0.0.1:8081";
  // drain_limit: time from SIGTERM until transactions that are still open are cut. 1s to 1h. Keep the
  // container's grace period above it.
  std::chrono::milliseconds drain_limit{40'000};
  // Section `smtp`, and its host_name from another key. hostname: the name in the greeting and in Received
  // headers. Default: the machine's name.
  SessionConfig session;

  SmtpConfig smtp;                          // smtp
  std::optional<net::TlsServerConfig> tls;  // tls
  RelayRules relay;                         // relay
  MailConfig mail;                          // mail
  queue::QueueConfig queue;                 // queue
  observe::LogConfig log;                   // log
};

// What is good to know of a configuration that is allowed, a line each: for the log at the start.
std::vector<std::string> Warnings(const InboundConfig& config);

// All problems of the file in one status, a line each.
absl::StatusOr<InboundConfig> LoadInboundConfig(const std::string& path);

}  // namespace goniec::inbound
