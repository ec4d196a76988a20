#include "outbound/api/request_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <limits>

namespace goniec::outbound {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

class Counter {
 public:
  Counter(google::protobuf::io::ZeroCopyInputStream& request, std::size_t most)
      : input_(&request), most_(most) {}

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool too_many() const { return count_ > most_; }

  // Up to the end of the message that is being read; false if it does not get there. No type of ours holds
  // itself, so this is not deep.
  bool Count(const Descriptor& type) {
    while (const std::uint32_t tag = input_.ReadTag()) {
      ++count_;
      if (too_many() || !Pass(type, tag)) return false;
    }
    return input_.ConsumedEntireMessage();
  }

 private:
  // False if what follows is malformed, or a group.
  bool Pass(const Descriptor& type, std::uint32_t tag) {
    std::uint64_t number = 0;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        return input_.ReadVarint64(&number);
      case WireFormatLite::WIRETYPE_FIXED64:
        return input_.Skip(sizeof(std::uint64_t));
      case WireFormatLite::WIRETYPE_FIXED32:
        return input_.Skip(sizeof(std::uint32_t));
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        return PassContent(type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag)));
      case WireFormatLite::WIRETYPE_START_GROUP:
      case WireFormatLite::WIRETYPE_END_GROUP:
        return false;
    }
    return false;
  }

  // `field` is null if the type does not know it.
  bool PassContent(const FieldDescriptor* field) {
    std::uint64_t length = 0;
    if (!input_.ReadVarint64(&length) || length > std::numeric_limits<int>::max()) return false;
    const int octets = static_cast<int>(length);
    if (field == nullptr || field->message_type() == nullptr) return input_.Skip(octets);
    const auto limit = input_.PushLimit(octets);
    const bool whole = Count(*field->message_type()) && input_.BytesUntilLimit() == 0;
    input_.PopLimit(limit);
    return whole;
  }

  google::protobuf::io::CodedInputStream input_;
  const std::size_t most_;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<std::size_t> CountFields(google::protobuf::io::ZeroCopyInputStream& request,
                                       const Descriptor& type, std::size_t most) {
  Counter counter(request, most);
  if (!counter.Count(type) && !counter.too_many()) return std::nullopt;
  return counter.count();
}

}  // namespace goniec::outbound
