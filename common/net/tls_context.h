// TLS settings: the certificate of a server, the trust of a client. The certificate files are looked at again
// at most every ten seconds, so a renewed certificate is taken without a restart; while the new files are no
// good, the old certificate stays in use and a warning says why. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace asio::ssl {
class context;
}

namespace goniec::net {

enum class TlsVersion { kTls12, kTls13 };

struct TlsServerConfig {
  std::string certificate_file;  // PEM, the chain after the certificate
  std::string key_file;          // PEM
  TlsVersion min_version = TlsVersion::kTls12;
  // The one protocol that is agreed on by ALPN (RFC 7301), "h2"; a client that offers others only is refused,
  // one that offers none is not. Empty: ALPN is not spoken.
  std::string application_protocol = {};
};

class TlsServerContext {
 public:
  // kInvalidArgument / kNotFound in one line that names the file.
  static absl::StatusOr<std::shared_ptr<TlsServerContext>> Create(TlsServerConfig config);
  ~TlsServerContext();

  // The context of now; a session keeps it as long as it uses it.
  [[nodiscard]] std::shared_ptr<asio::ssl::context> Current();
  // Looks at the files now; true if a new certificate was taken. An error leaves the old one in use.
  absl::StatusOr<bool> Reload();

 private:
  struct State;
  explicit TlsServerContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct TlsClientConfig {
  // Accept any certificate (opportunistic TLS, RFC 7435): the handshake never fails for it, TlsInfo says what
  // it was worth. False: an unverified peer ends the handshake.
  bool opportunistic = true;
  TlsVersion min_version = TlsVersion::kTls12;
  std::string ca_file;  // PEM; empty: the system's
};

class TlsClientContext {
 public:
  static absl::StatusOr<std::shared_ptr<TlsClientContext>> Create(TlsClientConfig config = {});
  ~TlsClientContext();

  [[nodiscard]] asio::ssl::context& context() const;
  [[nodiscard]] bool opportunistic() const;

 private:
  struct State;
  explicit TlsClientContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What was agreed, for events, logs and the Received header.
enum class PeerVerification {
  kNone,        // the peer showed no certificate
  kUnverified,  // it showed one that proves nothing
  kPkix,        // its chain ends at a trusted authority and it names the host that was asked for
};
std::string_view PeerVerificationName(PeerVerification verification);

struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  PeerVerification peer = PeerVerification::kNone;
};

}  // namespace goniec::net
