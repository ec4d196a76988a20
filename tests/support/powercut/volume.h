// A file tree that knows what of it is durable: the judgement behind the power-cut tests, without FUSE and
// without a disk. Every operation changes the tree as it is seen (live) at once; CutPower() takes away what
// no Sync made durable.
//
// What is promised, and why: as much as ext4 and XFS promise with their journals, and nothing of what they do
// only by kindness (delayed allocation's heuristics, the write-back that comes after some seconds).
//   Data      What is written to a file is durable with the next Sync of that file, and so is the size it
//   grew to. Names     Creations, renames, removals and cuts to size stand in one journal, in order, and
//   become durable in that
//             order. Sync of a file or directory makes the journal durable up to the last operation that
//             names it: so the sync of a new file makes its own name durable (and its folders', which were
//             made before), a rename is durable with the next sync of the file or of either folder, and never
//             by halves. What merely was written (an append) is no entry in the journal: a little less than
//             ext4 gives.
//   Order     There is none between data and names: a file that was renamed but never synced may be there,
//   empty.
// Owners, modes and times are not tracked.
//
// At a cut a seed may let some of the rest survive, as in reality, where write-back may have begun: the
// journal up to any point, and of each file any of the pages written since its last sync. Pages that did not
// survive below one that did are zeros (allocated, never written).
//
// Who calls it: powercut_main (FUSE), backing (load and store), volume_test. Confined to one thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace goniec::test {

class Volume {
 public:
  static constexpr size_t kPageSize = 4096;

  struct Node;
  // Keeps the file's content for as long as someone has it open, also when it has no name any more.
  using NodePtr = std::shared_ptr<Node>;
  using Entries = std::map<std::string, NodePtr>;

  struct Node {
    bool directory = false;
    mode_t mode = 0;
    timespec modified{};
    uint64_t number = 0;
    std::string live;  // files: the content
    std::string durable;
    std::set<size_t> dirty;  // pages of `live` written since the last sync
    Entries live_entries;    // directories
    Entries durable_entries;
    // Positions in the journal, 1 and up: the last operation that names the node, and the last that cut it to
    // size.
    uint64_t last_operation = 0;
    uint64_t last_resize = 0;
  };

  // What a cut took away and what it left by chance.
  struct Loss {
    uint64_t operations = 0;            // names and sizes that were not durable
    uint64_t pages = 0;                 // written, not durable
    uint64_t surviving_operations = 0;  // of these, those that survived all the same
    uint64_t surviving_pages = 0;
  };

  Volume();

  // Paths are absolute, "/" is the root. All results below: 0 or more for success, -errno otherwise.

  // The node at the path; null if there is none, with *error -ENOENT or -ENOTDIR.
  NodePtr Find(std::string_view path, int* error) const;
  NodePtr CreateFile(std::string_view path, mode_t mode, int* error);  // -EEXIST
  int MakeDirectory(std::string_view path, mode_t mode);
  int RemoveFile(std::string_view path);
  int RemoveDirectory(std::string_view path);  // -ENOTEMPTY
  int Rename(std::string_view from, std::string_view to, bool replace);

  static size_t Read(const Node& file, size_t offset, size_t size, char* out);
  static void Write(Node& file, size_t offset, std::string_view data);
  void Resize(const NodePtr& file, size_t size);

  // fsync, fdatasync, fsyncdir, and a write under O_SYNC.
  void Sync(Node& node);
  // sync(2), an orderly unmount, or half a minute of quiet.
  void SyncAll();

  // Leaves what is durable; with a seed also what chance lets survive. Nodes that are still open afterwards
  // have nothing to do with the tree any more.
  Loss CutPower(std::optional<uint64_t> seed);

  // Every durable directory and file, parents first.
  void ForEachDurable(const std::function<void(const std::string& path, const Node& node)>& visit) const;

 private:
  // One entry of a directory: set to the node, or removed.
  struct Change {
    NodePtr directory;
    std::string name;
    NodePtr node;
  };
  struct Operation {
    std::vector<Change> changes;  // all or none
    NodePtr resized;
    size_t size = 0;
  };

  NodePtr FindParent(std::string_view path, std::string* name, int* error) const;
  NodePtr NewNode(bool directory, mode_t mode);
  void Log(Operation operation);
  void CommitUntil(uint64_t position);
  void SyncTree(Node& node);

  NodePtr root_;
  uint64_t next_number_ = 1;
  std::deque<Operation> journal_;  // not yet durable
  uint64_t committed_ = 0;         // position of the last durable operation
};

}  // namespace goniec::test
