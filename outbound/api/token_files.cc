#include "outbound/api/token_files.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/config/value.h"
#include "common/observe/log.h"

namespace goniec::outbound {
namespace {

void AddHashFiles(const std::vector<ApiToken>& tokens, std::vector<std::string>& files) {
  for (const ApiToken& token : tokens) {
    if (!token.hash_file.empty()) files.push_back(token.hash_file);
  }
}

}  // namespace

TokenFiles::TokenFiles(const ApiConfig& config, observe::Metrics& metrics,
                       std::chrono::milliseconds look_again)
    : config_(config),
      look_again_(look_again),
      stale_(
          metrics.AddGauge("goniec_api_tokens_stale",
                           "1 while a changed file of tokens is no good and the former tokens are in use.")),
      count_(metrics.AddGauge("goniec_api_tokens", "Tokens that are taken.")),
      current_(std::make_shared<const Credentials>(config)),
      next_look_(BootClock::now() + look_again) {
  if (!config.tokens_file.empty()) files_.push_back(config.tokens_file);
  AddHashFiles(config.tokens, files_);
  // Changed since the configuration was read? Then it is read once more, for nothing at worst.
  if (!files_.empty()) LookAgain();
  count_.Set(static_cast<double>(current_->size()));
}

std::shared_ptr<const Credentials> TokenFiles::Current() {
  const std::lock_guard lock(mutex_);
  if (!files_.empty() && BootClock::now() >= next_look_) LookAgain();
  return current_;
}

std::string TokenFiles::Marks() const {
  std::string marks;
  for (const std::string& file : files_) {
    const absl::StatusOr<std::string> content = config::ReadWholeFile(file, kLargestTokensFile);
    absl::StrAppend(&marks, content.ok() ? HashToken(*content) : std::string(Message(content.status())),
                    "\n");
  }
  return marks;
}

void TokenFiles::LookAgain() {
  next_look_ = BootClock::now() + look_again_;
  std::string marks = Marks();
  if (marks == marks_) return;
  const bool first = marks_.empty();
  marks_ = std::move(marks);  // one warning for each state of the files
  ApiConfig renewed = config_;
  auto tokens = ReadTokensAgain(config_);
  if (!tokens.ok()) {
    stale_.Set(1);
    observe::Warn("changed tokens not taken, the former stay in use", {{"reason", Message(tokens.status())}});
    return;
  }
  stale_.Set(0);
  renewed.tokens = *std::move(tokens);
  current_ = std::make_shared<const Credentials>(renewed);
  count_.Set(static_cast<double>(current_->size()));
  if (!first) observe::Info("tokens read again", {{"tokens", current_->size()}});
  // The file of tokens may name others for hashes.
  std::vector<std::string> files;
  if (!config_.tokens_file.empty()) files.push_back(config_.tokens_file);
  AddHashFiles(renewed.tokens, files);
  // Marks are taken before the reading, so that no change is missed; with other files all is read once more.
  if (files != files_) marks_.clear();
  files_ = std::move(files);
}

}  // namespace goniec::outbound
