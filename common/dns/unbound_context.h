// A context of libunbound set up as DnsConfig says. Used by UnboundResolver only. The functions are
// thread-safe.
#pragma once

#include <chrono>
#include <memory>

#include "common/base/status.h"
#include "common/config/units.h"
#include "common/dns/dns_config.h"

struct ub_ctx;

namespace goniec::dns {

// Ends libunbound's thread; lookups in progress never call back.
struct FreeUnboundContext {
  void operator()(ub_ctx* context) const;
};
using UnboundContext = std::unique_ptr<ub_ctx, FreeUnboundContext>;

// What one of several contexts does of DnsConfig's work.
struct ContextShare {
  // Questions that are with the servers at once: a descriptor each. Above it libunbound lets them wait, for
  // any time.
  int questions = 1;
  // How often a question is sent to each server, with double the patience each time.
  int rounds = 1;
  // How long it is remembered of a server that it did not answer.
  std::chrono::seconds server_memory{10};
  ByteCount cache_size = MiB(1);
};

// kInvalidArgument, with the key, when a setting is no good.
absl::StatusOr<UnboundContext> MakeUnboundContext(const DnsConfig& config, const ContextShare& share);

}  // namespace goniec::dns
