#include "outbound/route/host_lookups.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

namespace goniec::outbound {

std::shared_ptr<HostLookups> HostLookups::Start(const asio::any_io_executor& executor,
                                                dns::Resolver& resolver,
                                                const std::vector<std::string>& hosts,
                                                dns::Families families) {
  std::shared_ptr<HostLookups> lookups(new HostLookups(executor, hosts.size()));
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    asio::co_spawn(executor, resolver.LookupAddresses(hosts[i], families),
                   [lookups, i](const std::exception_ptr& failed, dns::AddressAnswer answer) {
                     if (failed) answer.reason = "the lookup failed";
                     lookups->answers_[i] = std::move(answer);
                     lookups->changed_.cancel();
                   });
  }
  return lookups;
}

bool HostLookups::HasFirst(std::size_t count) const {
  return std::all_of(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(count),
                     [](const auto& answer) { return answer.has_value(); });
}

asio::awaitable<bool> HostLookups::FirstAnswered(std::size_t count,
                                                 std::chrono::steady_clock::time_point deadline) {
  const auto self = shared_from_this();
  while (!HasFirst(count)) {
    if (std::chrono::steady_clock::now() >= deadline) co_return false;
    changed_.expires_at(deadline);
    asio::error_code ignored;
    co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return true;
}

}  // namespace goniec::outbound
