// How many fields a request has, counted before it is parsed. An object of tens of octets is made of a field
// that may have two on the wire, so memory for a request goes by both, its octets and its fields. Called by
// MailApi. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>

namespace google::protobuf {
class Descriptor;
namespace io {
class ZeroCopyInputStream;
}
}  // namespace google::protobuf

namespace goniec::outbound {

// More than any message needs that the limits of its parts allow: 1,000 recipients with their names in the
// message and once more in the envelope are 5,000.
inline constexpr std::size_t kMostFields = 20'000;

// Those of the messages in it as well, and what `type` does not know. Ends at `most` + 1. Nothing if the
// request is malformed, or has a group, which no message of ours does: what a parser makes of one follows
// rules of its own, so it is not to see any. Whatever is counted to its end has as many fields as a parser
// finds, or more.
std::optional<std::size_t> CountFields(google::protobuf::io::ZeroCopyInputStream& request,
                                       const google::protobuf::Descriptor& type, std::size_t most);

}  // namespace goniec::outbound
