// What becomes of mail that is accepted here: section `mail` of goniec-inbound's configuration. Values.
#pragma once

#include <chrono>
#include <string>

#include "common/queue/model/subjects.h"

namespace goniec::config {
class Section;
}

namespace goniec::inbound {

struct MailConfig {
  // mail.tenant: to whom it belongs; API callers of this tenant see it. [a-z0-9-], up to 32.
  std::string tenant = "default";
  // mail.class: transactional or bulk. Bulk never delays transactional mail.
  queue::MailClass mail_class = queue::MailClass::kTransactional;
  // mail.lifetime: how long delivery is tried. 1m to 30d.
  std::chrono::milliseconds lifetime = std::chrono::hours(5 * 24);
  // mail.null_sender_lifetime: the same for bounces, mail from <>. 1m to 30d.
  std::chrono::milliseconds null_sender_lifetime = std::chrono::hours(24);
};

// Reads the keys above; problems are reported through the section (common/config).
void ReadMailConfig(config::Section section, MailConfig& config);

}  // namespace goniec::inbound
