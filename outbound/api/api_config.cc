#include "outbound/api/api_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/config/value.h"
#include "common/queue/model/subjects.h"
#include "common/smtp/address.h"
#include "outbound/api/request_fields.h"
#include "outbound/api/request_memory.h"

namespace goniec::outbound {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

constexpr std::string_view kNoHash =
    "is not a SHA-256 in 64 hexadecimal digits; `goniec token hash` makes one from a token";

void ReadTenant(const config::Section& section, std::string_view key, std::string& tenant) {
  if (section.Text(key, tenant) && !queue::IsValidTenant(tenant)) {
    section.Problem(key, "must be 1 to 32 of the characters a-z, 0-9 and -");
  }
}

// The hash in the first word of a file.
absl::StatusOr<std::string> ReadHashFile(const std::string& file) {
  const absl::StatusOr<std::string> content = config::ReadWholeFile(file, kLargestTokensFile);
  if (!content.ok()) return content.status();
  const std::string_view trimmed = TrimAsciiSpace(*content);
  if (trimmed.empty()) return absl::NotFoundError(absl::StrCat(file, ": is empty"));
  const std::string word = AsciiLower(trimmed.substr(0, trimmed.find_first_of(" \t\r\n")));
  // The value is not shown: it may be the token itself, put here by mistake.
  if (!IsSha256(word)) return absl::InvalidArgumentError(std::string(kNoHash));
  return word;
}

void ReadHash(const config::Section& section, ApiToken& token) {
  const bool inline_hash = section.Text("sha256", token.sha256);
  const bool in_file = section.Text("hash_file", token.hash_file);
  if (inline_hash == in_file) return section.Problem("sha256", "give either sha256 or hash_file");
  if (in_file) {
    const absl::StatusOr<std::string> hash = ReadHashFile(token.hash_file);
    if (!hash.ok()) return section.Problem("hash_file", Message(hash.status()));
    token.sha256 = *hash;
  }
  token.sha256 = AsciiLower(token.sha256);
  if (!IsSha256(token.sha256)) section.Problem("sha256", kNoHash);
}

void ReadDomains(const config::Section& section, ApiToken& token) {
  constexpr std::string_view kKey = "sender_domains";
  std::vector<std::string> domains;
  if (!section.Has(kKey)) {
    return section.Problem(kKey,
                           "is missing: give the domains that the token may send from, or [\"*\"] for any");
  }
  if (!section.Texts(kKey, domains)) return;
  if (domains.empty()) return section.Problem(kKey, "is empty: give domains, or [\"*\"] for any");
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i] == "*") {
      if (domains.size() > 1) section.ProblemAt(kKey, i, "* stands alone or not at all");
      return token.sender_domains.clear();
    }
    const auto domain = smtp::ParseDomain(domains[i]);
    if (!domain.ok()) {
      section.ProblemAt(kKey, i, Message(domain.status()));
    } else {
      token.sender_domains.push_back(domain->ascii);
    }
  }
}

void ReadTokens(const config::Section& section, std::vector<ApiToken>& tokens) {
  for (const config::Section& item : section.Items("tokens")) {
    ApiToken token;
    ReadHash(item, token);
    item.Flag("operator", token.is_operator);
    ReadTenant(item, "tenant", token.tenant);
    const bool has_mail = item.Has("tenant") || item.Has("sender_domains") || !token.is_operator;
    if (has_mail && token.tenant.empty()) item.Problem("tenant", "is missing");
    if (has_mail) ReadDomains(item, token);
    token.name = has_mail ? token.tenant : "operator";
    item.Text("name", token.name);
    const bool known = std::any_of(tokens.begin(), tokens.end(),
                                   [&](const ApiToken& other) { return other.sha256 == token.sha256; });
    if (known) item.Problem("sha256", "is the hash of another token");
    tokens.push_back(std::move(token));
  }
}

// Appends those of the file. An error is one line or several.
absl::Status ReadTokensFile(const std::string& path, std::vector<ApiToken>& tokens) {
  auto document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  const config::Section root = document->root();
  // A file that is being written is no order to lock everybody out.
  if (!root.Has("tokens")) root.Problem("tokens", "is missing: give the list, [] for nobody");
  ReadTokens(root, tokens);
  return document->Finish();
}

bool IsLoopback(const ApiConfig& config) {
  return net::SpecialUse(config.listen.ip) == "loopback";
}

std::string WhatIsMissing(const ApiConfig& config) {
  if (config.has_tls()) return config.needs_token ? "" : "tokens";
  return config.needs_token ? "TLS" : "TLS and tokens";
}

}  // namespace

