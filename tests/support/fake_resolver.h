// A Resolver whose answers a unit test writes down. Names without an entry do not exist. It answers at once
// and counts what it was asked. Confined to the test's thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/dns/resolver.h"

namespace goniec::test {

class FakeResolver final : public dns::Resolver {
 public:
  // "10 mx1.example", "0 ." for the null MX.
  void Mx(const std::string& domain, const std::vector<std::string>& records);
  // The answer of a domain that exists and has none of these records.
  void NoMx(const std::string& domain);
  void NoAddresses(const std::string& host);
  // "192.0.2.1", "2001:db8::1"; the families are told apart.
  void Addresses(const std::string& host, const std::vector<std::string>& addresses);
  void FailMx(const std::string& domain, const std::string& reason);
  void FailAddresses(const std::string& host, const std::string& reason);
  // What our own limits say, to either question.
  void NotAsked(const std::string& name);
  // LookupAddresses of it ends with this object.
  void NeverAnswer(const std::string& host);
  // What LookupMx says of the end of a CNAME chain.
  void MxAlias(const std::string& domain, const std::string& canonical_name);

  // "MX example.org", "A mx1.example.org" in the order of asking.
  [[nodiscard]] const std::vector<std::string>& questions() const { return questions_; }

  asio::awaitable<dns::MxAnswer> LookupMx(std::string domain) override;
  asio::awaitable<dns::AddressAnswer> LookupAddresses(std::string host, dns::Families families) override;

 private:
  std::map<std::string, dns::MxAnswer> mx_;
  std::map<std::string, dns::AddressAnswer> addresses_;
  std::vector<std::string> questions_;
  std::set<std::string> unanswered_;
};

}  // namespace goniec::test
