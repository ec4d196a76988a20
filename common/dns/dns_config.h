// Section `dns` of a configuration file.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/config/units.h"

namespace goniec::config {
class Section;
}

namespace goniec::dns {

struct DnsConfig {
  // Resolvers to ask, as ADDRESS or ADDRESS@PORT. Empty: those of /etc/resolv.conf.
  std::vector<std::string> servers;
  // A lookup without an answer is a temporary failure after this. Bounds 100 ms to 2 min.
  std::chrono::milliseconds timeout{15'000};
  // Bytes of answers kept in memory. Bounds 1 MiB to 1 GiB.
  ByteCount cache_size = MiB(16);
  // Lookups in progress; what comes on top fails temporarily. Bounds 1 to 100,000.
  int max_lookups = 1000;
  // File with DNSKEY or DS records of the zones whose signatures are checked, for example Debian's
  // /usr/share/dns/root.key. The servers above must then pass DNSSEC records on. Empty: nothing is checked,
  // and no answer is called secure.
  std::string trust_anchor_file;
};

// Reads every key of `section`; problems are reported through the section (see common/config).
DnsConfig ReadDnsConfig(const config::Section& section);

}  // namespace goniec::dns
