#include "common/queue/broker/inbox.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace goniec::queue {
namespace {

std::string RandomToken() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8),
                      absl::Hex(random(), absl::kZeroPad8));
}

}  // namespace

std::string InboxPrefix(const std::string& user) {
  const bool is_token = !user.empty() && std::all_of(user.begin(), user.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
  return absl::StrCat("_INBOX.", is_token ? user + "." : "", RandomToken(), ".");
}

}  // namespace goniec::queue
