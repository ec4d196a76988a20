// The addresses of several hosts, asked for at once, so that a host whose name servers are slow does not keep
// the others' answers waiting. Made by Router for one MX set; answers that it does not wait for any more end
// in the resolver's cache. Confined to an executor that runs one handler at a time.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/dns/resolver.h"

namespace goniec::outbound {

class HostLookups : public std::enable_shared_from_this<HostLookups> {
 public:
  // `resolver` must outlive the lookups, not only this object.
  static std::shared_ptr<HostLookups> Start(const asio::any_io_executor& executor, dns::Resolver& resolver,
                                            const std::vector<std::string>& hosts, dns::Families families);

  // Until the first `count` hosts are answered (true), or `deadline` has come.
  asio::awaitable<bool> FirstAnswered(std::size_t count, std::chrono::steady_clock::time_point deadline);
  // Nothing while there is no answer.
  [[nodiscard]] const std::optional<dns::AddressAnswer>& answer(std::size_t host) const {
    return answers_[host];
  }

 private:
  HostLookups(const asio::any_io_executor& executor, std::size_t hosts)
      : answers_(hosts), changed_(executor) {}
  [[nodiscard]] bool HasFirst(std::size_t count) const;

  std::vector<std::optional<dns::AddressAnswer>> answers_;
  asio::steady_timer changed_;  // cancelled with each answer
};

}  // namespace goniec::outbound
