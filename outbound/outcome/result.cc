#include "outbound/outcome/result.h"

namespace goniec::outbound {

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDelivered:
      return "delivered";
    case Verdict::kTemporary:
      return "temporary";
    case Verdict::kPermanent:
      return "permanent";
    case Verdict::kNotTried:
      return "not_tried";
  }
  return "unknown";
}

}  // namespace goniec::outbound
