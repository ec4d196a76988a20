// One of the sessions that goniec-load keeps: a connection, the dialogue on it and the mail in hand, which is
// none between mails and while the connection ends. When it begins and what its verdicts mean is for
// smtp_load.h. Confined to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "tests/support/load/connection.h"
#include "tests/support/load/dialogue.h"
#include "tests/support/load/mail_form.h"
#include "tests/support/load/schedule.h"

namespace goniec::load {

struct Session {
  static constexpr Schedule::Time kNever = Schedule::Time::max();

  Connection connection;
  std::optional<Dialogue> dialogue;
  std::optional<Schedule::Mail> mail;
  std::uint64_t mails = 0;  // begun on this connection
  bool heard = false;       // the server has said something on it
  Schedule::Time deadline = kNever;

  // Sends what the dialogue wants said. `form` must live as long as the connection is open.
  void Speak(Say say, const MailForm& form);

 private:
  MailForm::Number number_{};  // of the content that is being sent
};

}  // namespace goniec::load
