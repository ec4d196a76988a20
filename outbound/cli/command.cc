#include "outbound/cli/command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::cli {
namespace {

constexpr char kUsageMark[] = "goniec/usage";

}  // namespace

absl::Status UsageError(std::string_view text) {
  absl::Status status = absl::InvalidArgumentError(ToAbsl(text));
  status.SetPayload(kUsageMark, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsageMark).has_value();
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return absl::NotFoundError(absl::StrCat(Printable(path), ": ", std::strerror(errno)));
  std::string content;
  char buffer[65536];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    content.append(buffer, got);
  const bool failed = std::ferror(file) != 0;
  const int error = errno;
  if (file != stdin) std::fclose(file);
  if (failed) return absl::UnavailableError(absl::StrCat(Printable(path), ": ", std::strerror(error)));
  return content;
}

}  // namespace goniec::cli
