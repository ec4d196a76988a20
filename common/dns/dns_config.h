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
  // dns.servers: resolvers to ask, as ADDRESS or ADDRESS@PORT. Default: those of /etc/resolv.conf.
  std::vector<std::string> servers;
  // dns.timeout: a lookup without an answer is a temporary failure after this; one that did not get its turn
  // is none, its mail is moved, untried. 100ms to 2m.
  std::chrono::milliseconds timeout{15'000};
  // dns.cache_size: bytes of answers kept in memory. 1MiB to 1GiB.
  ByteCount cache_size = MiB(16);
  // dns.max_lookups: questions that are with the servers at once, a file descriptor each; a quarter of them
  // is for names without a quick answer. What comes on top waits, within `timeout`. 1 to 10000.
  int max_lookups = 1000;
  // dns.max_waiting: lookups that wait for an answer or for their turn; mail for which one more would be
  // needed is moved, untried. 1 to 1000000.
  int max_waiting = 50'000;
  // dns.trust_anchor_file: file with DNSKEY or DS records of the zones whose signatures are checked, for
  // example Debian's /usr/share/dns/root.key. The servers above must then pass DNSSEC records on. Default
  // none: nothing is checked, and no answer is called secure.
  std::string trust_anchor_file;
};

// Reads every key of `section`; problems are reported through the section (see common/config).
DnsConfig ReadDnsConfig(const config::Section& section);

}  // namespace goniec::dns
