#include "outbound/consume/pass_on.h"

#include <algorithm>

namespace goniec::outbound {

std::optional<std::chrono::milliseconds> PassOn(
    std::string_view subject, std::uint64_t delivery_count, WallTime now,
    const std::function<bool(const queue::ShelfPlace& place)>& is_elsewhere) {
  if (!is_elsewhere || !queue::IsReleased(subject)) return std::nullopt;
  const std::optional<queue::OnShelf> from = queue::ParseHeld(subject);
  if (!from || from->place.site == queue::kLaterShelf) return std::nullopt;
  if (from->minute < queue::MinuteOf(now) || !is_elsewhere(from->place)) return std::nullopt;
  const auto times = static_cast<std::int64_t>(std::min<std::uint64_t>(delivery_count, 100));
  return std::min(kPassOnPause * times, kLongestPassOnPause);
}

}  // namespace goniec::outbound
