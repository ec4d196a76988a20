#include "inbound/session/trace.h"

#include "absl/time/time.h"
#include "common/base/text.h"

namespace goniec::inbound {
namespace {

// A name as it may stand in a header: letters, digits and what addresses need, the rest as '?'.
std::string Sanitised(std::string_view text) {
  constexpr std::string_view kAllowed = "-._:[]";
  std::string clean;
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    clean += alnum || kAllowed.find(c) != std::string_view::npos ? c : '?';
  }
  return clean;
}

std::string Date(WallTime time) {
  constexpr absl::string_view kRfc5322 = "%a, %d %b %Y %H:%M:%S +0000";
  return absl::FormatTime(kRfc5322, absl::FromChrono(time), absl::UTCTimeZone());
}

}  // namespace

std::string ReceivedHeader(const Transaction& transaction, std::string_view host_name, const PeerInfo& peer,
                           WallTime received) {
  const ClientIdentity& client = transaction.client();
  std::string header =
      "Received: from " + Sanitised(client.hello_name) + " (" + peer.address.ToLiteral() + ")\r\n\t";
  if (client.tls && !client.tls_info.version.empty()) {
    header += "(using " + Sanitised(client.tls_info.version) + " with cipher " +
              Sanitised(client.tls_info.cipher) + ")\r\n\t";
  }
  header.append("by ").append(host_name).append(" with ").append(transaction.Protocol()).append(" id ");
  header += '\0';
  if (transaction.recipients().size() == 1) {
    header += "\r\n\tfor <" + transaction.recipients().front().ToString() + '>';
  }
  header += ";\r\n\t" + Date(received) + "\r\n";
  return header;
}

}  // namespace goniec::inbound
