#include "tests/support/powercut/volume.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <random>
#include <utility>

namespace goniec::test {
namespace {

constexpr size_t kPage = Volume::kPageSize;

timespec Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

void MarkDirty(Volume::Node& file, size_t begin, size_t end) {
  for (size_t page = begin / kPage; page * kPage < end; ++page) file.dirty.insert(page);
}

// Copies one page from what is seen to what is durable, which grows to hold it.
void KeepPage(Volume::Node& file, size_t page) {
  const size_t begin = page * kPage;
  if (begin >= file.live.size()) return;
  const size_t size = std::min(kPage, file.live.size() - begin);
  if (file.durable.size() < begin + size) file.durable.resize(begin + size);
  file.durable.replace(begin, size, file.live, begin, size);
}

// Each dirty page survives or not; one file in three has had no write-back at all, one in three all of it.
uint64_t KeepSomePages(Volume::Node& file, std::mt19937_64& dice) {
  const uint64_t kind = dice() % 3;
  if (kind == 0) return 0;
  uint64_t kept = 0;
  for (const size_t page : file.dirty) {
    if (kind == 2 || dice() % 2 == 0) {
      KeepPage(file, page);
      ++kept;
    }
  }
  return kept;
}

// The tree as it comes up again: what is durable is what is seen.
void Revive(Volume::Node& node) {
  if (node.directory) {
    node.live_entries = node.durable_entries;
    for (const auto& [name, child] : node.live_entries) Revive(*child);
    return;
  }
  node.live = node.durable;
  node.dirty.clear();
}

void ForEachFile(const Volume::Entries& entries, const std::function<void(Volume::Node&)>& visit) {
  for (const auto& [name, node] : entries) {
    if (node->directory) {
      ForEachFile(node->durable_entries, visit);
    } else {
      visit(*node);
    }
  }
}

void VisitDurable(const std::string& path, const Volume::Node& directory,
                  const std::function<void(const std::string&, const Volume::Node&)>& visit) {
  for (const auto& [name, node] : directory.durable_entries) {
    std::string child = path + "/";
    child += name;
    visit(child, *node);
    if (node->directory) VisitDurable(child, *node, visit);
  }
}

// True if `inner` is the directory or lies below it: it must not be renamed to there.
bool IsOrHolds(const Volume::NodePtr& directory, const Volume::NodePtr& inner) {
  if (directory == inner) return true;
  return std::any_of(directory->live_entries.begin(), directory->live_entries.end(), [&](const auto& entry) {
    return entry.second->directory && IsOrHolds(entry.second, inner);
  });
}

}  // namespace

Volume::Volume() : root_(NewNode(true, S_IFDIR | 0755)) {}

Volume::NodePtr Volume::NewNode(bool directory, mode_t mode) {
  auto node = std::make_shared<Node>();
  node->directory = directory;
  node->mode = (directory ? S_IFDIR : S_IFREG) | (mode & 07777);
  node->modified = Now();
  node->number = next_number_++;
  return node;
}

Volume::NodePtr Volume::Find(std::string_view path, int* error) const {
  NodePtr node = root_;
  *error = 0;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (name.empty()) continue;
    if (!node->directory) {
      *error = -ENOTDIR;
      return nullptr;
    }
    const auto entry = node->live_entries.find(std::string(name));
    if (entry == node->live_entries.end()) {
      *error = -ENOENT;
      return nullptr;
    }
    node = entry->second;
  }
  return node;
}

Volume::NodePtr Volume::FindParent(std::string_view path, std::string* name, int* error) const {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) {
    *error = -EINVAL;
    return nullptr;
  }
  *name = path.substr(slash + 1);
  NodePtr parent = Find(path.substr(0, slash), error);
  if (parent != nullptr && !parent->directory) {
    *error = -ENOTDIR;
    return nullptr;
  }
  return parent;
}

Volume::NodePtr Volume::CreateFile(std::string_view path, mode_t mode, int* error) {
  std::string name;
  const NodePtr parent = FindParent(path, &name, error);
  if (parent == nullptr) return nullptr;
  if (parent->live_entries.contains(name)) {
    *error = -EEXIST;
    return nullptr;
  }
  NodePtr file = NewNode(false, mode);
  Log({.changes = {{parent, name, file}}});
  return file;
}

int Volume::MakeDirectory(std::string_view path, mode_t mode) {
  std::string name;
  int error = 0;
  const NodePtr parent = FindParent(path, &name, &error);
  if (parent == nullptr) return error;
  if (parent->live_entries.contains(name)) return -EEXIST;
  Log({.changes = {{parent, name, NewNode(true, mode)}}});
  return 0;
}

int Volume::RemoveFile(std::string_view path) {
  std::string name;
  int error = 0;
  const NodePtr parent = FindParent(path, &name, &error);
  if (parent == nullptr) return error;
  const NodePtr file = Find(path, &error);
  if (file == nullptr) return error;
  if (file->directory) return -EISDIR;
  Log({.changes = {{parent, name, nullptr}}});
  return 0;
}

