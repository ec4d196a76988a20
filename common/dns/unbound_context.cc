#include "common/dns/unbound_context.h"

#include <unbound.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::dns {

void FreeUnboundContext::operator()(ub_ctx* context) const {
  ub_ctx_delete(context);
}

namespace {

absl::Status SetOptions(ub_ctx* context, const DnsConfig& config, const ContextShare& share) {
  const std::string messages = std::to_string(share.cache_size.bytes / 4);
  const std::string records = std::to_string(share.cache_size.bytes / 2);
  const std::string others = std::to_string(share.cache_size.bytes / 8);
  // Room for what a question leads to beside itself: the keys of its zones.
  const int keys = config.trust_anchor_file.empty() ? 0 : share.questions / 4;
  const std::string range = std::to_string(share.questions + keys + 16);
  const std::string memory = std::to_string(share.server_memory.count());
  const std::string rounds = std::to_string(share.rounds);
  const std::array<std::pair<const char*, const char*>, 14> options = {{
      {"msg-cache-size:", messages.c_str()},
      {"rrset-cache-size:", records.c_str()},
      {"key-cache-size:", others.c_str()},
      {"neg-cache-size:", others.c_str()},
      // Moved MX records are noticed within the hour whatever their TTL says.
      {"cache-max-ttl:", "3600"},
      // With each round that a server leaves unanswered, libunbound gives it twice the time for the next
      // question, whatever that is; from 12 s on it calls the server dead and fails all questions unasked.
      // So this memory is short: names that nobody answers must not decide about the others.
      {"infra-host-ttl:", memory.c_str()},
      {"infra-keep-probing:", "yes"},
      // A server that looks names up for us needs more than the 50 ms after which the next packet goes out
      // where the last answers were quick.
      {"infra-cache-min-rtt:", "500"},
      {"outbound-msg-retry:", rounds.c_str()},
      {"outgoing-range:", range.c_str()},
      {"num-queries-per-thread:", range.c_str()},
      {"outgoing-num-tcp:", "32"},
      {"do-not-query-localhost:", "no"},
      {"module-config:", config.trust_anchor_file.empty() ? "iterator" : "validator iterator"},
  }};
  for (const auto& [name, value] : options) {
    if (const int error = ub_ctx_set_option(context, name, value); error != UB_NOERROR) {
      return absl::InternalError(
          absl::StrCat("libunbound refuses ", name, " ", value, ": ", ub_strerror(error)));
    }
  }
  return absl::OkStatus();
}

absl::Status SetServers(ub_ctx* context, const DnsConfig& config) {
  if (config.servers.empty()) {
    const int error = ub_ctx_resolvconf(context, nullptr);
    if (error == UB_NOERROR) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("cannot read name servers from /etc/resolv.conf (",
                                                   ub_strerror(error), "); set dns.servers"));
  }
  for (const std::string& server : config.servers) {
    if (ub_ctx_set_fwd(context, server.c_str()) != UB_NOERROR) {
      return absl::InvalidArgumentError(
          absl::StrCat("dns.servers: \"", Printable(server), "\" is not ADDRESS or ADDRESS@PORT"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnboundContext> MakeUnboundContext(const DnsConfig& config, const ContextShare& share) {
  UnboundContext context(ub_ctx_create());
  if (!context) return absl::InternalError("libunbound: ub_ctx_create failed");
  ub_ctx_debugout(context.get(), nullptr);
  // A thread; the default would fork this process at the first lookup.
  ub_ctx_async(context.get(), 1);
  GONIEC_RETURN_IF_ERROR(SetOptions(context.get(), config, share));
  GONIEC_RETURN_IF_ERROR(SetServers(context.get(), config));
  if (!config.trust_anchor_file.empty()) {
    if (access(config.trust_anchor_file.c_str(), R_OK) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("dns.trust_anchor_file: cannot read ", Printable(config.trust_anchor_file)));
    }
    ub_ctx_add_ta_file(context.get(), config.trust_anchor_file.c_str());
  }
  // The servers decide about the zones that RFC 6761 and RFC 8375 reserve: test and private networks use
  // them. (The first of these calls also makes libunbound check all of the above.)
  for (const char* zone : {"test.", "home.arpa."}) {
    if (const int error = ub_ctx_zone_remove(context.get(), zone); error != UB_NOERROR) {
      return absl::InvalidArgumentError(absl::StrCat(
          "libunbound refuses the settings of section dns",
          config.trust_anchor_file.empty() ? "" : " (trust_anchor_file?)", ": ", ub_strerror(error)));
    }
  }
  return context;
}

}  // namespace goniec::dns
