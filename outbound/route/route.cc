#include "outbound/route/route.h"

#include <openssl/sha.h>

#include <array>
#include <utility>

namespace goniec::outbound {

Result ResultOf(const RouteFailure& failure, std::vector<std::uint32_t> recipients) {
  Result result;
  result.verdict = failure.permanent   ? Verdict::kPermanent
                   : failure.not_tried ? Verdict::kNotTried
                                       : Verdict::kTemporary;
  result.outcome.set_phase(queue::v1::PHASE_ROUTE);
  result.outcome.set_reason(failure.reason);
  result.outcome.set_reply_code(static_cast<std::uint32_t>(failure.reply_code));
  result.outcome.set_enhanced_code(failure.enhanced_code);
  result.outcome.set_text(failure.text);
  result.recipients = std::move(recipients);
  return result;
}

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
