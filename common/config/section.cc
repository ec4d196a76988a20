#include <charconv>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/document.h"
#include "common/config/value.h"

namespace goniec::config {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", Printable(text, 80), "\"");
}

const char* KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kScalar:
      return "a single value";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a mapping";
  }
  return "something else";
}

}  // namespace

Value* Section::Find(std::string_view key) const {
  state_->known[path_].emplace(key);
  if (value_ == nullptr) return nullptr;
  if (value_->kind != Value::Kind::kMap) return nullptr;
  for (Value& child : value_->children) {
    if (child.key != key) continue;
    child.asked = true;
    return child.kind == Value::Kind::kNull ? nullptr : &child;
  }
  return nullptr;
}

const std::string* Section::Scalar(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return nullptr;
  if (value->kind != Value::Kind::kScalar) {
    Problem(key, absl::StrCat("must be a single value, but is ", KindName(value->kind)));
    return nullptr;
  }
  return &value->scalar;
}

std::string Section::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", ToAbsl(key));
}

void Section::Complain(int line, std::string_view path, std::string_view what) const {
  state_->Complain(line, path, what);
}

void Section::Problem(std::string_view key, std::string_view what) const {
  const Value* value = Find(key);
  Complain(value != nullptr ? value->line : line_, PathOf(key), what);
}

void Section::ProblemAt(std::string_view key, size_t index, std::string_view what) const {
  const Value* value = Find(key);
  if (value == nullptr || value->kind != Value::Kind::kList || index >= value->children.size())
    return Problem(key, what);
  Complain(value->children[index].line, absl::StrCat(PathOf(key), "[", index, "]"), what);
}

bool Section::Has(std::string_view key) const {
  return Find(key) != nullptr;
}

bool Section::Text(std::string_view key, std::string& out) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  out = *text;
  return true;
}

bool Section::Flag(std::string_view key, bool& out) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  if (*text != "true" && *text != "false") {
    Problem(key, absl::StrCat(Quoted(*text), " is neither true nor false"));
    return false;
  }
  out = *text == "true";
  return true;
}

bool Section::Duration(std::string_view key, std::chrono::milliseconds& out,
                       Bounds<std::chrono::milliseconds> bounds) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  const auto value = ParseDuration(*text);
  if (!value.ok()) return Problem(key, Message(value.status())), false;
  if (*value < bounds.min || *value > bounds.max) {
    Problem(key, absl::StrCat(*text, " is out of bounds; it must be ", FormatDuration(bounds.min), " to ",
                              FormatDuration(bounds.max)));
    return false;
  }
  out = *value;
  return true;
}

bool Section::Bytes(std::string_view key, ByteCount& out, Bounds<ByteCount> bounds) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  const auto value = ParseByteCount(*text);
  if (!value.ok()) return Problem(key, Message(value.status())), false;
  if (*value < bounds.min || *value > bounds.max) {
    Problem(key, absl::StrCat(*text, " is out of bounds; it must be ", FormatByteCount(bounds.min), " to ",
                              FormatByteCount(bounds.max)));
    return false;
  }
  out = *value;
  return true;
}

bool Section::Texts(std::string_view key, std::vector<std::string>& out) const {
  const Value* value = Find(key);
  if (value == nullptr) return false;
  if (value->kind != Value::Kind::kList) {
    Problem(key, absl::StrCat("must be a list, for example [a, b], but is ", KindName(value->kind)));
    return false;
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < value->children.size(); ++i) {
    const Value& element = value->children[i];
    if (element.kind != Value::Kind::kScalar) {
      ProblemAt(key, i, absl::StrCat("must be a single value, but is ", KindName(element.kind)));
      return false;
    }
    texts.push_back(element.scalar);
  }
  out = std::move(texts);
  return true;
}

bool Section::ReadInteger(std::string_view key, int64_t& out, int64_t min, int64_t max) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stop != end) {
    Problem(key, absl::StrCat(Quoted(*text), " is not a whole number; it must be ", min, " to ", max));
    return false;
  }
  if (value < min || value > max) {
    Problem(key, absl::StrCat(value, " is out of bounds; it must be ", min, " to ", max));
    return false;
  }
  out = value;
  return true;
}

bool Section::ReadChoice(std::string_view key, const std::vector<std::string_view>& words,
                         size_t& index) const {
  const std::string* text = Scalar(key);
  if (text == nullptr) return false;
  std::string list;
  for (size_t i = 0; i < words.size(); ++i) {
    if (*text == words[i]) {
      index = i;
      return true;
    }
    absl::StrAppend(&list, i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", ToAbsl(words[i]));
  }
  Problem(key, absl::StrCat(Quoted(*text), " is not one of ", list));
  return false;
}

bool Section::Secret(std::string_view key, const char* environment, std::string& out) const {
  const std::string file_key = absl::StrCat(ToAbsl(key), "_file");
  if (Has(key)) {
    Problem(key, absl::StrCat("a secret does not stand in the configuration; use ", file_key,
                              " or the environment variable ", environment));
    return false;
  }
  if (const std::string* file = Scalar(file_key); file != nullptr) {
    const auto content = ReadWholeFile(*file, kMaxSecretBytes);
    if (!content.ok()) return Problem(file_key, Message(content.status())), false;
    out = TrimAsciiSpace(*content);
    if (out.empty()) return Problem(file_key, absl::StrCat(*file, ": is empty")), false;
    return true;
  }
  const char* value = std::getenv(environment);
  if (value == nullptr || *value == '\0') return false;
  out = TrimAsciiSpace(value);
  return true;
}

Section Section::Sub(std::string_view key) const {
  Value* value = Find(key);
  if (value != nullptr && value->kind != Value::Kind::kMap) {
    Problem(key, absl::StrCat("must be a mapping of settings, but is ", KindName(value->kind)));
    value = nullptr;
  }
  return Section(state_, value, PathOf(key), value != nullptr ? value->line : line_);
}

std::vector<Section> Section::Items(std::string_view key) const {
  std::vector<Section> items;
  Value* value = Find(key);
  if (value == nullptr) return items;
  if (value->kind != Value::Kind::kList) {
    Problem(key, absl::StrCat("must be a list, but is ", KindName(value->kind)));
    return items;
  }
  for (size_t i = 0; i < value->children.size(); ++i) {
    Value& element = value->children[i];
    if (element.kind != Value::Kind::kMap) {
      ProblemAt(key, i, absl::StrCat("must be a mapping of settings, but is ", KindName(element.kind)));
      continue;
    }
    items.push_back(Section(state_, &element, absl::StrCat(PathOf(key), "[", i, "]"), element.line));
  }
  return items;
}

std::vector<std::pair<std::string, Section>> Section::Entries(std::string_view key) const {
  std::vector<std::pair<std::string, Section>> entries;
  const Section section = Sub(key);
  if (!section.present()) return entries;
  for (const Value& child : section.value_->children) {
    const Section entry = section.Sub(child.key);
    if (entry.present() || child.kind == Value::Kind::kNull) entries.emplace_back(child.key, entry);
  }
  return entries;
}

bool Section::TextMap(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) const {
  const Section section = Sub(key);
  if (!section.present()) return false;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const Value& child : section.value_->children) {
    std::string text;
    if (!section.Text(child.key, text)) {
      if (child.kind == Value::Kind::kNull) section.Problem(child.key, "has no value");
      return false;
    }
    texts.emplace_back(child.key, std::move(text));
  }
  out = std::move(texts);
  return true;
}

}  // namespace goniec::config
