#include "outbound/api/api_config.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/queue/subjects.h"
#include "common/smtp/address.h"

namespace goniec::outbound {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool IsSha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void ReadTenant(const config::Section& section, std::string_view key, std::string& tenant) {
  if (section.Text(key, tenant) && !queue::IsValidTenant(tenant)) {
    section.Problem(key, "must be 1 to 32 of the characters a-z, 0-9 and -");
  }
}

void ReadHash(const config::Section& section, ApiToken& token) {
  std::string file;
  const bool inline_hash = section.Text("sha256", token.sha256);
  const bool in_file = section.Text("hash_file", file);
  if (inline_hash == in_file) return section.Problem("sha256", "give either sha256 or hash_file");
  if (in_file) {
    std::ifstream stream(file);
    std::string word;
    if (!(stream >> word))
      return section.Problem("hash_file", absl::StrCat(file, ": cannot be read, or is empty"));
    token.sha256 = word;
  }
  token.sha256 = AsciiLower(token.sha256);
  // The value is not shown: it may be the token itself, put here by mistake.
  if (!IsSha256(token.sha256)) {
    section.Problem(in_file ? "hash_file" : "sha256",
                    "is not a SHA-256 in 64 hexadecimal digits; `goniec token hash` makes one from a token");
  }
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

void ReadTokens(const config::Section& section, ApiConfig& config) {
  for (const config::Section& item : section.Items("tokens")) {
    ApiToken token;
    ReadHash(item, token);
    ReadTenant(item, "tenant", token.tenant);
    if (token.tenant.empty()) item.Problem("tenant", "is missing");
    ReadDomains(item, token);
    token.name = token.tenant;
    item.Text("name", token.name);
    const bool known = std::any_of(config.tokens.begin(), config.tokens.end(),
                                   [&](const ApiToken& other) { return other.sha256 == token.sha256; });
    if (known) item.Problem("sha256", "is the hash of another token");
    config.tokens.push_back(std::move(token));
  }
}

void ReadTokensFile(const config::Section& section, ApiConfig& config) {
  std::string path;
  if (!section.Text("tokens_file", path)) return;
  config.needs_token = true;
  auto document = config::Document::Load(path);
  if (!document.ok()) return section.Problem("tokens_file", Message(document.status()));
  ReadTokens(document->root(), config);
  if (const absl::Status status = document->Finish(); !status.ok())
    section.Problem("tokens_file", Message(status));
}

bool IsLoopback(const ApiConfig& config) {
  return net::SpecialUse(config.listen.ip) == "loopback";
}

std::string WhatIsMissing(const ApiConfig& config) {
  if (config.has_tls()) return config.needs_token ? "" : "tokens";
  return config.needs_token ? "TLS" : "TLS and tokens";
}

}  // namespace

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
  ReadTokens(section, config);
  ReadTokensFile(section, config);
  ReadTenant(section, "default_tenant", config.default_tenant);

  section.Bytes("max_message", config.max_message, {KiB(64), MiB(50)});
  section.Integer("max_recipients", config.max_recipients, {1, 1000});
  section.Duration("max_life", config.max_life, {std::chrono::minutes(1), hours(24 * 30)});
  const ByteCount least{4 * config.max_message.bytes};
  if (!section.Bytes("max_in_flight", config.max_in_flight, {least, GiB(16)})) {
    config.max_in_flight = std::max(config.max_in_flight, least);
  }
  section.Integer("max_calls", config.max_calls, {1, 100'000});
  section.Flag("reflection", config.reflection);

  if (const std::string missing = WhatIsMissing(config);
      !missing.empty() && !IsLoopback(config) && !config.insecure) {
    section.Problem("listen",
                    absl::StrCat(config.listen.ToString(), " is open to other machines, but ", missing,
                                 " would be missing: set api.tls and api.tokens, or api.insecure: true if "
                                 "something else protects the port"));
  }
}

std::optional<std::string> ExposureWarning(const ApiConfig& config) {
  const std::string missing = WhatIsMissing(config);
  if (missing.empty() || IsLoopback(config)) return std::nullopt;
  return absl::StrCat("the API on ", config.listen.ToString(), " is open to other machines without ", missing,
                      " (api.insecure)");
}

}  // namespace goniec::outbound
