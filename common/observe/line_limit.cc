#include "common/observe/line_limit.h"

#include <algorithm>

namespace goniec::observe {

bool LineLimit::Admit(Time now) {
  if (now > filled_) {
    const std::chrono::duration<double> passed = now - filled_;
    room_ = std::min(burst_, room_ + passed.count() * per_second_);
    filled_ = now;
  }
  if (room_ < 1) {
    ++left_out_;
    return false;
  }
  room_ -= 1;
  return true;
}

}  // namespace goniec::observe
