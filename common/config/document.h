// Typed reading of a YAML configuration file. A service's config.cc walks the sections once at start and
// fills its struct: a key that is there replaces the field's default, a key that is not there leaves it.
// Problems (a value of the wrong kind, out of bounds, a key that nobody asked for) are gathered, each with
// file, line and path, and come out together from Finish(), so that one start shows all of them:
//
//   goniec.yaml:12: smtp.max_size: "25 parsecs" is not a size; use for example 25MiB
//
// It knows no setting and no default by itself. Confined to one thread.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/config/units.h"

namespace goniec::config {

struct Value;  // one node of the file, with its line
struct State;  // the whole file and its problems
class Section;

template <typename T>
struct Bounds {
  T min;
  T max;
};

class Document {
 public:
  // kNotFound / kPermissionDenied / kInvalidArgument with one line that says what, where and how to mend.
  static absl::StatusOr<Document> Load(const std::string& path);
  // `name` stands for the file in messages.
  static absl::StatusOr<Document> Parse(std::string_view yaml, std::string name);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  // Valid as long as this document is.
  [[nodiscard]] Section root();

  // After everything was read: OK, or kInvalidArgument with one line for each problem in the order of the
  // file, the keys that nobody asked for included.
  [[nodiscard]] absl::Status Finish();

  // The same for one section of the root alone, for a program that reads nothing else of the file: keys
  // outside of it are somebody else's.
  [[nodiscard]] absl::Status FinishSection(std::string_view key);

 private:
  explicit Document(std::unique_ptr<State> state);
  absl::Status Report();
  std::unique_ptr<State> state_;
};

// One mapping of the file; of one that is not there all keys are absent. A copyable handle, valid as long as
// its document. Every getter marks the key as known. A key without a value (`tls:`) counts as absent.
class Section {
 public:
  // "smtp.listen[0]"; empty for the root.
  [[nodiscard]] const std::string& path() const { return path_; }
  // True if the file has this section.
  [[nodiscard]] bool present() const { return value_ != nullptr; }
  // True if the key stands in the file with a value. Marks it as known.
  [[nodiscard]] bool Has(std::string_view key) const;

  // Each returns true if the key was there and its value was taken.
  bool Text(std::string_view key, std::string& out) const;
  bool Flag(std::string_view key, bool& out) const;
  bool Duration(std::string_view key, std::chrono::milliseconds& out,
                Bounds<std::chrono::milliseconds> bounds) const;
  bool Bytes(std::string_view key, ByteCount& out, Bounds<ByteCount> bounds) const;
  bool Texts(std::string_view key, std::vector<std::string>& out) const;

  template <std::integral T>
  bool Integer(std::string_view key, T& out, Bounds<T> bounds) const {
    int64_t value = 0;
    if (!ReadInteger(key, value, static_cast<int64_t>(bounds.min), static_cast<int64_t>(bounds.max)))
      return false;
    out = static_cast<T>(value);
    return true;
  }

  // A word out of a list; the error shows the list.
  template <typename T>
  bool Choice(std::string_view key, T& out,
              std::initializer_list<std::pair<std::string_view, T>> choices) const {
    std::vector<std::string_view> words;
    for (const auto& choice : choices) words.push_back(choice.first);
    size_t index = 0;
    if (!ReadChoice(key, words, index)) return false;
    out = (choices.begin() + index)->second;
    return true;
  }

  // A value with a parser of its own: StatusOr<T> parse(std::string_view). The parser's message becomes the
  // problem.
  template <typename T, typename Parse>
  bool Parsed(std::string_view key, T& out, Parse parse) const {
    std::string text;
    if (!Text(key, text)) return false;
    auto parsed = parse(std::string_view(text));
    if (!parsed.ok()) return Problem(key, Message(parsed.status())), false;
    out = *std::move(parsed);
    return true;
  }
  // The same for each element of a list, which replaces `out`. False if one of them is wrong.
  template <typename T, typename Parse>
  bool ParsedList(std::string_view key, std::vector<T>& out, Parse parse) const {
    std::vector<std::string> texts;
    if (!Texts(key, texts)) return false;
    std::vector<T> values;
    bool good = true;
    for (size_t i = 0; i < texts.size(); ++i) {
      auto parsed = parse(std::string_view(texts[i]));
      if (parsed.ok()) {
        values.push_back(*std::move(parsed));
      } else {
        ProblemAt(key, i, Message(parsed.status()));
        good = false;
      }
    }
    if (good) out = std::move(values);
    return good;
  }

  // A secret: the content of the file that `<key>_file` names, without white space at its ends, else the
  // environment variable `environment` (must begin with GONIEC_). The bare key is refused: secrets do not
  // stand in the file.
  bool Secret(std::string_view key, const char* environment, std::string& out) const;

  // A mapping inside this one.
  [[nodiscard]] Section Sub(std::string_view key) const;
  // A list of mappings: "routes[0]", "routes[1]", …
  [[nodiscard]] std::vector<Section> Items(std::string_view key) const;
  // A mapping whose keys are data (a domain, a name): each key with its own mapping.
  [[nodiscard]] std::vector<std::pair<std::string, Section>> Entries(std::string_view key) const;
  // A mapping from names to plain values.
  bool TextMap(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) const;

  // A problem that the reader found by itself, at the key's line (or this section's, if the key is not
  // there).
  void Problem(std::string_view key, std::string_view what) const;
  void ProblemAt(std::string_view key, size_t index, std::string_view what) const;

 private:
  friend class Document;
  Section(State* state, Value* value, std::string path, int line)
      : state_(state), value_(value), path_(std::move(path)), line_(line) {}

  [[nodiscard]] Value* Find(std::string_view key) const;
  [[nodiscard]] const std::string* Scalar(std::string_view key) const;
  [[nodiscard]] std::string PathOf(std::string_view key) const;
  bool ReadInteger(std::string_view key, int64_t& out, int64_t min, int64_t max) const;
  bool ReadChoice(std::string_view key, const std::vector<std::string_view>& words, size_t& index) const;
  void Complain(int line, std::string_view path, std::string_view what) const;

  State* state_;
  Value* value_;  // null if the file does not have this section
  std::string path_;
  int line_;
};

}  // namespace goniec::config
