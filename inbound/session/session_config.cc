#include "inbound/session/session_config.h"

#include "common/config/document.h"
#include "common/config/units.h"
#include "common/smtp/host_name.h"

namespace goniec::inbound {
namespace {

// The most recipients whose record, with addresses of usual length, stays within the envelope's limit.
constexpr size_t kMostRecipients = 1000;

}  // namespace

void ReadSessionConfig(config::Section section, SessionConfig& config) {
  ByteCount size{config.max_message_size};
  if (section.Bytes("max_message_size", size, {KiB(1), GiB(1)})) config.max_message_size = size.bytes;
  if (section.Bytes("max_refused_size", size, {KiB(1), GiB(4)})) config.max_refused_size = size.bytes;
  section.Integer<size_t>("max_recipients", config.max_recipients, {1, kMostRecipients});
  section.Integer<int>("max_errors", config.max_errors, {1, 1000});
  section.Integer<int>("max_refusals", config.max_refusals, {1, 1'000'000});
  section.Integer<int>("max_idle_commands", config.max_idle_commands, {1, 1'000'000});
  section.Parsed("postmaster_domain", config.postmaster_domain, smtp::ParseHostName);
}

}  // namespace goniec::inbound
