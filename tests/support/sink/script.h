// The script of goniec-sink: rules that say where it departs from a server that accepts everything. A YAML
// file:
//
//   extensions: [PIPELINING, 8BITMIME]     # advertise these instead of the default ones
//   rules:
//     - on: rcpt                           # connect ehlo starttls mail rcpt data dot bdat rset noop quit
//       match: "*@busy.example"            # default: everything
//       first: 2                           # or nth: 3, every: 10, after: 5; default: always
//       per: address                       # occurrences are counted for each address by itself
//       reply: "451 4.2.1 later"           # lines of a longer reply are separated by \n
//     - {on: dot, nth: 3, then: close}     # without a reply: the client cannot know whether the mail was
//     taken
//
// An event's occurrence is counted by the first rule that fits it until one fires; one event fires one rule
// at most. Confined to one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::sink {

enum class Event {
  kConnect,  // before the greeting; `match` is compared with the client's address
  kEhlo,     // EHLO and HELO; with the name
  kStartTls,
  kMail,  // with the sender
  kRcpt,  // with the recipient
  kData,  // DATA; from here on with the recipients that were accepted
  kBdat,  // each chunk
  kDot,   // the end of a message, by final dot or by BDAT LAST; the message is there in full
  kRset,
  kNoop,
  kQuit,
};
std::string_view ToString(Event event);

struct Action {
  enum class Then {
    kGoOn,
    kClose,  // FIN
    kReset,  // RST: what the client has not read yet is lost
    kStall,  // says nothing more and keeps the connection, until the client gives up
  };
  // First of all, wait.
  std::chrono::milliseconds wait{0};
  // Instead of the usual reply; what it begins with (2, 3, 4, 5) decides whether the command has taken
  // effect. Ends with CR LF. Empty: the usual reply, or none at all if `then` ends the dialogue.
  std::string reply;
  Then then = Then::kGoOn;
  // The reply goes out byte by byte with this pause; for `data` without a reply the content is read slowly.
  std::chrono::milliseconds slow{0};
  // For `data` and `bdat`: wait and `then` come after so many bytes of content, not at the command.
  std::optional<std::size_t> after_bytes;
};

class Script {
 public:
  // Accepts everything.
  Script() = default;
  // Errors name file, line and path.
  static absl::StatusOr<Script> Load(const std::string& path);
  static absl::StatusOr<Script> Parse(std::string_view yaml, const std::string& name);

  // Counts the occurrence. Null: nothing special. Valid as long as the script.
  const Action* Next(Event event, const std::vector<std::string>& subjects);

  // Set if the script names extensions.
  [[nodiscard]] const std::optional<std::vector<std::string>>& extensions() const { return extensions_; }

 private:
  struct Rule {
    Event event = Event::kConnect;
    std::string match = "*";
    std::optional<std::uint64_t> first, nth, every, after;
    bool per_address = false;
    Action action;
    std::map<std::string, std::uint64_t> seen;
  };
  static bool Fires(Rule& rule, const std::string& subject);
  friend struct ScriptReader;

  std::vector<Rule> rules_;
  std::optional<std::vector<std::string>> extensions_;
};

// '*' and '?', ASCII case ignored.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace goniec::sink
