#include "outbound/api/token_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/config/document.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

class TokenFilesTest : public testing::Test {
 protected:
  void Load(const std::string& yaml) {
    auto document = config::Document::Parse("api:\n" + yaml, "outbound.yaml");
    ASSERT_TRUE(document.ok()) << document.status();
    ReadApiConfig(document->root().Sub("api"), config_);
    ASSERT_EQ(document->Finish().message(), "");
    tokens_ = std::make_unique<TokenFiles>(config_, metrics_, milliseconds(0));
  }
  static std::string ListOf(const std::string& token) {
    return absl::StrCat("tokens: [{sha256: ", HashToken(token), ", tenant: ", token,
                        ", sender_domains: ['*']}]\n");
  }
  bool Takes(const std::string& token) { return tokens_->Current()->Authenticate("Bearer " + token).ok(); }
  double Stale() {
    return metrics_.Render().find("\ngoniec_api_tokens_stale 1\n") != std::string::npos ? 1 : 0;
  }

  test::TempDir folder_;
  observe::Metrics metrics_;
  ApiConfig config_;
  std::unique_ptr<TokenFiles> tokens_;
};

TEST_F(TokenFilesTest, AChangedFileIsTaken) {
  const std::string file = folder_.Write("tokens.yaml", ListOf("first"));
  Load("  tokens_file: " + file + "\n");
  EXPECT_TRUE(Takes("first"));
  EXPECT_FALSE(Takes("second"));
  folder_.Write("tokens.yaml", ListOf("second"));
  EXPECT_FALSE(Takes("first")) << "a token that was taken out is no good any more";
  EXPECT_TRUE(Takes("second"));
  folder_.Write("tokens.yaml", "tokens: []\n");
  EXPECT_FALSE(Takes("second"));
}

// A Secret is a folder of symbolic links through `..data`, which is renamed over the former one.
TEST_F(TokenFilesTest, AFileThatIsReplacedAsKubernetesDoesItIsTaken) {
  const auto version = [&](const std::string& name, const std::string& token) {
    std::filesystem::create_directory(folder_.File(name));
    folder_.Write(name + "/tokens.yaml", ListOf(token));
  };
  version("..1", "first");
  ASSERT_EQ(symlink("..1", folder_.File("..data").c_str()), 0);
  ASSERT_EQ(symlink("..data/tokens.yaml", folder_.File("tokens.yaml").c_str()), 0);
  Load("  tokens_file: " + folder_.File("tokens.yaml") + "\n");
  EXPECT_TRUE(Takes("first"));
  version("..2", "other");
  ASSERT_EQ(symlink("..2", folder_.File("..data_tmp").c_str()), 0);
  ASSERT_EQ(std::rename(folder_.File("..data_tmp").c_str(), folder_.File("..data").c_str()), 0);
  EXPECT_TRUE(Takes("other"));
  EXPECT_FALSE(Takes("first"));
}

TEST_F(TokenFilesTest, AFileThatIsNoGoodLeavesTheFormerTokensInUse) {
  const std::string file = folder_.Write("tokens.yaml", ListOf("first"));
  Load("  tokens_file: " + file + "\n");
  for (const char* broken : {"", "tokens: [", "tokens: [{tenant: a}]\n", "other: []\n"}) {
    folder_.Write("tokens.yaml", broken);
    EXPECT_TRUE(Takes("first")) << broken;
    EXPECT_EQ(Stale(), 1) << broken;
  }
  ASSERT_EQ(unlink(file.c_str()), 0);
  EXPECT_TRUE(Takes("first")) << "gone";
  EXPECT_EQ(Stale(), 1);
  folder_.Write("tokens.yaml", ListOf("second"));
  EXPECT_TRUE(Takes("second"));
  EXPECT_EQ(Stale(), 0);
}

