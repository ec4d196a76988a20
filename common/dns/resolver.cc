#include "common/dns/resolver.h"

namespace goniec::dns {

std::string_view ToString(Result result) {
  switch (result) {
    case Result::kFound:
      return "found";
    case Result::kNoData:
      return "no data";
    case Result::kNoDomain:
      return "no such domain";
    case Result::kTemporary:
      return "temporary failure";
    case Result::kNotAsked:
      return "not asked";
  }
  return "unknown";
}

}  // namespace goniec::dns
