#include "common/base/status.h"

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec {

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(ToAbsl(context), ": ", status.message()));
}

std::string_view Message(const absl::Status& status) {
  return FromAbsl(status.message());
}

}  // namespace goniec
