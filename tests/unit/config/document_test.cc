#include "common/config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/process.h"

namespace goniec::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

enum class Colour { kRed, kGreen };

Document Parsed(std::string_view yaml) {
  auto document = Document::Parse(yaml, "test.yaml");
  EXPECT_TRUE(document.ok()) << document.status();
  return *std::move(document);
}

std::string ParseError(std::string_view yaml) {
  const auto document = Document::Parse(yaml, "test.yaml");
  return std::string(Message(document.status()));
}

TEST(Document, FillsWhatIsThereAndLeavesDefaults) {
  Document document = Parsed(
      "name: goniec\n"
      "count: 7\n"
      "on: true\n"
      "size: 25MiB\n"
      "wait: 30s\n"
      "colour: green\n"
      "words: [a, b]\n"
      "empty:\n");
  const Section root = document.root();
  std::string name = "default";
  std::string absent = "default";
  std::string empty = "default";
  uint16_t count = 1;
  bool on = false;
  ByteCount size;
  milliseconds wait{};
  Colour colour = Colour::kRed;
  std::vector<std::string> words;
  EXPECT_TRUE(root.Text("name", name));
  EXPECT_FALSE(root.Text("absent", absent));
  EXPECT_FALSE(root.Text("empty", empty));
  EXPECT_TRUE(root.Integer<uint16_t>("count", count, {1, 9}));
  EXPECT_TRUE(root.Flag("on", on));
  EXPECT_TRUE(root.Bytes("size", size, {KiB(1), MiB(50)}));
  EXPECT_TRUE(root.Duration("wait", wait, {seconds(1), seconds(60)}));
  EXPECT_TRUE(root.Choice<Colour>("colour", colour, {{"red", Colour::kRed}, {"green", Colour::kGreen}}));
  EXPECT_TRUE(root.Texts("words", words));
  EXPECT_TRUE(document.Finish().ok()) << document.Finish();
  EXPECT_EQ(name, "goniec");
  EXPECT_EQ(absent, "default");
  EXPECT_EQ(empty, "default");
  EXPECT_EQ(count, 7);
  EXPECT_TRUE(on);
  EXPECT_EQ(size, MiB(25));
  EXPECT_EQ(wait, seconds(30));
  EXPECT_EQ(colour, Colour::kGreen);
  EXPECT_THAT(words, ElementsAre("a", "b"));
}

TEST(Document, AnEmptyFileIsAllDefaults) {
  Document document = Parsed("# nothing\n");
  EXPECT_FALSE(document.root().Has("anything"));
  EXPECT_TRUE(document.Finish().ok());
}

TEST(Document, EveryProblemIsTold) {
  Document document = Parsed(
      "smtp:\n"
      "  max_size: 25 parsecs\n"
      "  threads: 5000\n"
      "  tls: maybe\n"
      "  colour: blue\n"
      "  max_szie: 1MiB\n"
      "other: 1\n");
  const Section smtp = document.root().Sub("smtp");
  ByteCount size = MiB(1);
  int threads = 3;
  bool tls = false;
  Colour colour = Colour::kRed;
  EXPECT_FALSE(smtp.Bytes("max_size", size, {KiB(1), MiB(50)}));
  EXPECT_FALSE(smtp.Integer("threads", threads, {0, 64}));
  EXPECT_FALSE(smtp.Flag("tls", tls));
  EXPECT_FALSE(smtp.Choice<Colour>("colour", colour, {{"red", Colour::kRed}, {"green", Colour::kGreen}}));
  EXPECT_EQ(Message(document.Finish()),
            "test.yaml:2: smtp.max_size: \"25 parsecs\" is not a size; use for example 25MiB\n"
            "test.yaml:3: smtp.threads: 5000 is out of bounds; it must be 0 to 64\n"
            "test.yaml:4: smtp.tls: \"maybe\" is neither true nor false\n"
            "test.yaml:5: smtp.colour: \"blue\" is not one of red or green\n"
            "test.yaml:6: smtp.max_szie: there is no such setting; did you mean max_size?\n"
            "test.yaml:7: other: there is no such setting");
  EXPECT_EQ(size, MiB(1));
  EXPECT_EQ(threads, 3);
}

