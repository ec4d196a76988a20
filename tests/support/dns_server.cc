#include "tests/support/dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace goniec::test {
namespace {

constexpr char kHead[] =
    "$TTL 300\n"
    "@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 300\n"
    "@ NS ns.invalid.\n";

std::string ServerSection(const std::string& folder, uint16_t port) {
  return absl::StrCat(
      "server:\n  ip-address: 127.0.0.1@", port,
      "\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  zonesdir: \"", folder,
      "\"\n  pidfile: \"", folder, "/nsd.pid\"\n  zonelistfile: \"", folder, "/zone.list\"\n  xfrdfile: \"",
      folder, "/xfrd.state\"\n  xfrdir: \"", folder, "\"\nremote-control:\n  control-enable: no\n");
}

// The distribution keeps nsd in a folder that is not on everybody's PATH.
std::string Binary() {
  return access("/usr/sbin/nsd", X_OK) == 0 ? "/usr/sbin/nsd" : "nsd";
}

}  // namespace

absl::StatusOr<std::unique_ptr<DnsServer>> DnsServer::Start(std::vector<DnsZone> zones) {
  std::unique_ptr<DnsServer> server(new DnsServer());
  for (const DnsZone& zone : zones) GONIEC_RETURN_IF_ERROR(server->WriteZone(zone));
  // Twice more: FreePort() looks at TCP only, somebody may have the UDP port.
  absl::Status last;
  for (int attempt = 0; attempt < 3; ++attempt) {
    last = server->Launch(zones);
    if (last.ok()) return server;
  }
  return last;
}

DnsServer::~DnsServer() {
  if (process_)
    (void)process_->Terminate();  // nsd's children end with it; after SIGKILL only when they notice
}

std::string DnsServer::address() const {
  return absl::StrCat("127.0.0.1@", port_);
}

std::string DnsServer::trust_anchor_file() const {
  return anchors_.empty() ? "" : folder_.File("anchors");
}

absl::Status DnsServer::WriteZone(const DnsZone& zone) {
  if (!zone.records) return absl::OkStatus();
  folder_.Write(zone.name, absl::StrCat("$ORIGIN ", zone.name, ".\n", kHead, *zone.records, "\n"));
  return zone.sign ? Sign(zone) : absl::OkStatus();
}

// Leaves the signed zone in the place of the unsigned one.
absl::Status DnsServer::Sign(const DnsZone& zone) {
  const std::string script =
      "set -e; cd \"$1\"; key=$(ldns-keygen -a ECDSAP256SHA256 -k \"$2\"); ldns-signzone -f \"$2.signed\" "
      "\"$2\" "
      "\"$key\"; mv \"$2.signed\" \"$2\"; cat \"$key.ds\" >> anchors";
  auto done = RunProcess({"sh", "-c", script, "sign", folder_.path(), zone.name});
  if (!done.ok()) return done.status();
  if (done->status != 0) return absl::UnavailableError(absl::StrCat("ldns-signzone: ", done->output));
  anchors_ = ReadFileOrEmpty(folder_.File("anchors"));
  return absl::OkStatus();
}

absl::Status DnsServer::Launch(const std::vector<DnsZone>& zones) {
  port_ = FreePort();
  std::string config = ServerSection(folder_.path(), port_);
  for (const DnsZone& zone : zones) {
    absl::StrAppend(&config, "zone:\n  name: \"", zone.name, "\"\n  zonefile: \"", zone.name, "\"\n");
  }
  ProcessOptions options;
  options.output_file = folder_.File("nsd.log");
  auto process = Process::Start({Binary(), "-d", "-c", folder_.Write("nsd.conf", config)}, options);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  if (!process_->WaitForOutput("nsd started")) {
    return absl::UnavailableError(absl::StrCat("nsd did not start: ", log()));
  }
  return absl::OkStatus();
}

SilentDnsServer::SilentDnsServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    std::abort();
}

SilentDnsServer::~SilentDnsServer() {
  close(socket_);
}

std::string SilentDnsServer::address() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  return absl::StrCat("127.0.0.1@", ntohs(address.sin_port));
}

}  // namespace goniec::test
