#include "tests/support/sink/script.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/config/document.h"

namespace goniec::sink {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongest{24 * 3600 * 1000};
constexpr std::uint64_t kMost = 1'000'000'000;

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Lines of a reply as they go out; an error unless each begins with the same code.
absl::StatusOr<std::string> ParseReply(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() < 3 || text[0] < '2' || text[0] > '5' || !digit(text[1]) || !digit(text[2])) {
    return absl::InvalidArgumentError("is no reply; use for example \"451 4.2.1 later\"");
  }
  const std::string plain = absl::StrReplaceAll(ToAbsl(text), {{"\r\n", "\n"}});
  return absl::StrCat(absl::StrReplaceAll(plain, {{"\n", "\r\n"}}), "\r\n");
}

}  // namespace

std::string_view ToString(Event event) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "connect", "ehlo", "starttls", "mail", "rcpt", "data", "bdat", "dot", "rset", "noop", "quit"};
  return kNames[static_cast<size_t>(event)];
}

bool GlobMatches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || Lower(pattern[p]) == Lower(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Fills a Script from a configuration document.
struct ScriptReader {
  static void Rules(const config::Section& root, Script& script) {
    std::vector<std::string> extensions;
    if (root.Texts("extensions", extensions)) script.extensions_ = std::move(extensions);
    for (const config::Section& item : root.Items("rules")) script.rules_.push_back(One(item));
  }

  static Script::Rule One(const config::Section& item) {
    Script::Rule rule;
    using enum Event;
    if (!item.Choice<Event>("on", rule.event,
                            {{"connect", kConnect},
                             {"ehlo", kEhlo},
                             {"starttls", kStartTls},
                             {"mail", kMail},
                             {"rcpt", kRcpt},
                             {"data", kData},
                             {"bdat", kBdat},
                             {"dot", kDot},
                             {"rset", kRset},
                             {"noop", kNoop},
                             {"quit", kQuit}}) &&
        !item.Has("on")) {
      item.Problem("on", "is missing: which event is the rule for?");
    }
    item.Text("match", rule.match);
    Occurrence(item, rule);
    ActionOf(item, rule);
    return rule;
  }

  static void Occurrence(const config::Section& item, Script::Rule& rule) {
    int given = 0;
    for (const auto& [key, value] : {std::pair("first", &rule.first), std::pair("nth", &rule.nth),
                                     std::pair("every", &rule.every), std::pair("after", &rule.after)}) {
      std::uint64_t number = 0;
      if (!item.Integer<std::uint64_t>(key, number, {1, kMost})) continue;
      *value = number;
      if (++given == 2) item.Problem(key, "only one of first, nth, every and after can count");
    }
    bool per_address = false;
    item.Choice<bool>("per", per_address, {{"rule", false}, {"address", true}});
    rule.per_address = per_address;
  }

  static void ActionOf(const config::Section& item, Script::Rule& rule) {
    Action& action = rule.action;
    using Then = Action::Then;
    item.Duration("wait", action.wait, {milliseconds(0), kLongest});
    item.Duration("slow", action.slow, {milliseconds(0), kLongest});
    item.Parsed("reply", action.reply, ParseReply);
    item.Choice<Then>(
        "then", action.then,
        {{"go on", Then::kGoOn}, {"close", Then::kClose}, {"reset", Then::kReset}, {"stall", Then::kStall}});
    std::uint64_t bytes = 0;
    if (item.Integer<std::uint64_t>("after_bytes", bytes, {0, kMost})) {
      action.after_bytes = bytes;
      if (rule.event != Event::kData && rule.event != Event::kBdat) {
        item.Problem("after_bytes", "has a meaning for data and bdat only");
      }
    }
  }
};

absl::StatusOr<Script> Script::Load(const std::string& path) {
  absl::StatusOr<config::Document> document = config::Document::Load(path);
  if (!document.ok()) return document.status();
  Script script;
  ScriptReader::Rules(document->root(), script);
  GONIEC_RETURN_IF_ERROR(document->Finish());
  return script;
}

absl::StatusOr<Script> Script::Parse(std::string_view yaml, const std::string& name) {
  absl::StatusOr<config::Document> document = config::Document::Parse(yaml, name);
  if (!document.ok()) return document.status();
  Script script;
  ScriptReader::Rules(document->root(), script);
  GONIEC_RETURN_IF_ERROR(document->Finish());
  return script;
}

bool Script::Fires(Rule& rule, const std::string& subject) {
  const std::uint64_t count = ++rule.seen[rule.per_address ? AsciiLower(subject) : ""];
  if (rule.first) return count <= *rule.first;
  if (rule.nth) return count == *rule.nth;
  if (rule.every) return count % *rule.every == 0;
  if (rule.after) return count > *rule.after;
  return true;
}

const Action* Script::Next(Event event, const std::vector<std::string>& subjects) {
  for (Rule& rule : rules_) {
    if (rule.event != event) continue;
    for (const std::string& subject : subjects) {
      if (!GlobMatches(rule.match, subject)) continue;
      if (Fires(rule, subject)) return &rule.action;
      break;
    }
  }
  return nullptr;
}

}  // namespace goniec::sink
