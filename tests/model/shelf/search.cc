#include "tests/model/shelf/search.h"

namespace goniec::model::shelf {

std::uint64_t ShelfModel::Hash(const Key& key) {
  std::uint64_t mixed = key.stored * 0x9e3779b97f4a7c15ULL;
  mixed ^= mixed >> 32;
  mixed = (mixed + key.workers) * 0xd6e8feb86659fd93ULL;
  mixed ^= mixed >> 32;
  mixed = (mixed + key.rest) * 0x9e3779b97f4a7c15ULL;
  return mixed ^ mixed >> 32;
}

Report Search(const Options& options) {
  return Explore<ShelfModel>(options);
}

Report SearchFewestFaults(const Options& options) {
  return ExploreFewestFaults<ShelfModel>(options);
}

}  // namespace goniec::model::shelf
