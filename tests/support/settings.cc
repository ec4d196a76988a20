#include "tests/support/settings.h"

#include <regex>
#include <sstream>

namespace goniec::test {
namespace {

// Each run of lines with comments as one line.
std::vector<std::string> Comments(const std::string& header) {
  std::vector<std::string> comments;
  std::istringstream lines(header);
  std::string line;
  bool inside = false;
  while (std::getline(lines, line)) {
    const std::size_t at = line.find("//");
    const bool comment = at != std::string::npos && line.find('"') > at;
    if (comment && !inside) comments.emplace_back();
    if (comment) comments.back() += line.substr(at + 2);
    inside = comment;
  }
  return comments;
}

std::string BoundsIn(const std::string& text) {
  static const std::regex kBounds(R"((\d+[A-Za-z]*) to (\d+[A-Za-z]*))");
  std::string last;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), kBounds); match != std::sregex_iterator();
       ++match) {
    last = match->str();
  }
  return last;
}

}  // namespace

std::vector<DescribedSetting> DescribedSettings(const std::string& header,
                                                const std::set<std::string>& roots) {
  static const std::regex kPath(R"((?:^|[ ;])(([a-z_]+)(?:\.[A-Za-z_0-9]+|\[\])*)(?=[:,] ))");
  std::vector<DescribedSetting> settings;
  for (const std::string& comment : Comments(header)) {
    std::vector<std::smatch> found;
    for (auto match = std::sregex_iterator(comment.begin(), comment.end(), kPath);
         match != std::sregex_iterator(); ++match) {
      if (roots.contains((*match)[2].str())) found.push_back(*match);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto begin = static_cast<std::size_t>(found[i].position());
      const auto end =
          i + 1 < found.size() ? static_cast<std::size_t>(found[i + 1].position()) : comment.size();
      settings.push_back({found[i][1].str(), BoundsIn(comment.substr(begin, end - begin))});
    }
  }
  return settings;
}

std::set<std::string> KeysReadIn(const std::string& source) {
  static const std::regex kGetter(
      R"re((?:Text|Texts|Flag|Integer(?:<[\w:]+>)?|Bytes|Duration|Choice<[\w:]+>|ParsedList|Parsed|Secret|Items|Entries)\(\s*"(\w+)")re");
  std::set<std::string> keys;
  for (auto match = std::sregex_iterator(source.begin(), source.end(), kGetter);
       match != std::sregex_iterator(); ++match) {
    keys.insert((*match)[1].str());
  }
  return keys;
}

std::string BeyondBounds(const DescribedSetting& setting) {
  const char* value = "9999999999999";
  if (setting.bounds.ends_with("iB")) value = "2000000GiB";
  if (std::regex_search(setting.bounds, std::regex("[smhd]$"))) value = "9999d";
  std::string opening;
  std::string closing;
  std::istringstream path(setting.path);
  std::string key;
  while (std::getline(path, key, '.')) {
    if (!opening.empty()) {
      opening += "{";
      closing += "}";
    }
    opening += key + ": ";
  }
  return opening + value + closing + "\n";
}

}  // namespace goniec::test
