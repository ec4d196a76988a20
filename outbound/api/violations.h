// The invalid fields of a request, gathered so that one answer names them all. Confined to one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace goniec::outbound {

class Violations {
 public:
  struct Violation {
    std::string field;        // "composed.to[2].address"
    std::string description;  // goes on "… " after the field
  };

  void Add(std::string field, std::string description) {
    if (list_.size() < kMost) list_.push_back({std::move(field), std::move(description)});
  }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] const std::vector<Violation>& list() const { return list_; }

 private:
  // An answer has to fit into HTTP/2 trailers; clients take 8 KiB of them.
  static constexpr std::size_t kMost = 20;
  std::vector<Violation> list_;
};

}  // namespace goniec::outbound
