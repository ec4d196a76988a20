// The SMTP side of goniec-load: one thread, one epoll, as many sessions as the options allow. Each session is
// a connection and its dialogue; a mail that is due goes to a session that is connected and idle, else opens
// one, else waits. Returns when every mail has its verdict. Used by main.
#pragma once

#include "absl/status/status.h"
#include "tests/support/load/mail_form.h"
#include "tests/support/load/options.h"
#include "tests/support/load/schedule.h"
#include "tests/support/load/tally.h"

namespace goniec::load {

// The verdicts are in `tally`. An error in one line means that there was no run, or that it was given up: the
// server cannot be reached (any more), or the system refuses what the options need.
absl::Status RunSmtp(const Options& options, const MailForm& form, Tally& tally);

}  // namespace goniec::load
