#include "common/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <asio/ssl/context.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/observe/log.h"

namespace goniec::net {
namespace {

constexpr std::chrono::seconds kLookAgain{10};

// What changes when a file is replaced, also through a symbolic link as Kubernetes does it.
struct FileMark {
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified = 0;
  bool operator==(const FileMark&) const = default;
};

FileMark MarkOf(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_ino, info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

// The newest reason of OpenSSL in words; empties its queue.
std::string TlsReason() {
  std::string reason = "unknown reason";
  while (const unsigned long code = ERR_get_error()) {
    const char* text = ERR_reason_error_string(code);
    if (text != nullptr) reason = text;
  }
  return reason;
}

absl::Status CannotUse(const std::string& what, const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read: ", strerror(errno), "; it must hold the ", what));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is no usable ", what, " in PEM form: ", TlsReason()));
}

void SetMinimum(SSL_CTX* context, TlsVersion version) {
  SSL_CTX_set_min_proto_version(context, version == TlsVersion::kTls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  // Renegotiation is a way to make a server work for nothing; TLS 1.3 has none.
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // Frees the 34 KiB of buffers of a session that is idle.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

// RFC 7301 §3.2. `wanted` is a std::string that outlives the context.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                   unsigned offered_size, void* wanted) {
  const auto& protocol = *static_cast<const std::string*>(wanted);
  for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
    if (name != protocol) continue;
    *chosen = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

absl::StatusOr<std::shared_ptr<asio::ssl::context>> MakeServerContext(const TlsServerConfig& config) {
  ERR_clear_error();
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* raw = context->native_handle();
  SetMinimum(raw, config.min_version);
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  static constexpr unsigned char kSessionContext[] = "goniec";
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  if (SSL_CTX_use_certificate_chain_file(raw, config.certificate_file.c_str()) != 1) {
    return CannotUse("certificate", config.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
      ERR_clear_error();
      return absl::InvalidArgumentError(
          absl::StrCat(config.key_file, ": is not the key of the certificate in ", config.certificate_file));
    }
    return CannotUse("private key", config.key_file);
  }
  if (!config.application_protocol.empty()) {
    // It lives as long as whoever uses the context.
    auto held = std::make_shared<const std::string>(config.application_protocol);
    SSL_CTX_set_alpn_select_cb(raw, ChooseProtocol, const_cast<std::string*>(held.get()));
    return std::shared_ptr<asio::ssl::context>(context.get(), [context, held](asio::ssl::context*) {});
  }
  return context;
}

}  // namespace

struct TlsServerContext::State {
  explicit State(TlsServerConfig settings) : config(std::move(settings)) {}
  [[nodiscard]] std::pair<FileMark, FileMark> Marks() const {
    return {MarkOf(config.certificate_file), MarkOf(config.key_file)};
  }

  const TlsServerConfig config;
  std::mutex mutex;
  std::shared_ptr<asio::ssl::context> context;
  std::pair<FileMark, FileMark> marks;  // of the files that were last tried
  std::chrono::steady_clock::time_point look_again;
};

TlsServerContext::TlsServerContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsServerContext::~TlsServerContext() = default;

absl::StatusOr<std::shared_ptr<TlsServerContext>> TlsServerContext::Create(TlsServerConfig config) {
  auto state = std::make_unique<State>(std::move(config));
  state->marks = state->Marks();
  auto context = MakeServerContext(state->config);
  if (!context.ok()) return context.status();
  state->context = *std::move(context);
  state->look_again = std::chrono::steady_clock::now() + kLookAgain;
  return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(state)));
}

std::shared_ptr<asio::ssl::context> TlsServerContext::Current() {
  bool look = false;
  {
    const std::lock_guard lock(state_->mutex);
    const auto now = std::chrono::steady_clock::now();
    look = now >= state_->look_again;
    if (look) state_->look_again = now + kLookAgain;
  }
  if (look) {
    if (const auto reloaded = Reload(); !reloaded.ok()) {
      observe::Warn("new TLS certificate not taken", {{"reason", Message(reloaded.status())}});
    }
  }
  const std::lock_guard lock(state_->mutex);
  return state_->context;
}

absl::StatusOr<bool> TlsServerContext::Reload() {
  const std::lock_guard lock(state_->mutex);
  const auto marks = state_->Marks();
  if (marks == state_->marks) return false;
  state_->marks = marks;  // one warning for each state of the files
  auto context = MakeServerContext(state_->config);
  if (!context.ok()) return context.status();
  state_->context = *std::move(context);
  observe::Info("TLS certificate renewed", {{"file", state_->config.certificate_file}});
  return true;
}

struct TlsClientContext::State {
  explicit State(bool accept_any) : opportunistic(accept_any) {}
  asio::ssl::context context{asio::ssl::context::tls_client};
  const bool opportunistic;
};

TlsClientContext::TlsClientContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClientContext::~TlsClientContext() = default;

absl::StatusOr<std::shared_ptr<TlsClientContext>> TlsClientContext::Create(TlsClientConfig config) {
  ERR_clear_error();
  auto state = std::make_unique<State>(config.opportunistic);
  SSL_CTX* raw = state->context.native_handle();
  SetMinimum(raw, config.min_version);
  if (config.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(raw);
  } else if (SSL_CTX_load_verify_locations(raw, config.ca_file.c_str(), nullptr) != 1) {
    return CannotUse("list of certificate authorities", config.ca_file);
  }
  // The chain is verified either way; with VERIFY_NONE the handshake goes on whatever the result.
  SSL_CTX_set_verify(raw, config.opportunistic ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  return std::shared_ptr<TlsClientContext>(new TlsClientContext(std::move(state)));
}

asio::ssl::context& TlsClientContext::context() const {
  return state_->context;
}
bool TlsClientContext::opportunistic() const {
  return state_->opportunistic;
}

std::string_view PeerVerificationName(PeerVerification verification) {
  switch (verification) {
    case PeerVerification::kNone:
      return "none";
    case PeerVerification::kUnverified:
      return "unverified";
    case PeerVerification::kPkix:
      return "pkix";
  }
  return "none";
}

}  // namespace goniec::net
