// The Resolver of production: libunbound, driven by its file descriptor on a strand of the given executor.
// The recursion and validation themselves run on a thread of libunbound's own. Thread-safe.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/dns/dns_config.h"
#include "common/dns/resolver.h"

namespace goniec::dns {

class UnboundResolver final : public Resolver {
 public:
  // Fails with kInvalidArgument when the configuration names a server or file that is none. Whether the
  // servers answer shows at the first lookup. The executor's context must outlive the resolver.
  static absl::StatusOr<std::unique_ptr<UnboundResolver>> Create(const asio::any_io_executor& executor,
                                                                 const DnsConfig& config);

  // Lookups in progress end as temporary failures, if the executor still runs.
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
