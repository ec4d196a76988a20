#include "outbound/site/worker_name.h"

#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::outbound {
namespace {

constexpr std::size_t kMostOfHost = 40;

}  // namespace

std::string NewWorkerName(std::string_view hostname) {
  std::string name;
  for (const char c : AsciiLower(hostname.substr(0, hostname.find('.')))) {
    if (name.size() == kMostOfHost) break;
    name += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
  }
  if (name.empty()) name = "worker";
  std::random_device random;
  const std::uint64_t drawn = (std::uint64_t{random()} << 32) | random();
  return absl::StrCat(name, "-", absl::Hex(drawn, absl::kZeroPad16));
}

}  // namespace goniec::outbound
