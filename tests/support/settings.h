// What the headers of a configuration say of its settings, so that tests can hold it against what the code
// does. Settings are described in comments as "section.key: what it is for. 1 to 20." Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace goniec::test {

struct DescribedSetting {
  std::string path;    // "delivery.helo"; "api.tokens[].name"
  std::string bounds;  // "1 to 20"; empty if the description has none
};

// The settings that the comments of a header describe, whose paths begin with one of `roots`.
std::vector<DescribedSetting> DescribedSettings(const std::string& header,
                                                const std::set<std::string>& roots);

// The keys that a source file reads with the getters of config::Section.
std::set<std::string> KeysReadIn(const std::string& source);

// A configuration that sets `path` to a value beyond any bounds of this form.
std::string BeyondBounds(const DescribedSetting& setting);

}  // namespace goniec::test
