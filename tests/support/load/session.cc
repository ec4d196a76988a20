#include "tests/support/load/session.h"

#include <string_view>

namespace goniec::load {

void Session::Speak(Say say, const MailForm& form) {
  switch (say) {
    case Say::kNothing:
      return;
    case Say::kEhlo:
      return connection.Send({MailForm::kEhlo});
    case Say::kHelo:
      return connection.Send({MailForm::kHelo});
    case Say::kMail:
      return connection.Send({form.Mail(mail->number)});
    case Say::kRcpt:
      return connection.Send({form.Rcpt(dialogue->recipient())});
    case Say::kData:
      return connection.Send({MailForm::kData});
    case Say::kGroup:
      return connection.Send({form.Mail(mail->number), form.rcpts_and_data()});
    case Say::kContent:
    case Say::kContentAndQuit: {
      number_ = MailForm::NumberOf(mail->number);
      const std::string_view number(number_.data(), number_.size());
      const std::string_view rest = say == Say::kContent ? form.after_and_end() : form.after_end_and_quit();
      return connection.Send({form.before(), number, rest});
    }
    case Say::kEnd:
      return connection.Send({MailForm::kEnd});
    case Say::kReset:
      return connection.Send({MailForm::kReset});
    case Say::kQuit:
      return connection.Send({MailForm::kQuit});
  }
}

}  // namespace goniec::load
