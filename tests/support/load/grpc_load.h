// The gRPC side of goniec-load: SendMessage of goniec.v1.MailService, so many calls in flight, one thread,
// one completion queue. Returns when every call has ended. gRPC's queue wakes at whole milliseconds, which an
// open loop's latency has in it. Used by main.
#pragma once

#include "absl/status/status.h"
#include "tests/support/load/mail_form.h"
#include "tests/support/load/options.h"
#include "tests/support/load/tally.h"

namespace goniec::load {

// The verdicts are in `tally`. `token` may be empty. An error in one line means that there was no run: the
// server cannot be reached or does not take the token.
absl::Status RunGrpc(const Options& options, const MailForm& form, const std::string& token, Tally& tally);

}  // namespace goniec::load
