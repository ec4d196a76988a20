// Runs one configuration and prints what it finds (../README.md).
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "tests/model/shelf/search.h"

namespace goniec::model::shelf {
namespace {

std::optional<Rule> RuleNamed(std::string_view name) {
  for (std::size_t i = 0; i < kRules; ++i) {
    if (TextOf(static_cast<Rule>(i)).name == name) return static_cast<Rule>(i);
  }
  return std::nullopt;
}

bool ReadArgument(std::string_view argument, Options& options, bool& fewest) {
  const std::size_t equals = argument.find('=');
  const std::string_view key = argument.substr(0, equals);
  const std::string value(equals == std::string_view::npos ? "" : argument.substr(equals + 1));
  if (key == "--without") {
    const std::optional<Rule> rule = RuleNamed(value);
    if (!rule) return false;
    options.rules = options.rules.Without(*rule);
  } else if (key == "--faults") {
    options.max_faults = std::atoi(value.c_str());
  } else if (key == "--generations") {
    options.generations = std::atoi(value.c_str());
  } else if (key == "--keepers") {
    options.keepers = std::atoi(value.c_str());
  } else if (key == "--closed") {
    options.site_opens = false;
    options.expires = true;
  } else if (key == "--expires") {
    options.expires = true;
  } else if (key == "--no-deferrals") {
    options.defers = false;
  } else if (key == "--no-late-messages") {
    options.late_messages = false;
  } else if (key == "--marks") {
    options.marks = true;
  } else if (key == "--probes") {
    options.probes = true;
  } else if (key == "--fewest-faults") {
    fewest = true;
  } else {
    return false;
  }
  return true;
}

int Main(int argc, char** argv) {
  Options options;
  bool fewest = false;
  for (int i = 1; i < argc; ++i) {
    if (ReadArgument(argv[i], options, fewest)) continue;
    std::cerr << "unknown: " << argv[i] << "; see tests/model/README.md\n";
    return 2;
  }
  const auto begin = std::chrono::steady_clock::now();
  const Report report = fewest ? SearchFewestFaults(options) : Search(options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << Describe(report.trace);
  std::cout << "violation: " << Describe(report.violation) << "\nstates: " << report.states
            << "\ntransitions: " << report.transitions << "\ngood ends: " << report.good_ends
            << "\nseconds: " << took.count() << "\n";
  return report.violation == Violation::kNone ? 0 : 1;
}

}  // namespace
}  // namespace goniec::model::shelf

int main(int argc, char** argv) {
  return goniec::model::shelf::Main(argc, argv);
}
