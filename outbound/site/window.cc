#include "outbound/site/window.h"

#include <algorithm>

namespace goniec::outbound {

void Window::Worked() {
  if (size_ < share_) ++size_;
}

void Window::Slower(std::size_t open, BootTime now) {
  if (halved_ && now < halved_at_ + kOnce) return;
  halved_ = true;
  halved_at_ = now;
  size_ = std::max<std::size_t>(1, std::min(size(), open) / 2);
}

}  // namespace goniec::outbound
