// powercut-mount BACKING MOUNTPOINT: a file system that forgets what was not synced when its power is cut.
// Volume says what is durable when; BACKING holds it, before the mount and after the cut. Runs in the
// foreground, one operation after the other; SIGTERM ends it in good order (everything is written).
//
// Commands are extended attributes of the mount point, so that no name in it is taken:
//   setxattr user.power = "cut"       the power goes: BACKING then holds exactly what was durable, and every
//                                     operation fails with EIO (but these, and stat of the mount point)
//   setxattr user.power = "cut SEED"  the same, and chance lets part of the rest survive
//   setxattr user.power = "sync"      everything so far is durable, as after sync(2)
//   getxattr user.power               counters, "name=value ..."
#define FUSE_USE_VERSION 35

#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/support/powercut/backing.h"

namespace goniec::test {
namespace {

constexpr std::string_view kPower = "user.power";

struct Disk {
  Volume volume;
  std::string backing;
  bool powered = true;
  uint64_t syncs = 0;
  Volume::Loss loss;
};

struct Handle {
  Volume::NodePtr node;
  bool synchronous = false;  // O_SYNC, O_DSYNC
  bool append = false;
};

Disk& TheDisk() {
  return *static_cast<Disk*>(fuse_get_context()->private_data);
}
Handle& Opened(const fuse_file_info* info) {
  return *reinterpret_cast<Handle*>(info->fh);  // NOLINT(performance-no-int-to-ptr): libfuse's way
}

// The node of an open file, or of the path.
Volume::NodePtr NodeOf(const char* path, const fuse_file_info* info, int* error) {
  if (info != nullptr && info->fh != 0) return Opened(info).node;
  return TheDisk().volume.Find(path, error);
}

int Give(Volume::NodePtr node, fuse_file_info* info) {
  const bool synchronous = (info->flags & (O_SYNC | O_DSYNC)) != 0;
  auto handle = std::make_unique<Handle>(Handle{std::move(node), synchronous, (info->flags & O_APPEND) != 0});
  info->fh = reinterpret_cast<uint64_t>(handle.release());
  info->direct_io = 1;  // nothing may hide in the kernel's cache
  return 0;
}

void SyncNode(Volume::Node& node) {
  TheDisk().volume.Sync(node);
  ++TheDisk().syncs;
}

void FillStat(const Volume::Node& node, struct stat* out) {
  *out = {};
  out->st_ino = node.number;
  out->st_mode = node.mode;
  out->st_nlink = node.directory ? 2 : 1;
  out->st_size = static_cast<off_t>(node.live.size());
  out->st_blksize = Volume::kPageSize;
  out->st_blocks = static_cast<blkcnt_t>((node.live.size() + 511) / 512);
  out->st_mtim = out->st_atim = out->st_ctim = node.modified;
  out->st_uid = fuse_get_context()->uid;
  out->st_gid = fuse_get_context()->gid;
}

// The mount point itself can always be looked at: the commands and umount need it.
int GetAttributes(const char* path, struct stat* out, fuse_file_info* info) {
  const bool root = path != nullptr && std::string_view(path) == "/";
  if (!TheDisk().powered && !root) return -EIO;
  int error = 0;
  const auto node = NodeOf(path, info, &error);
  if (node == nullptr) return error;
  FillStat(*node, out);
  return 0;
}

// Operations. Each is called with the power on only (see Powered).

int MakeDirectory(const char* path, mode_t mode) {
  return TheDisk().volume.MakeDirectory(path, mode);
}
int RemoveFile(const char* path) {
  return TheDisk().volume.RemoveFile(path);
}
int RemoveDirectory(const char* path) {
  return TheDisk().volume.RemoveDirectory(path);
}

int Rename(const char* from, const char* to, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return -EINVAL;
  return TheDisk().volume.Rename(from, to, flags == 0);
}

int ChangeMode(const char* path, mode_t mode, fuse_file_info* info) {
  int error = 0;
  const auto node = NodeOf(path, info, &error);
  if (node == nullptr) return error;
  node->mode = (node->mode & S_IFMT) | (mode & 07777);
  return 0;
}

int ChangeOwner(const char*, uid_t, gid_t, fuse_file_info*) {
  return 0;
}

int SetTimes(const char* path, const timespec times[2], fuse_file_info* info) {
  int error = 0;
  const auto node = NodeOf(path, info, &error);
  if (node == nullptr) return error;
  if (times[1].tv_nsec != UTIME_OMIT && times[1].tv_nsec != UTIME_NOW) node->modified = times[1];
  return 0;
}

int Truncate(const char* path, off_t size, fuse_file_info* info) {
  int error = 0;
  const auto node = NodeOf(path, info, &error);
  if (node == nullptr) return error;
  if (node->directory) return -EISDIR;
  TheDisk().volume.Resize(node, static_cast<size_t>(size));
  return 0;
}

int Create(const char* path, mode_t mode, fuse_file_info* info) {
  int error = 0;
  auto node = TheDisk().volume.CreateFile(path, mode, &error);
  return node == nullptr ? error : Give(std::move(node), info);
}

int Open(const char* path, fuse_file_info* info) {
  int error = 0;
  auto node = TheDisk().volume.Find(path, &error);
  if (node == nullptr) return error;
  if ((info->flags & O_TRUNC) != 0) TheDisk().volume.Resize(node, 0);
  return Give(std::move(node), info);
}

int Read(const char*, char* out, size_t size, off_t offset, fuse_file_info* info) {
  return static_cast<int>(Volume::Read(*Opened(info).node, static_cast<size_t>(offset), size, out));
}

int Write(const char*, const char* data, size_t size, off_t offset, fuse_file_info* info) {
  Handle& handle = Opened(info);
  const size_t at = handle.append ? handle.node->live.size() : static_cast<size_t>(offset);
  Volume::Write(*handle.node, at, {data, size});
  if (handle.synchronous) SyncNode(*handle.node);
  return static_cast<int>(size);
}

int Sync(const char*, int, fuse_file_info* info) {
  SyncNode(*Opened(info).node);
  return 0;
}

int List(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info* info, fuse_readdir_flags) {
  fill(buffer, ".", nullptr, 0, fuse_fill_dir_flags());
  fill(buffer, "..", nullptr, 0, fuse_fill_dir_flags());
  for (const auto& [name, node] : Opened(info).node->live_entries) {
    struct stat attributes{};
    FillStat(*node, &attributes);
    fill(buffer, name.c_str(), &attributes, 0, fuse_fill_dir_flags());
  }
  return 0;
}

int StatFs(const char*, struct statvfs* out) {
  return statvfs(TheDisk().backing.c_str(), out) == 0 ? 0 : -errno;
}

// Also without power: closing always works.
int Close(const char*, fuse_file_info* info) {
  const std::unique_ptr<Handle> handle(&Opened(info));
  return 0;
}

// The commands.

int CutPower(std::optional<uint64_t> seed) {
  Disk& disk = TheDisk();
  disk.loss = disk.volume.CutPower(seed);
  disk.powered = false;
  if (const auto stored = StoreDurable(disk.volume, disk.backing); !stored.ok()) {
    std::fprintf(stderr, "powercut-mount: %s\n", std::string(stored.message()).c_str());
    return -ENOSPC;
  }
  return 0;
}

int Command(const char* path, const char* name, const char* value, size_t size, int) {
  if (std::string_view(path) != "/" || name != kPower) return -EOPNOTSUPP;
  if (!TheDisk().powered) return -EIO;
  std::string_view command(value, size);
  if (command == "sync") {
    TheDisk().volume.SyncAll();
    return 0;
  }
  if (command == "cut") return CutPower(std::nullopt);
  uint64_t seed = 0;
  if (command.starts_with("cut ") && absl::SimpleAtoi(std::string(command.substr(4)), &seed)) {
    return CutPower(seed);
  }
  return -EINVAL;
}

int Counters(const char* path, const char* name, char* out, size_t size) {
  if (std::string_view(path) != "/" || name != kPower) return -ENODATA;
  const Disk& disk = TheDisk();
  const std::string text =
      absl::StrCat("syncs=", disk.syncs, " operations=", disk.loss.operations, " pages=", disk.loss.pages,
                   " surviving_operations=", disk.loss.surviving_operations,
                   " surviving_pages=", disk.loss.surviving_pages);
  if (size == 0) return static_cast<int>(text.size());
  if (size < text.size()) return -ERANGE;
  return static_cast<int>(text.copy(out, size));
}

// The operation, or EIO once the power is gone.
template <auto kOperation>
struct Powered;
template <typename... Args, int (*kOperation)(Args...)>
struct Powered<kOperation> {
  static int Call(Args... args) { return TheDisk().powered ? kOperation(args...) : -EIO; }
};

void* Start(fuse_conn_info*, fuse_config* config) {
  config->hard_remove = 1;  // an open file without a name is ours to keep
  config->nullpath_ok = 1;
  config->use_ino = 1;
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

fuse_operations Operations() {
  fuse_operations operations{};
  operations.init = Start;
  operations.getattr = GetAttributes;
  operations.mkdir = Powered<MakeDirectory>::Call;
  operations.unlink = Powered<RemoveFile>::Call;
  operations.rmdir = Powered<RemoveDirectory>::Call;
  operations.rename = Powered<Rename>::Call;
  operations.chmod = Powered<ChangeMode>::Call;
  operations.chown = Powered<ChangeOwner>::Call;
  operations.utimens = Powered<SetTimes>::Call;
  operations.truncate = Powered<Truncate>::Call;
  operations.create = Powered<Create>::Call;
  operations.open = Powered<Open>::Call;
  operations.opendir = Powered<Open>::Call;
  operations.read = Powered<Read>::Call;
  operations.write = Powered<Write>::Call;
  operations.fsync = Powered<Sync>::Call;
  operations.fsyncdir = Powered<Sync>::Call;
  operations.readdir = Powered<List>::Call;
  operations.statfs = Powered<StatFs>::Call;
  operations.release = Close;
  operations.releasedir = Close;
  operations.setxattr = Command;
  operations.getxattr = Counters;
  return operations;
}

int Run(char* program, const std::string& backing, char* mount_point) {
  auto volume = LoadVolume(backing);
  if (!volume.ok()) {
    std::fprintf(stderr, "powercut-mount: %s\n", std::string(volume.status().message()).c_str());
    return 1;
  }
  Disk disk{.volume = *std::move(volume), .backing = backing, .loss = {}};
  const fuse_operations operations = Operations();
  char foreground[] = "-f";
  char single_threaded[] = "-s";
  char options[] = "-ofsname=powercut,default_permissions";
  char* arguments[] = {program, foreground, single_threaded, options, mount_point, nullptr};
  const int code = fuse_main(5, arguments, &operations, &disk);
  if (!disk.powered) return code;
  disk.volume.SyncAll();
  const auto stored = StoreDurable(disk.volume, backing);
  if (!stored.ok()) std::fprintf(stderr, "powercut-mount: %s\n", std::string(stored.message()).c_str());
  return stored.ok() ? code : 1;
}

}  // namespace
}  // namespace goniec::test

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: powercut-mount BACKING MOUNTPOINT\n");
    return 2;
  }
  return goniec::test::Run(argv[0], argv[1], argv[2]);
}
