// A real name server (nsd) for one test: authoritative for the given zones, UDP and TCP on a free loopback
// port, files in a temporary folder, no root needed. For names it has no zone for it answers REFUSED. Dies
// with the test. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/process.h"

namespace goniec::test {

struct DnsZone {
  // "example.test", without the trailing dot.
  std::string name;
  // Lines of a zone file; relative names belong to the zone, TTL 300. SOA and NS are added. Nothing: nsd
  // knows of the zone but cannot load it, so each question about it is answered SERVFAIL.
  std::optional<std::string> records;
  // Sign it (ECDSA P-256, valid from now on); see trust_anchor_file().
  bool sign = false;
};

class DnsServer {
 public:
  // Returns when it answers.
  static absl::StatusOr<std::unique_ptr<DnsServer>> Start(std::vector<DnsZone> zones);
  ~DnsServer();

  // For dns.servers: "127.0.0.1@PORT".
  [[nodiscard]] std::string address() const;
  [[nodiscard]] uint16_t port() const { return port_; }
  // DS records of the signed zones. Empty if there is none.
  [[nodiscard]] std::string trust_anchor_file() const;
  [[nodiscard]] std::string log() const { return ReadFileOrEmpty(folder_.File("nsd.log")); }

 private:
  DnsServer() = default;
  absl::Status WriteZone(const DnsZone& zone);
  absl::Status Sign(const DnsZone& zone);
  absl::Status Launch(const std::vector<DnsZone>& zones);

  TempDir folder_;
  uint16_t port_ = 0;
  std::string anchors_;
  std::optional<Process> process_;
};

// A port that takes DNS questions and never answers.
class SilentDnsServer {
 public:
  SilentDnsServer();
  ~SilentDnsServer();
  SilentDnsServer(const SilentDnsServer&) = delete;
  SilentDnsServer& operator=(const SilentDnsServer&) = delete;

  [[nodiscard]] std::string address() const;

 private:
  int socket_;
};

}  // namespace goniec::test
