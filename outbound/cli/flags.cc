#include "outbound/cli/flags.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "outbound/cli/octets.h"

namespace goniec::cli {
namespace {

std::string Dashed(std::string_view name) {
  return absl::StrCat("--", ToAbsl(name));
}

const FlagSpec* Find(std::span<const FlagSpec> specs, std::string_view name) {
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const FlagSpec& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

absl::Status Unknown(std::span<const FlagSpec> specs, std::string_view name) {
  const auto near = std::find_if(specs.begin(), specs.end(), [&](const FlagSpec& spec) {
    return name.size() >= 2 && (spec.name.starts_with(name) || name.starts_with(spec.name));
  });
  return absl::InvalidArgumentError(
      absl::StrCat("there is no flag ", Dashed(Printable(name, 40)),
                   near == specs.end() ? "" : "; did you mean " + Dashed(near->name) + "?"));
}

// Paths may be of any octets: they are only opened.
absl::Status CheckValue(const FlagSpec& spec, std::string_view value) {
  return spec.value == kFileValue ? absl::OkStatus() : CheckUtf8(Dashed(spec.name), value);
}

}  // namespace

absl::StatusOr<Flags> Flags::Parse(std::span<const FlagSpec> specs, std::span<const std::string> arguments) {
  Flags flags;
  bool only_arguments = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view text = arguments[i];
    // A lone dash stands for standard input.
    if (only_arguments || !text.starts_with('-') || text == "-") {
      const std::string what = absl::StrCat("argument ", flags.arguments_.size() + 1);
      if (absl::Status good = CheckUtf8(what, text); !good.ok()) return good;
      flags.arguments_.emplace_back(text);
      continue;
    }
    if (text == "--") {
      only_arguments = true;
      continue;
    }
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const FlagSpec* spec = Find(specs, name);
    if (spec == nullptr) return Unknown(specs, name);
    std::vector<std::string>& values = flags.values_[std::string(name)];
    if (spec->kind == FlagKind::kSwitch) {
      if (equals != std::string_view::npos)
        return absl::InvalidArgumentError(Dashed(name) + " takes no value");
      continue;
    }
    if (spec->kind == FlagKind::kOne && !values.empty()) {
      return absl::InvalidArgumentError(Dashed(name) + " was given twice");
    }
    if (equals != std::string_view::npos) {
      values.emplace_back(text.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      values.push_back(arguments[++i]);
    } else {
      return absl::InvalidArgumentError(absl::StrCat(Dashed(name), " needs a value: ", ToAbsl(spec->value)));
    }
    if (absl::Status good = CheckValue(*spec, values.back()); !good.ok()) return good;
  }
  return flags;
}

std::string Flags::One(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? std::string() : found->second.front();
}

const std::vector<std::string>& Flags::Many(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

std::string FlagsHelp(std::span<const FlagSpec> specs) {
  std::size_t width = 0;
  const auto left = [](const FlagSpec& spec) {
    return absl::StrCat("  ", Dashed(spec.name), spec.value.empty() ? "" : " ", ToAbsl(spec.value));
  };
  for (const FlagSpec& spec : specs) width = std::max(width, left(spec).size());
  std::string help;
  for (const FlagSpec& spec : specs) {
    const std::string text = left(spec);
    absl::StrAppend(&help, text, std::string(width + 2 - text.size(), ' '), ToAbsl(spec.help), "\n");
  }
  return help;
}

}  // namespace goniec::cli
