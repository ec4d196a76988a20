#include "common/http/health.h"

#include <algorithm>
#include <utility>

#include "common/observe/escape.h"
#include "common/observe/log.h"

namespace goniec::http {

void Condition::Meet() const {
  health_->Set(index_, true, {});
}
void Condition::Fail(std::string why) const {
  health_->Set(index_, false, std::move(why));
}

Condition Health::Add(std::string name, std::string why) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({std::move(name), std::move(why), false});
  return Condition(this, entries_.size() - 1);
}

bool Health::ReadyLocked() const {
  return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.met; });
}

bool Health::ready() const {
  const std::lock_guard lock(mutex_);
  return ReadyLocked();
}

std::vector<Health::Unmet> Health::unmet() const {
  const std::lock_guard lock(mutex_);
  std::vector<Unmet> unmet;
  for (const Entry& entry : entries_) {
    if (!entry.met) unmet.push_back({entry.name, entry.why});
  }
  return unmet;
}

std::string Health::Json() const {
  const std::vector<Unmet> all = unmet();
  std::string json = all.empty() ? R"({"ready":true,"unmet":[)" : R"({"ready":false,"unmet":[)";
  for (size_t i = 0; i < all.size(); ++i) {
    json += i == 0 ? R"({"condition":)" : R"(,{"condition":)";
    observe::AppendJsonString(json, all[i].name);
    json += R"(,"reason":)";
    observe::AppendJsonString(json, all[i].why);
    json += '}';
  }
  return json + "]}\n";
}

void Health::Set(size_t index, bool met, std::string why) {
  bool changed = false;
  bool ready_before = false;
  bool ready_now = false;
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    ready_before = ReadyLocked();
    Entry& entry = entries_[index];
    changed = entry.met != met;
    entry.met = met;
    entry.why = why;
    name = entry.name;
    ready_now = ReadyLocked();
  }
  if (changed && met) observe::Info("condition met", {{"condition", name}});
  if (changed && !met) observe::Warn("condition no longer met", {{"condition", name}, {"reason", why}});
  if (ready_before == ready_now) return;
  if (ready_now) observe::Info("ready", {});
  if (listener_) listener_(ready_now);
}

}  // namespace goniec::http
