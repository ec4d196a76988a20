#include "tests/support/powercut/backing.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace goniec::test {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(const std::string& what, const fs::path& path, const std::error_code& error) {
  return absl::InternalError(absl::StrCat(what, " ", path.string(), ": ", error.message()));
}

mode_t ModeOf(const fs::directory_entry& entry) {
  return static_cast<mode_t>(entry.status().permissions() & fs::perms::mask);
}

absl::Status LoadFile(const fs::path& path, const std::string& name, mode_t mode, Volume& volume) {
  std::ifstream stream(path, std::ios::binary);
  std::string content(fs::file_size(path), '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!stream) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
  int error = 0;
  const Volume::NodePtr file = volume.CreateFile(name, mode, &error);
  if (file == nullptr) return absl::InternalError(absl::StrCat("cannot take in ", path.string()));
  Volume::Write(*file, 0, content);
  return absl::OkStatus();
}

absl::Status StoreNode(const fs::path& path, const Volume::Node& node) {
  std::error_code error;
  if (node.directory) {
    fs::create_directory(path, error);
  } else {
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream.write(node.durable.data(), static_cast<std::streamsize>(node.durable.size()));
    stream.close();
    if (!stream) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) fs::permissions(path, static_cast<fs::perms>(node.mode & 07777), error);
  return error ? Failed("cannot store", path, error) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<Volume> LoadVolume(const std::string& directory) {
  Volume volume;
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string name = "/" + entry->path().lexically_relative(directory).string();
    if (entry->is_directory()) {
      volume.MakeDirectory(name, ModeOf(*entry));
    } else if (entry->is_regular_file()) {
      if (auto loaded = LoadFile(entry->path(), name, ModeOf(*entry), volume); !loaded.ok()) return loaded;
    } else {
      return absl::InvalidArgumentError(absl::StrCat(name, " is neither a file nor a directory"));
    }
  }
  if (error) return Failed("cannot read", directory, error);
  volume.SyncAll();
  return volume;
}

absl::Status StoreDurable(const Volume& volume, const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) fs::remove_all(entry.path(), error);
  if (error) return Failed("cannot clear", directory, error);
  absl::Status stored;
  volume.ForEachDurable([&](const std::string& path, const Volume::Node& node) {
    if (stored.ok()) stored = StoreNode(directory + path, node);
  });
  return stored;
}

}  // namespace goniec::test
