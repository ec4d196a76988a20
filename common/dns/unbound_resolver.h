// The Resolver of production: libunbound on a strand of the given executor. Equal questions that are under
// way share one lookup, and those above the limits wait their turn (LookupSchedule). There are two lanes,
// each a context of libunbound with its own descriptors and its own opinion of the servers: a question is
// first asked shortly, then, without an answer, patiently, beside the other slow ones. Thread-safe.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/dns/dns_config.h"
#include "common/dns/resolver.h"

namespace goniec::observe {
class Metrics;
}

namespace goniec::dns {

class UnboundResolver final : public Resolver {
 public:
  // Fails with kInvalidArgument when the configuration names a server or file that is none. Whether the
  // servers answer shows at the first lookup. The executor's context and `metrics` must outlive the resolver.
  static absl::StatusOr<std::unique_ptr<UnboundResolver>> Create(const asio::any_io_executor& executor,
                                                                 const DnsConfig& config,
                                                                 observe::Metrics& metrics);

  // Lookups in progress end as not asked, if the executor still runs.
  ~UnboundResolver() override;

  // A lookup ends within DnsConfig::timeout. The coroutine's cancellation does not shorten it.
  asio::awaitable<MxAnswer> LookupMx(std::string domain) override;
  asio::awaitable<AddressAnswer> LookupAddresses(std::string host, Families families) override;

 private:
  class Core;
  explicit UnboundResolver(std::shared_ptr<Core> core);

  const std::shared_ptr<Core> core_;
};

}  // namespace goniec::dns