// However it cannot be read: nothing is thrown, and no more of it is read than a file of tokens has.
TEST_F(TokenFilesTest, WhatIsNoFileLeavesTheFormerTokensInUse) {
  const std::string file = folder_.Write("tokens.yaml", ListOf("first"));
  const std::string hash = folder_.Write("hash", HashToken("second") + "\n");
  Load("  tokens_file: " + file + "\n  tokens: [{hash_file: " + hash +
       ", tenant: b, sender_domains: ['*']}]\n");
  for (const std::string& path : {file, hash}) {
    ASSERT_EQ(unlink(path.c_str()), 0);
    ASSERT_TRUE(std::filesystem::create_directory(path));
    EXPECT_TRUE(Takes("first")) << path;
    EXPECT_TRUE(Takes("second")) << path;
    EXPECT_EQ(Stale(), 1) << path;
    ASSERT_TRUE(std::filesystem::remove(path));
    ASSERT_EQ(symlink("/dev/zero", path.c_str()), 0);
    EXPECT_TRUE(Takes("first")) << path;
    EXPECT_TRUE(Takes("second")) << path;
    EXPECT_EQ(Stale(), 1) << path;
    ASSERT_EQ(unlink(path.c_str()), 0);
    folder_.Write(std::filesystem::path(path).filename(),
                  path == file ? ListOf("first") : HashToken("second"));
    EXPECT_TRUE(Takes("first")) << path;
    EXPECT_EQ(Stale(), 0) << path;
  }
}

TEST_F(TokenFilesTest, ChangedHashesAreTaken) {
  const std::string hash = folder_.Write("hash", HashToken("first") + "\n");
  Load("  tokens: [{hash_file: " + hash + ", tenant: a, sender_domains: ['*']}]\n");
  EXPECT_TRUE(Takes("first"));
  folder_.Write("hash", HashToken("second") + "\n");
  EXPECT_TRUE(Takes("second"));
  EXPECT_FALSE(Takes("first"));
  // Also those that a file of tokens names, which is itself not changed.
  const std::string inner = folder_.Write("inner", HashToken("third") + "\n");
  folder_.Write("tokens.yaml", "tokens: [{hash_file: " + inner + ", tenant: a, sender_domains: ['*']}]\n");
  config_ = {};
  Load("  tokens_file: " + folder_.File("tokens.yaml") + "\n");
  EXPECT_TRUE(Takes("third"));
  folder_.Write("inner", HashToken("fourth") + "\n");
  EXPECT_TRUE(Takes("fourth"));
}

// As a tool does that keeps times, or a file system whose clock ticks slowly.
TEST_F(TokenFilesTest, AChangeThatLeavesTimeAndSizeAsTheyWereIsTaken) {
  const std::string file = folder_.Write("tokens.yaml", ListOf("first"));
  struct stat before{};
  ASSERT_EQ(stat(file.c_str(), &before), 0);
  Load("  tokens_file: " + file + "\n");
  EXPECT_TRUE(Takes("first"));
  folder_.Write("tokens.yaml", ListOf("other"));
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  struct stat after{};
  ASSERT_EQ(stat(file.c_str(), &after), 0);
  ASSERT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  ASSERT_EQ(after.st_size, before.st_size);
  ASSERT_EQ(after.st_ino, before.st_ino);
  EXPECT_TRUE(Takes("other"));
  EXPECT_FALSE(Takes("first"));
}

// Whatever of it is seen: in the end all of it counts.
TEST_F(TokenFilesTest, AFileThatIsWrittenBitByBitIsTakenInTheEnd) {
  const std::string file = folder_.Write("tokens.yaml", ListOf("first"));
  Load("  tokens_file: " + file + "\n");
  const std::string renewed = ListOf("second");
  for (std::size_t size = 0; size < renewed.size(); size += 7) {
    folder_.Write("tokens.yaml", renewed.substr(0, size));
    EXPECT_FALSE(Takes("second")) << size;
    EXPECT_TRUE(Takes("first")) << size << ": what is cut is no good";
  }
  folder_.Write("tokens.yaml", renewed);
  EXPECT_TRUE(Takes("second"));
  EXPECT_FALSE(Takes("first"));
  EXPECT_EQ(Stale(), 0);
}

}  // namespace
}  // namespace goniec::outbound