bool HaveSeveralTenants(const std::vector<ApiToken>& tokens) {
  const std::string* first = nullptr;
  for (const ApiToken& token : tokens) {
    if (token.tenant.empty()) continue;
    if (first != nullptr && token.tenant != *first) return true;
    first = &token.tenant;
  }
  return false;
}

std::uint64_t MostMemoryOfRequest(const ApiConfig& config) {
  return MemoryOfRequest(config.max_message.bytes + kRequestOverhead) + kMostFields * kMemoryOfField;
}

void ReadApiConfig(config::Section section, ApiConfig& config) {
  section.Parsed("listen", config.listen, net::Endpoint::Parse);
  section.Flag("insecure", config.insecure);
  const config::Section tls = section.Sub("tls");
  tls.Text("certificate_file", config.tls_certificate_file);
  tls.Text("key_file", config.tls_key_file);
  if (config.tls_certificate_file.empty() != config.tls_key_file.empty()) {
    section.Problem("tls", "needs both certificate_file and key_file");
  }
  config.needs_token = section.Has("tokens");
  ReadTokens(section, config.tokens);
  config.listed_tokens = config.tokens;
  if (section.Text("tokens_file", config.tokens_file)) {
    config.needs_token = true;
    if (const absl::Status status = ReadTokensFile(config.tokens_file, config.tokens); !status.ok())
      section.Problem("tokens_file", Message(status));
  }
  ReadTenant(section, "default_tenant", config.default_tenant);

  section.Bytes("max_message", config.max_message, {KiB(64), MiB(50)});
  section.Integer("max_recipients", config.max_recipients, {1, 1000});
  section.Duration("max_life", config.max_life, {std::chrono::minutes(1), hours(24 * 30)});
  const ByteCount least{MostMemoryOfRequest(config)};
  if (!section.Bytes("max_in_flight", config.max_in_flight, {least, GiB(16)})) {
    const ByteCount wanted{least.bytes * (HaveSeveralTenants(config.tokens) ? 2 : 1)};
    config.max_in_flight = std::max(config.max_in_flight, wanted);
  }
  section.Integer("max_calls", config.max_calls, {1, 100'000});
  section.Integer("calls_per_connection", config.calls_per_connection, {1, 10'000});
  section.Integer<std::size_t>("connections", config.connections, {1, 100'000});
  section.Integer<std::size_t>("connections_per_client", config.connections_per_client, {1, 100'000});
  section.Duration("request_timeout", config.request_timeout, {std::chrono::seconds(1), hours(1)});
  section.Flag("reflection", config.reflection);

  if (const std::string missing = WhatIsMissing(config);
      !missing.empty() && !IsLoopback(config) && !config.insecure) {
    section.Problem("listen",
                    absl::StrCat(config.listen.ToString(), " is open to other machines, but ", missing,
                                 " would be missing: set api.tls and api.tokens, or api.insecure: true if "
                                 "something else protects the port"));
  }
}

absl::StatusOr<std::vector<ApiToken>> ReadTokensAgain(const ApiConfig& config) {
  std::vector<ApiToken> tokens = config.listed_tokens;
  for (ApiToken& token : tokens) {
    if (token.hash_file.empty()) continue;
    absl::StatusOr<std::string> hash = ReadHashFile(token.hash_file);
    if (!hash.ok()) return WithContext(hash.status(), token.hash_file);
    token.sha256 = *std::move(hash);
  }
  if (!config.tokens_file.empty()) {
    if (absl::Status status = ReadTokensFile(config.tokens_file, tokens); !status.ok()) return status;
  }
  return tokens;
}

std::optional<std::string> ShareWarning(const ApiConfig& config) {
  const std::uint64_t most = MostMemoryOfRequest(config);
  if (!HaveSeveralTenants(config.tokens) || most * 2 <= config.max_in_flight.bytes) return std::nullopt;
  return absl::StrCat("api.max_in_flight is ", config::FormatByteCount(config.max_in_flight),
                      ", of which one message of ", config::FormatByteCount(config.max_message), " may take ",
                      most >> 20, " MiB: a tenant may hold more than half; set it to ", (most * 2 >> 20) + 1,
                      "MiB or more, or api.max_message lower");
}

std::optional<std::string> ExposureWarning(const ApiConfig& config) {
  const std::string missing = WhatIsMissing(config);
  if (missing.empty() || IsLoopback(config)) return std::nullopt;
  return absl::StrCat("the API on ", config.listen.ToString(), " is open to other machines without ", missing,
                      " (api.insecure)");
}

}  // namespace goniec::outbound
