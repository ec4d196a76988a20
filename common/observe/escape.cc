#include "common/observe/escape.h"

#include <algorithm>

#include "common/base/text.h"

namespace goniec::observe {
namespace {

constexpr size_t kMaxShown = 1024;

bool IsPlain(char c) {
  return c >= 0x20 && c <= 0x7E && c != '"' && c != '\\';
}
bool IsWord(char c) {
  return IsPlain(c) && c != ' ' && c != '=';
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  if (text.size() <= kMaxShown && std::all_of(text.begin(), text.end(), IsPlain)) {
    out += text;
  } else {
    for (const char c : Printable(text, kMaxShown)) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

void AppendLogfmtValue(std::string& out, std::string_view text) {
  if (!text.empty() && text.size() <= kMaxShown && std::all_of(text.begin(), text.end(), IsWord)) {
    out += text;
  } else {
    AppendJsonString(out, text);
  }
}

}  // namespace goniec::observe
