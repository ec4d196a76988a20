// The configuration file as a plain tree, and the problems found in it. Private to this folder: load.cc makes
// it, section.cc reads it, document.cc reports.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace goniec::config {

struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;     // of its key, if it has one
  std::string key;  // in a mapping
  std::string scalar;
  std::vector<Value> children;  // of a list or a mapping (keys unique), in the order of the file
  bool asked = false;           // a reader knows it
};

struct FoundProblem {
  int line;
  size_t order;
  std::string text;
};

struct State {
  std::string file;
  Value root;
  std::vector<FoundProblem> problems;
  // Path of a section → keys that readers asked it for, to propose one for a misspelt key.
  std::map<std::string, std::set<std::string, std::less<>>> known;

  void Complain(int line, std::string_view path, std::string_view what);
};

// Parses; kInvalidArgument says where it is no YAML.
absl::StatusOr<Value> ParseYaml(const std::string& yaml, const std::string& file);

// The whole file, at most `limit` bytes. The error names it and says how to mend it.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t limit);

}  // namespace goniec::config
