#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/config/value.h"

namespace goniec::config {
namespace {

// Aliases may repeat parts of the file; a file that grows beyond this is a mistake or a trap.
constexpr size_t kMaxNodes = 100'000;

class Converter {
 public:
  explicit Converter(const std::string& file) : file_(file) {}

  absl::StatusOr<Value> Convert(const YAML::Node& node, int line) {
    if (++nodes_ > kMaxNodes) return absl::InvalidArgumentError(absl::StrCat(file_, ": has too many values"));
    Value value;
    value.line = line;
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return value;
      case YAML::NodeType::Scalar:
        value.kind = Value::Kind::kScalar;
        value.scalar = node.Scalar();
        return value;
      case YAML::NodeType::Sequence:
        return ConvertList(node, std::move(value));
      case YAML::NodeType::Map:
        return ConvertMap(node, std::move(value));
    }
    return value;
  }

 private:
  absl::StatusOr<Value> ConvertList(const YAML::Node& node, Value value) {
    value.kind = Value::Kind::kList;
    for (const YAML::Node& element : node) {
      auto converted = Convert(element, element.Mark().line + 1);
      if (!converted.ok()) return converted.status();
      value.children.push_back(*std::move(converted));
    }
    return value;
  }

  absl::StatusOr<Value> ConvertMap(const YAML::Node& node, Value value) {
    value.kind = Value::Kind::kMap;
    std::map<std::string, int> seen;
    for (const auto& entry : node) {
      const int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) {
        return absl::InvalidArgumentError(absl::StrCat(file_, ":", line, ": a key must be a plain word"));
      }
      const std::string& key = entry.first.Scalar();
      if (const auto [first, added] = seen.emplace(key, line); !added) {
        return absl::InvalidArgumentError(absl::StrCat(file_, ":", line, ": \"", key,
                                                       "\" is set a second time (first in line ",
                                                       first->second, "); remove one of them"));
      }
      auto converted = Convert(entry.second, line);
      if (!converted.ok()) return converted.status();
      converted->key = key;
      value.children.push_back(*std::move(converted));
    }
    return value;
  }

  const std::string& file_;
  size_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<Value> ParseYaml(const std::string& yaml, const std::string& file) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(yaml);
    if (documents.empty()) return Value{};
    if (documents.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", documents[1].Mark().line + 1,
                       ": a second YAML document begins here; remove the line with ---"));
    }
    return Converter(file).Convert(documents[0], 1);
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", e.mark.line + 1, ": this is not YAML: ", e.msg));
  }
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t limit) {
  const auto failed = [&](int error) {
    const std::string text = absl::StrCat(path, ": cannot be read: ", strerror(error));
    if (error == ENOENT || error == ENOTDIR)
      return absl::NotFoundError(absl::StrCat(text, "; check the path"));
    if (error == EACCES) return absl::PermissionDeniedError(absl::StrCat(text, "; check its owner and mode"));
    return absl::UnavailableError(text);
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(errno);
  std::string content;
  char buffer[16384];
  ssize_t got = 0;
  while (content.size() <= limit && (got = read(fd, buffer, sizeof buffer)) > 0) {
    content.append(buffer, static_cast<size_t>(got));
  }
  const int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) return failed(error);
  if (content.size() > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is larger than ", limit, " bytes; is it the right file?"));
  }
  return content;
}

}  // namespace goniec::config
