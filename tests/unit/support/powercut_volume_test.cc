#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "tests/support/powercut/backing.h"
#include "tests/support/powercut/volume.h"
#include "tests/support/process.h"

namespace goniec::test {
namespace {

using NodePtr = Volume::NodePtr;

NodePtr Create(Volume& volume, const std::string& path, const std::string& content = "") {
  int error = 0;
  NodePtr file = volume.CreateFile(path, 0600, &error);
  EXPECT_EQ(error, 0) << path;
  if (file != nullptr) Volume::Write(*file, 0, content);
  return file;
}

NodePtr Find(const Volume& volume, const std::string& path) {
  int error = 0;
  return volume.Find(path, &error);
}

void SyncPath(Volume& volume, const std::string& path) {
  const NodePtr node = Find(volume, path);
  ASSERT_NE(node, nullptr) << path;
  volume.Sync(*node);
}

// Path to content; a directory ends in "/".
using Tree = std::map<std::string, std::string>;
Tree Durable(const Volume& volume) {
  Tree tree;
  volume.ForEachDurable([&](const std::string& path, const Volume::Node& node) {
    tree[node.directory ? path + "/" : path] = node.durable;
  });
  return tree;
}

Tree AfterCut(Volume& volume) {
  volume.CutPower(std::nullopt);
  return Durable(volume);
}

TEST(Volume, WhatWasNeverSyncedIsGone) {
  Volume volume;
  Create(volume, "/a", "text");
  volume.MakeDirectory("/d", 0700);
  EXPECT_EQ(AfterCut(volume), Tree());
  EXPECT_EQ(Find(volume, "/a"), nullptr);
}

TEST(Volume, TheSyncOfANewFileKeepsItsNameAndItsFolders) {
  Volume volume;
  volume.MakeDirectory("/d", 0700);
  volume.MakeDirectory("/d/e", 0700);
  volume.Sync(*Create(volume, "/d/e/a", "text"));
  Create(volume, "/d/e/later", "text");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/d/", ""}, {"/d/e/", ""}, {"/d/e/a", "text"}}));
}

TEST(Volume, TheSyncOfAFolderKeepsNamesAndNoData) {
  Volume volume;
  Create(volume, "/a", "text");
  SyncPath(volume, "/");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", ""}}));
}

TEST(Volume, WhatIsWrittenAfterTheSyncIsGone) {
  Volume volume;
  const NodePtr file = Create(volume, "/a", "first");
  volume.Sync(*file);
  Volume::Write(*file, 5, " second");
  Volume::Write(*file, 0, "F");
  EXPECT_EQ(file->live, "First second");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", "first"}}));
  EXPECT_EQ(Find(volume, "/a")->live, "first");
}

TEST(Volume, TheSyncOfOneFileKeepsNothingOfAnother) {
  Volume volume;
  const NodePtr first = Create(volume, "/a", "1");
  const NodePtr second = Create(volume, "/b", "1");
  volume.Sync(*first);
  volume.Sync(*second);
  Volume::Write(*first, 0, "2");
  Volume::Write(*second, 0, "2");
  Create(volume, "/c");
  volume.Sync(*second);
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", "1"}, {"/b", "2"}}));
}

TEST(Volume, ARenameIsDurableWithTheNextSyncOfFileOrFolder) {
  for (const char* synced : {"/to/new", "/from", "/to", ""}) {
    SCOPED_TRACE(synced);
    Volume volume;
    volume.MakeDirectory("/from", 0700);
    volume.MakeDirectory("/to", 0700);
    volume.Sync(*Create(volume, "/to/new", "old"));
    volume.Sync(*Create(volume, "/from/tmp", "new"));
    EXPECT_EQ(volume.Rename("/from/tmp", "/to/new", true), 0);
    if (*synced != '\0') SyncPath(volume, synced);
    const Tree tree = AfterCut(volume);
    if (*synced != '\0') {
      EXPECT_EQ(tree, (Tree{{"/from/", ""}, {"/to/", ""}, {"/to/new", "new"}}));
    } else {
      EXPECT_EQ(tree, (Tree{{"/from/", ""}, {"/from/tmp", "new"}, {"/to/", ""}, {"/to/new", "old"}}));
    }
  }
}

TEST(Volume, ARenamedFileThatWasNeverSyncedIsEmpty) {
  Volume volume;
  volume.Sync(*Create(volume, "/a", "old"));
  Create(volume, "/a.tmp", "new");
  volume.Rename("/a.tmp", "/a", true);
  SyncPath(volume, "/");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", ""}}));
}

TEST(Volume, ARemovalIsUndoneUntilTheFolderIsSynced) {
  Volume volume;
  volume.Sync(*Create(volume, "/a", "text"));
  EXPECT_EQ(volume.RemoveFile("/a"), 0);
  EXPECT_EQ(Find(volume, "/a"), nullptr);
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", "text"}}));
  EXPECT_EQ(volume.RemoveFile("/a"), 0);
  SyncPath(volume, "/");
  EXPECT_EQ(AfterCut(volume), Tree());
}

TEST(Volume, OperationsBeforeASyncedOneAreDurableToo) {
  Volume volume;
  volume.MakeDirectory("/d", 0700);
  Create(volume, "/d/before", "text");
  volume.Sync(*Create(volume, "/synced", "text"));
  Create(volume, "/d/after", "text");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/d/", ""}, {"/d/before", ""}, {"/synced", "text"}}));
}

TEST(Volume, AnAppendCommitsNoNames) {
  Volume volume;
  const NodePtr file = Create(volume, "/a", "1");
  volume.Sync(*file);
  Create(volume, "/b");
  Volume::Write(*file, 1, "2");
  volume.Sync(*file);
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", "12"}}));
}

TEST(Volume, ACutToSizeIsAnOperationOfTheJournal) {
  Volume volume;
  const NodePtr file = Create(volume, "/a", "a long text");
  volume.Sync(*file);
  volume.Resize(file, 0);
  Volume::Write(*file, 0, "short");
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", "a long text"}}));

  const NodePtr again = Find(volume, "/a");
  volume.Resize(again, 0);
  Volume::Write(*again, 0, "short");
  volume.Sync(*Create(volume, "/b"));  // commits the cut to size, which came before; not the data
  EXPECT_EQ(AfterCut(volume), (Tree{{"/a", ""}, {"/b", ""}}));
}

TEST(Volume, AnOpenFileWithoutANameIsStillReadAndNeverComesBack) {
  Volume volume;
  const NodePtr file = Create(volume, "/a", "text");
  volume.RemoveFile("/a");
  char out[8];
  EXPECT_EQ(std::string(out, Volume::Read(*file, 1, sizeof(out), out)), "ext");
  volume.Sync(*file);
  EXPECT_EQ(AfterCut(volume), Tree());
}

TEST(Volume, SyncAllKeepsEverything) {
  Volume volume;
  volume.MakeDirectory("/d", 0700);
  Create(volume, "/d/a", "text");
  volume.Resize(Create(volume, "/b", "text"), 2);
  volume.SyncAll();
  EXPECT_EQ(AfterCut(volume), (Tree{{"/b", "te"}, {"/d/", ""}, {"/d/a", "text"}}));
}

TEST(Volume, RefusesWhatAFileSystemRefuses) {
  Volume volume;
  volume.MakeDirectory("/d", 0700);
  volume.MakeDirectory("/d/e", 0700);
  Create(volume, "/a");
  int error = 0;
  EXPECT_EQ(volume.CreateFile("/a", 0600, &error), nullptr);
  EXPECT_EQ(error, -EEXIST);
  EXPECT_EQ(volume.MakeDirectory("/a/b", 0700), -ENOTDIR);
  EXPECT_EQ(volume.MakeDirectory("/none/b", 0700), -ENOENT);
  EXPECT_EQ(volume.RemoveDirectory("/d"), -ENOTEMPTY);
  EXPECT_EQ(volume.RemoveDirectory("/a"), -ENOTDIR);
  EXPECT_EQ(volume.RemoveFile("/d"), -EISDIR);
  EXPECT_EQ(volume.RemoveFile("/none"), -ENOENT);
  EXPECT_EQ(volume.Rename("/none", "/b", true), -ENOENT);
  EXPECT_EQ(volume.Rename("/a", "/d", true), -EISDIR);
  EXPECT_EQ(volume.Rename("/d", "/a", true), -ENOTDIR);
  EXPECT_EQ(volume.Rename("/a", "/d/e", false), -EEXIST);
  EXPECT_EQ(volume.Rename("/d", "/d/e/f", true), -EINVAL);
}

// With a seed: what was synced is there whatever survives beside it.
TEST(Volume, ChanceNeverTakesWhatWasSynced) {
  int more = 0;
  int zeros = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Volume volume;
    const std::string synced(10 * Volume::kPageSize - 100, 's');
    const NodePtr file = Create(volume, "/a", synced);
    volume.Sync(*file);
    Create(volume, "/b");
    Volume::Write(*file, synced.size(), std::string(10 * Volume::kPageSize, 'n'));
    volume.RemoveFile("/b");
    const Volume::Loss loss = volume.CutPower(seed);
    EXPECT_EQ(loss.operations, 2U);
    EXPECT_EQ(loss.pages, 11U);
    const std::string kept = Durable(volume).at("/a");
    EXPECT_EQ(kept.substr(0, synced.size()), synced) << seed;
    EXPECT_EQ(kept.substr(synced.size()).find_first_not_of(std::string("n\0", 2)), std::string::npos) << seed;
    more += kept.size() > synced.size() ? 1 : 0;
    zeros += kept.find('\0') != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(more, 0);
  EXPECT_GT(zeros, 0);
}

TEST(Volume, DataAfterACutToSizeSurvivesOnlyWithIt) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Volume volume;
    const NodePtr file = Create(volume, "/a", "a long text");
    volume.Sync(*file);
    volume.Resize(file, 0);
    Volume::Write(*file, 0, "short");
    volume.CutPower(seed);
    const std::string kept = Durable(volume).at("/a");
    EXPECT_TRUE(kept == "a long text" || kept.empty() || kept == "short") << kept;
  }
}

