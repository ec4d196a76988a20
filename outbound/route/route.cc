#include "outbound/route/route.h"

#include <openssl/sha.h>

#include <array>

namespace goniec::outbound {

std::string SiteToken(std::string_view site) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  constexpr size_t kLength = 26;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(site.data()), site.size(), digest.data());
  std::string token;
  unsigned int bits = 0;
  int held = 0;
  for (size_t i = 0; token.size() < kLength; ++i) {
    bits = (bits << 8 | digest[i]) & 0xFFFF;
    for (held += 8; held >= 5 && token.size() < kLength; held -= 5)
      token += kAlphabet[bits >> (held - 5) & 31];
  }
  return token;
}

}  // namespace goniec::outbound