int Volume::RemoveDirectory(std::string_view path) {
  std::string name;
  int error = 0;
  const NodePtr parent = FindParent(path, &name, &error);
  if (parent == nullptr) return error;
  const NodePtr directory = Find(path, &error);
  if (directory == nullptr) return error;
  if (!directory->directory) return -ENOTDIR;
  if (!directory->live_entries.empty()) return -ENOTEMPTY;
  Log({.changes = {{parent, name, nullptr}}});
  return 0;
}

int Volume::Rename(std::string_view from, std::string_view to, bool replace) {
  std::string from_name;
  std::string to_name;
  int error = 0;
  const NodePtr from_parent = FindParent(from, &from_name, &error);
  if (from_parent == nullptr) return error;
  const NodePtr node = Find(from, &error);
  if (node == nullptr) return error;
  const NodePtr to_parent = FindParent(to, &to_name, &error);
  if (to_parent == nullptr) return error;
  if (node->directory && IsOrHolds(node, to_parent)) return -EINVAL;
  if (const NodePtr old = Find(to, &error); old != nullptr) {
    if (!replace) return -EEXIST;
    if (old == node) return 0;
    if (old->directory && !node->directory) return -EISDIR;
    if (!old->directory && node->directory) return -ENOTDIR;
    if (!old->live_entries.empty()) return -ENOTEMPTY;
  }
  Log({.changes = {{from_parent, from_name, nullptr}, {to_parent, to_name, node}}});
  return 0;
}

size_t Volume::Read(const Node& file, size_t offset, size_t size, char* out) {
  if (offset >= file.live.size()) return 0;
  return file.live.copy(out, size, offset);
}

void Volume::Write(Node& file, size_t offset, std::string_view data) {
  if (data.empty()) return;
  const size_t end = offset + data.size();
  MarkDirty(file, offset, end);
  if (file.live.size() < end) file.live.resize(end);
  file.live.replace(offset, data.size(), data);
  file.modified = Now();
}

void Volume::Resize(const NodePtr& file, size_t size) {
  if (size == file->live.size()) return;
  file->live.resize(size);
  file->modified = Now();
  file->dirty.erase(file->dirty.lower_bound((size + kPage - 1) / kPage), file->dirty.end());
  Log({.changes = {}, .resized = file, .size = size});
  file->last_resize = file->last_operation;
}

// Makes the operation seen, and remembers whom it names.
void Volume::Log(Operation operation) {
  const uint64_t position = committed_ + journal_.size() + 1;
  for (const Change& change : operation.changes) {
    change.directory->last_operation = position;
    change.directory->modified = Now();
    NodePtr& entry = change.directory->live_entries[change.name];
    if (entry != nullptr) entry->last_operation = position;
    if (change.node != nullptr) change.node->last_operation = position;
    entry = change.node;
    if (entry == nullptr) change.directory->live_entries.erase(change.name);
  }
  if (operation.resized != nullptr) operation.resized->last_operation = position;
  journal_.push_back(std::move(operation));
}

void Volume::CommitUntil(uint64_t position) {
  while (committed_ < position && !journal_.empty()) {
    for (const Change& change : journal_.front().changes) {
      if (change.node != nullptr) {
        change.directory->durable_entries[change.name] = change.node;
      } else {
        change.directory->durable_entries.erase(change.name);
      }
    }
    if (const NodePtr& file = journal_.front().resized; file != nullptr) {
      file->durable.resize(journal_.front().size);
    }
    journal_.pop_front();
    ++committed_;
  }
}

void Volume::Sync(Node& node) {
  CommitUntil(node.last_operation);
  for (const size_t page : node.dirty) KeepPage(node, page);
  node.dirty.clear();
}

void Volume::SyncAll() {
  CommitUntil(committed_ + journal_.size());
  SyncTree(*root_);
}

void Volume::SyncTree(Node& node) {
  Sync(node);
  for (const auto& [name, child] : node.live_entries) SyncTree(*child);
}

Volume::Loss Volume::CutPower(std::optional<uint64_t> seed) {
  Loss loss;
  loss.operations = journal_.size();
  std::mt19937_64 dice(seed.value_or(0));
  if (seed.has_value()) {
    loss.surviving_operations = dice() % (journal_.size() + 1);
    CommitUntil(committed_ + loss.surviving_operations);
  }
  ForEachFile(root_->durable_entries, [&](Node& file) {
    loss.pages += file.dirty.size();
    // What was written after a cut to size lies in blocks that the file has only once that is durable.
    if (seed.has_value() && file.last_resize <= committed_) loss.surviving_pages += KeepSomePages(file, dice);
  });
  journal_.clear();
  Revive(*root_);
  return loss;
}

void Volume::ForEachDurable(
    const std::function<void(const std::string& path, const Node& node)>& visit) const {
  VisitDurable("", *root_, visit);
}

}  // namespace goniec::test
