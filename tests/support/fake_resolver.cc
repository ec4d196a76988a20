#include "tests/support/fake_resolver.h"

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdlib>
#include <utility>

namespace goniec::test {
namespace {

dns::Answer Found(const std::string& name) {
  dns::Answer answer;
  answer.result = dns::Result::kFound;
  answer.ttl = std::chrono::seconds(300);
  answer.canonical_name = name;
  return answer;
}

dns::Answer Without(dns::Result result, const std::string& name) {
  dns::Answer answer = Found(name);
  answer.result = result;
  return answer;
}

dns::Answer Failed(const std::string& reason) {
  dns::Answer answer;
  answer.reason = reason;
  return answer;
}

}  // namespace

void FakeResolver::Mx(const std::string& domain, const std::vector<std::string>& records) {
  dns::MxAnswer answer{Found(domain), {}};
  for (const std::string& record : records) {
    const size_t space = record.find(' ');
    std::string exchange = record.substr(space + 1);
    if (exchange == ".") exchange.clear();
    answer.records.push_back({static_cast<std::uint16_t>(std::stoi(record.substr(0, space))), exchange});
  }
  mx_[domain] = std::move(answer);
}

void FakeResolver::NoMx(const std::string& domain) {
  mx_[domain] = {Without(dns::Result::kNoData, domain), {}};
}

void FakeResolver::NoAddresses(const std::string& host) {
  addresses_[host] = {Without(dns::Result::kNoData, host), {}};
}

void FakeResolver::Addresses(const std::string& host, const std::vector<std::string>& addresses) {
  dns::AddressAnswer answer{Found(host), {}};
  for (const std::string& text : addresses) {
    const auto address = net::IpAddress::Parse(text);
    if (!address) std::abort();
    answer.addresses.push_back(*address);
  }
  addresses_[host] = std::move(answer);
}

void FakeResolver::FailMx(const std::string& domain, const std::string& reason) {
  mx_[domain] = {Failed(reason), {}};
}

void FakeResolver::FailAddresses(const std::string& host, const std::string& reason) {
  addresses_[host] = {Failed(reason), {}};
}

void FakeResolver::NotAsked(const std::string& name) {
  dns::Answer answer = Failed("busy");
  answer.result = dns::Result::kNotAsked;
  mx_[name] = {answer, {}};
  addresses_[name] = {answer, {}};
}

void FakeResolver::NeverAnswer(const std::string& host) {
  unanswered_.insert(host);
}

void FakeResolver::MxAlias(const std::string& domain, const std::string& canonical_name) {
  mx_[domain].canonical_name = canonical_name;
}

asio::awaitable<dns::MxAnswer> FakeResolver::LookupMx(std::string domain) {
  questions_.push_back("MX " + domain);
  const auto found = mx_.find(domain);
  if (found == mx_.end()) co_return dns::MxAnswer{Without(dns::Result::kNoDomain, domain), {}};
  co_return found->second;
}

asio::awaitable<dns::AddressAnswer> FakeResolver::LookupAddresses(std::string host, dns::Families families) {
  questions_.push_back("A " + host);
  if (unanswered_.contains(host)) {
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
  }
  const auto found = addresses_.find(host);
  if (found == addresses_.end()) co_return dns::AddressAnswer{Without(dns::Result::kNoDomain, host), {}};
  dns::AddressAnswer answer = found->second;
  if (answer.result != dns::Result::kFound || families == dns::Families::kBoth) co_return answer;
  const bool want4 = families == dns::Families::kIPv4;
  std::erase_if(answer.addresses, [want4](const net::IpAddress& ip) { return ip.IsV4() != want4; });
  if (answer.addresses.empty()) answer.result = dns::Result::kNoData;
  co_return answer;
}

}  // namespace goniec::test
