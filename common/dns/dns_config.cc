#include "common/dns/dns_config.h"

#include "common/config/document.h"

namespace goniec::dns {

using std::chrono::milliseconds;

DnsConfig ReadDnsConfig(const config::Section& section) {
  DnsConfig config;
  section.Texts("servers", config.servers);
  section.Duration("timeout", config.timeout, {milliseconds(100), milliseconds(120'000)});
  section.Bytes("cache_size", config.cache_size, {MiB(1), GiB(1)});
  section.Integer<int>("max_lookups", config.max_lookups, {1, 10'000});
  section.Integer<int>("max_waiting", config.max_waiting, {1, 1'000'000});
  section.Text("trust_anchor_file", config.trust_anchor_file);
  return config;
}

}  // namespace goniec::dns
