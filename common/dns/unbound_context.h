// A context of libunbound set up as DnsConfig says. Used by UnboundResolver only. The functions are
// thread-safe.
#pragma once

#include <memory>

#include "common/base/status.h"
#include "common/dns/dns_config.h"

struct ub_ctx;

namespace goniec::dns {

// Ends libunbound's thread; lookups in progress never call back.
struct FreeUnboundContext {
  void operator()(ub_ctx* context) const;
};
using UnboundContext = std::unique_ptr<ub_ctx, FreeUnboundContext>;

// kInvalidArgument, with the key, when a setting is no good.
absl::StatusOr<UnboundContext> MakeUnboundContext(const DnsConfig& config);

}  // namespace goniec::dns
