#include "common/config/document.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/config/value.h"

namespace goniec::config {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;

// Levenshtein's distance, for proposing a key.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

std::string Unknown(const State& state, const std::string& section, const std::string& key) {
  std::string text = "there is no such setting";
  const auto known = state.known.find(section);
  if (known == state.known.end()) return text;
  const std::string* best = nullptr;
  size_t best_distance = 3;
  for (const std::string& candidate : known->second) {
    const size_t distance = EditDistance(key, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best != nullptr) absl::StrAppend(&text, "; did you mean ", *best, "?");
  return text;
}

// Complains about every key that nobody asked for.
void FindUnknown(State& state, const Value& value, const std::string& path) {
  const bool is_map = value.kind == Value::Kind::kMap;
  for (size_t i = 0; i < value.children.size(); ++i) {
    const Value& child = value.children[i];
    const std::string child_path =
        is_map ? absl::StrCat(path, path.empty() ? "" : ".", child.key) : absl::StrCat(path, "[", i, "]");
    if (is_map && !child.asked) {
      state.Complain(child.line, child_path, Unknown(state, path, child.key));
    } else {
      FindUnknown(state, child, child_path);
    }
  }
}

}  // namespace

void State::Complain(int line, std::string_view path, std::string_view what) {
  std::string text = file;
  if (line > 0) absl::StrAppend(&text, ":", line);
  if (!path.empty()) absl::StrAppend(&text, ": ", ToAbsl(path));
  absl::StrAppend(&text, ": ", ToAbsl(what));
  // A key that two modules read is wrong once.
  const auto same = [&](const auto& problem) { return problem.text == text; };
  if (std::any_of(problems.begin(), problems.end(), same)) return;
  problems.push_back({line, problems.size(), std::move(text)});
}

Document::Document(std::unique_ptr<State> state) : state_(std::move(state)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

absl::StatusOr<Document> Document::Load(const std::string& path) {
  auto content = ReadWholeFile(path, kMaxFileBytes);
  if (!content.ok()) return content.status();
  return Parse(*content, path);
}

absl::StatusOr<Document> Document::Parse(std::string_view yaml, std::string name) {
  auto root = ParseYaml(std::string(yaml), name);
  if (!root.ok()) return root.status();
  if (root->kind == Value::Kind::kScalar || root->kind == Value::Kind::kList) {
    return absl::InvalidArgumentError(absl::StrCat(name, ":1: must be a mapping of settings (key: value)"));
  }
  auto state = std::make_unique<State>();
  state->file = std::move(name);
  state->root = *std::move(root);
  return Document(std::move(state));
}

Section Document::root() {
  return Section(state_.get(), &state_->root, "", 0);
}

absl::Status Document::Finish() {
  FindUnknown(*state_, state_->root, "");
  return Report();
}

absl::Status Document::FinishSection(std::string_view key) {
  for (const Value& child : state_->root.children) {
    if (child.key == key) FindUnknown(*state_, child, child.key);
  }
  return Report();
}

absl::Status Document::Report() {
  auto& problems = state_->problems;
  if (problems.empty()) return absl::OkStatus();
  std::sort(problems.begin(), problems.end(), [](const FoundProblem& a, const FoundProblem& b) {
    return std::pair(a.line, a.order) < std::pair(b.line, b.order);
  });
  std::string text;
  for (const FoundProblem& problem : problems) absl::StrAppend(&text, text.empty() ? "" : "\n", problem.text);
  return absl::InvalidArgumentError(text);
}

}  // namespace goniec::config
