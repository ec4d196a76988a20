#include "common/queue/admission.h"

namespace goniec::queue {

bool AdmissionMark::Update(std::uint64_t used, std::uint64_t capacity) {
  const auto part = [capacity](int percent) {
    return static_cast<double>(capacity) * static_cast<double>(percent) / 100.0;
  };
  const auto level = static_cast<double>(used);
  if (level >= part(percent_)) {
    open_ = false;
  } else if (level <= part(percent_ - kResumePoints)) {
    open_ = true;
  }
  return open_;
}

}  // namespace goniec::queue