// Random writes and sizes: after a sync the durable content is the one that is seen.
TEST(Volume, AfterASyncADurableFileIsWhatIsSeen) {
  std::mt19937_64 dice(7);  // the same tries each time
  for (int run = 0; run < 200; ++run) {
    Volume volume;
    const NodePtr file = Create(volume, "/a");
    for (int step = 0; step < 30; ++step) {
      const size_t at = dice() % (4 * Volume::kPageSize);
      if (dice() % 3 == 0) {
        volume.Resize(file, at);
      } else {
        Volume::Write(*file, at, std::string(dice() % 6000, static_cast<char>('a' + dice() % 26)));
      }
      if (dice() % 4 == 0) volume.Sync(*Create(volume, "/other" + std::to_string(step)));
    }
    volume.Sync(*file);
    ASSERT_EQ(Durable(volume).at("/a"), file->live) << run;
  }
}

TEST(Backing, HoldsWhatIsDurableAndIsReadAgain) {
  const TempDir folder;
  folder.Write("stays", "text");
  auto volume = LoadVolume(folder.path());
  ASSERT_TRUE(volume.ok()) << volume.status();
  volume->MakeDirectory("/d", 0700);
  volume->Sync(*Create(*volume, "/d/synced", std::string("\0text", 5)));
  Create(*volume, "/d/lost", "text");
  ASSERT_TRUE(StoreDurable(*volume, folder.path()).ok());

  const auto again = LoadVolume(folder.path());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Durable(*again),
            (Tree{{"/d/", ""}, {"/d/synced", std::string("\0text", 5)}, {"/stays", "text"}}));
}

}  // namespace
}  // namespace goniec::test
