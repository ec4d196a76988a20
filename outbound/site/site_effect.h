// What an outcome says of the site, and not of a domain, a mail or ourselves: one table, read by the window
// of connections and by the breaker. A refused recipient, a null MX, a TLS policy that was not met are the
// domain's own; a body that we cannot read is ours. Pure; thread-safe.
#pragma once

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

enum class Effect {
  kNothing,
  kWorked,  // the site took a mail: a wider window
  kSlower,  // too much for it at the moment: a narrower one
  kFailed,  // it let nobody in
};

struct SiteEffect {
  Effect effect = Effect::kNothing;
  // The site is at work: it has judged something of a mail, whatever the judgement. Opens it after an outage.
  bool at_work = false;

  bool operator==(const SiteEffect&) const = default;
};

SiteEffect EffectOf(Verdict verdict, const queue::v1::Outcome& outcome);

}  // namespace goniec::outbound
