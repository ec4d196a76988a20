#include "tests/model/search.h"

namespace goniec::model {

std::uint64_t HolderModel::Hash(Key key) {
  std::uint64_t mixed = key.low * 0x9e3779b97f4a7c15ULL;
  mixed ^= mixed >> 32;
  mixed = (mixed + key.high) * 0xd6e8feb86659fd93ULL;
  return mixed ^ mixed >> 32;
}

Report Search(const Options& options) {
  return Explore<HolderModel>(options);
}

Report SearchFewestFaults(const Options& options) {
  return ExploreFewestFaults<HolderModel>(options);
}

}  // namespace goniec::model
