#include "outbound/outcome/outcomes.h"

#include <cassert>
#include <utility>

namespace goniec::outbound {

std::string TextOf(const OutcomeRow& row, std::initializer_list<std::string_view> values) {
  std::string text;
  const auto* value = values.begin();
  for (const char c : row.text) {
    if (c != '%') {
      text.push_back(c);
      continue;
    }
    if (value != values.end()) text.append(*value++);
  }
  assert(value == values.end());
  return text;
}

void Describe(const OutcomeRow& row, std::string text, queue::v1::Outcome& outcome) {
  outcome.set_reason(row.reason);
  outcome.set_reply_code(row.reply_code);
  outcome.set_enhanced_code(std::string(row.enhanced_code));
  outcome.set_text(std::move(text));
}

queue::v1::Outcome MakeOutcome(const OutcomeRow& row, queue::v1::Phase phase,
                               std::initializer_list<std::string_view> values) {
  queue::v1::Outcome outcome;
  outcome.set_phase(phase);
  Describe(row, TextOf(row, values), outcome);
  return outcome;
}

}  // namespace goniec::outbound