TEST(Document, AWrongKindIsAProblem) {
  Document document = Parsed("list: word\nmap: [a]\nword: {a: b}\nwords: [[a]]\nitems: [a]\n");
  const Section root = document.root();
  std::vector<std::string> list;
  std::string word;
  EXPECT_FALSE(root.Texts("list", list));
  EXPECT_FALSE(root.Sub("map").present());
  EXPECT_FALSE(root.Text("word", word));
  EXPECT_FALSE(root.Texts("words", list));
  EXPECT_TRUE(root.Items("items").empty());
  const std::string problems(Message(document.Finish()));
  EXPECT_THAT(problems,
              HasSubstr("test.yaml:1: list: must be a list, for example [a, b], but is a single value"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:2: map: must be a mapping of settings, but is a list"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:3: word: must be a single value, but is a mapping"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:4: words[0]: must be a single value, but is a list"));
  EXPECT_THAT(problems,
              HasSubstr("test.yaml:5: items[0]: must be a mapping of settings, but is a single value"));
}

TEST(Document, ItemsAndEntriesAreSectionsWithPaths) {
  Document document = Parsed(
      "routes:\n"
      "  - to: a\n"
      "  - to: b\n"
      "    bad: 1\n"
      "domains:\n"
      "  example.org: {limit: 3}\n"
      "  example.net:\n"
      "labels: {x: 1, y: two}\n");
  std::vector<std::string> seen;
  for (const Section& route : document.root().Items("routes")) {
    std::string to;
    route.Text("to", to);
    seen.push_back(route.path() + "=" + to);
  }
  for (const auto& [domain, section] : document.root().Entries("domains")) {
    int limit = 0;
    section.Integer("limit", limit, {1, 9});
    seen.push_back(domain + "=" + std::to_string(limit));
  }
  std::vector<std::pair<std::string, std::string>> labels;
  EXPECT_TRUE(document.root().TextMap("labels", labels));
  EXPECT_THAT(seen, ElementsAre("routes[0]=a", "routes[1]=b", "example.org=3", "example.net=0"));
  EXPECT_THAT(labels, ElementsAre(std::pair("x", "1"), std::pair("y", "two")));
  EXPECT_EQ(Message(document.Finish()), "test.yaml:4: routes[1].bad: there is no such setting");
}

TEST(Document, ParsersReportAtTheirElement) {
  Document document = Parsed("numbers:\n  - one\n  - two\n");
  std::vector<int> numbers = {5};
  EXPECT_FALSE(
      document.root().ParsedList("numbers", numbers, [](std::string_view text) -> absl::StatusOr<int> {
        if (text == "one") return 1;
        return absl::InvalidArgumentError("cannot count so far");
      }));
  EXPECT_THAT(numbers, ElementsAre(5));
  EXPECT_EQ(Message(document.Finish()), "test.yaml:3: numbers[1]: cannot count so far");
}

TEST(Document, WhatIsNotYamlSaysWhere) {
  EXPECT_THAT(ParseError("a: 1\nb: [1, 2\n"), StartsWith("test.yaml:3: this is not YAML: "));
  EXPECT_THAT(ParseError("a: 1\n  b: 2\n"), StartsWith("test.yaml:2: this is not YAML: "));
  EXPECT_EQ(ParseError("- a\n"), "test.yaml:1: must be a mapping of settings (key: value)");
  EXPECT_EQ(ParseError("a: 1\nb: 2\na: 3\n"),
            "test.yaml:3: \"a\" is set a second time (first in line 1); remove one of them");
  EXPECT_THAT(ParseError("a: 1\n---\nb: 2\n"), HasSubstr("a second YAML document begins here"));
}

TEST(Document, AliasesCannotExplode) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) yaml += ", " + last;
    yaml += "]\n";
  }
  EXPECT_EQ(ParseError(yaml), "test.yaml: has too many values");
}

TEST(Document, AMissingFileSaysSo) {
  const auto document = Document::Load("/nonexistent/goniec.yaml");
  EXPECT_EQ(document.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(document.status()),
            "/nonexistent/goniec.yaml: cannot be read: No such file or directory; check the path");
  EXPECT_FALSE(Document::Load("/").ok());
}

class Secrets : public testing::Test {
 protected:
  void SetUp() override { unsetenv("GONIEC_TEST_SECRET"); }
  void TearDown() override { unsetenv("GONIEC_TEST_SECRET"); }
  test::TempDir folder_;
};

TEST_F(Secrets, ComeFromAFileWithoutWhiteSpace) {
  const std::string file = folder_.Write("secret", "\n s3cret \n");
  Document document = Parsed("password_file: " + file + "\n");
  std::string password;
  setenv("GONIEC_TEST_SECRET", "from the environment", 1);
  EXPECT_TRUE(document.root().Secret("password", "GONIEC_TEST_SECRET", password));
  EXPECT_EQ(password, "s3cret");
  EXPECT_TRUE(document.Finish().ok());
}

TEST_F(Secrets, ComeFromTheEnvironmentOtherwise) {
  Document document = Parsed("");
  std::string password;
  EXPECT_FALSE(document.root().Secret("password", "GONIEC_TEST_SECRET", password));
  setenv("GONIEC_TEST_SECRET", "from the environment", 1);
  EXPECT_TRUE(document.root().Secret("password", "GONIEC_TEST_SECRET", password));
  EXPECT_EQ(password, "from the environment");
}

TEST_F(Secrets, DoNotStandInTheFileAndAreNotShown) {
  Document document = Parsed("password: hunter2\n");
  std::string password;
  EXPECT_FALSE(document.root().Secret("password", "GONIEC_TEST_SECRET", password));
  const std::string problem(Message(document.Finish()));
  EXPECT_EQ(problem,
            "test.yaml:1: password: a secret does not stand in the configuration; use password_file or the "
            "environment variable GONIEC_TEST_SECRET");
}

TEST_F(Secrets, AMissingOrEmptyFileIsAProblem) {
  Document document = Parsed("a_file: /nonexistent\nb_file: " + folder_.Write("empty", " \n") + "\n");
  std::string out;
  EXPECT_FALSE(document.root().Secret("a", "GONIEC_TEST_SECRET", out));
  EXPECT_FALSE(document.root().Secret("b", "GONIEC_TEST_SECRET", out));
  const std::string problems(Message(document.Finish()));
  EXPECT_THAT(problems, HasSubstr("test.yaml:1: a_file: /nonexistent: cannot be read"));
  EXPECT_THAT(problems, HasSubstr("is empty"));
}

}  // namespace
}  // namespace goniec::config
