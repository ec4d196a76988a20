#include "common/smtp/header_scan.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/smtp/ascii.h"

namespace goniec::smtp {

void HeaderScan::Feed(std::string_view content) {
  while (!done_ && !content.empty()) {
    const size_t lf = content.find('\n');
    const std::string_view text = content.substr(0, lf);
    header_is_ascii_ = header_is_ascii_ && IsAscii(text);
    const size_t taken = std::min(text.size(), kKept - kept_);
    std::copy_n(text.begin(), taken, start_.begin() + kept_);
    kept_ += taken;
    if (lf == std::string_view::npos) return;
    EndLine();
    content.remove_prefix(lf + 1);
  }
  body_is_ascii_ = body_is_ascii_ && IsAscii(content);
}

void HeaderScan::EndLine() {
  constexpr std::string_view kReceived = "received";
  const std::string_view line(start_.data(), kept_);
  kept_ = 0;
  if (line.empty() || line == "\r") {
    done_ = true;
    return;
  }
  if (!EqualsIgnoreCase(line.substr(0, kReceived.size()), kReceived)) return;
  // RFC 5322 §4.5: old mail may have space before the colon.
  const std::string_view rest = TrimAsciiSpace(line.substr(kReceived.size()));
  if (!rest.empty() && rest.front() == ':') ++received_;
}

}  // namespace goniec::smtp
