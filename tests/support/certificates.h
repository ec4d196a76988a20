// Certificates for TLS tests: an authority of its own, and a server certificate that it signed. Made anew
// each time; nothing secret lies in the tree.
#pragma once

#include <string>

#include "tests/support/process.h"

namespace goniec::test {

struct Certificates {
  std::string authority_file;    // PEM: what a client is to trust
  std::string certificate_file;  // PEM: for `host` and 127.0.0.1
  std::string key_file;          // PEM
};

// Files in `folder`, their names starting with `prefix`.
Certificates MakeCertificates(const TempDir& folder, const std::string& host,
                              const std::string& prefix = "tls");

}  // namespace goniec::test
