#include "common/queue/broker/membership.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::queue {
namespace {

// Above the time that a word stays in the bucket (a minute): until then it may be told again.
constexpr std::chrono::minutes kRemembered{2};

}  // namespace

bool Members::Counts() const {
  return std::binary_search(names.begin(), names.end(), self);
}

Membership::Membership(std::string self, std::chrono::milliseconds period)
    : self_(std::move(self)), period_(period) {
  members_.self = self_;
}

std::string Membership::NextWord(BootTime now) {
  // What comes back as late as that begins a run of its own, if it says anything at all.
  std::erase_if(sent_, [&](const auto& word) { return now - word.second > Silence(); });
  sent_[next_word_] = now;
  return absl::StrCat(next_word_++);
}

void Membership::Heard(const std::string& name, std::uint64_t revision, std::string_view word, bool gone,
                       BootTime now) {
  if (name == self_) {
    own_revision_ = std::max(own_revision_, revision);
    return HeardOwn(word, gone, now);
  }
  std::erase_if(others_, [&](const auto& other) {
    return other.second.gone && now - other.second.heard > kRemembered;
  });
  Other& other = others_[name];
  if (other.revision == revision) return;
  other = {revision, now, gone};
}

void Membership::HeardOwn(std::string_view word, bool gone, BootTime now) {
  if (gone) {
    // The others have dropped us.
    run_.reset();
    counted_ = false;
    return;
  }
  std::uint64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(word), &number)) return;
  const auto found = sent_.find(number);
  if (found == sent_.end()) return;
  const BootTime sent = found->second;
  sent_.erase(sent_.begin(), std::next(found));
  if (left_) return;
  if (!run_ || sent - run_->last_sent > Sure()) run_ = Run{++runs_, now, sent, false};
  run_->last_sent = std::max(run_->last_sent, sent);
}

std::optional<std::uint64_t> Membership::MayBeAlone(BootTime now) const {
  if (!run_ || run_->alone || now >= run_->first_back + Sure()) return std::nullopt;
  const bool others =
      std::any_of(others_.begin(), others_.end(), [](const auto& other) { return !other.second.gone; });
  if (others) return std::nullopt;
  return run_->number;
}

void Membership::LeaderListed(std::uint64_t question, const std::vector<std::string>& names) {
  if (!run_ || run_->number != question || run_->alone) return;
  run_->alone = std::all_of(names.begin(), names.end(), [this](const std::string& name) {
    if (name == self_) return true;
    const auto known = others_.find(name);
    return known != others_.end() && known->second.gone;
  });
}

void Membership::Leave() {
  left_ = true;
  counted_ = false;
  run_.reset();
}

bool Membership::IsSure(BootTime now) const {
  return run_ && now < run_->last_sent + Sure() && (run_->alone || now >= run_->first_back + Sure());
}

const Members& Membership::At(BootTime now) {
  members_.confirmed = IsSure(now);
  if (members_.confirmed) {
    counted_ = true;
    // Only now: who is not sure hears too little to say that another is silent.
    for (auto& [name, other] : others_) {
      if (now - other.heard >= Silence() && MissedBy(other)) other.gone = true;
    }
  }
  members_.names.clear();
  for (const auto& [name, other] : others_) {
    if (!other.gone) members_.names.push_back(name);
  }
  if (counted_) {
    members_.names.insert(std::lower_bound(members_.names.begin(), members_.names.end(), self_), self_);
  }
  return members_;
}

std::optional<BootTime> Membership::NextChange() const {
  if (!run_) return std::nullopt;
  if (!members_.confirmed) {
    // Sure by time alone only while the last word is fresh.
    const BootTime sure = run_->first_back + Sure();
    return sure < run_->last_sent + Sure() ? std::optional(sure) : std::nullopt;
  }
  BootTime next = run_->last_sent + Sure();
  for (const auto& [name, other] : others_) {
    if (!other.gone && MissedBy(other)) next = std::min(next, other.heard + Silence());
  }
  return next;
}

}  // namespace goniec::queue
