#include "common/net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/status.h"
#include "tests/support/certificates.h"

namespace goniec::net {
namespace {

using testing::HasSubstr;

class TlsContextTest : public testing::Test {
 protected:
  test::TempDir folder_;
  test::Certificates certificates_ = test::MakeCertificates(folder_, "mx.example.org");
};

TEST_F(TlsContextTest, ABadFileIsNamed) {
  const std::string garbage = folder_.Write("garbage.pem", "nonsense");
  const auto other = test::MakeCertificates(folder_, "mx.example.org", "other");
  const struct {
    const char* name;
    std::string certificate, key, message;
  } kCases[] = {
      {"no certificate", "/nonexistent.pem", certificates_.key_file,
       "/nonexistent.pem: cannot be read: No such file or directory; it must hold the certificate"},
      {"no key", certificates_.certificate_file, "/nonexistent.key", "it must hold the private key"},
      {"garbage certificate", garbage, certificates_.key_file,
       garbage + ": is no usable certificate in PEM form: "},
      {"garbage key", certificates_.certificate_file, garbage,
       garbage + ": is no usable private key in PEM form: "},
      {"another key", certificates_.certificate_file, other.key_file,
       other.key_file + ": is not the key of the certificate in " + certificates_.certificate_file},
  };
  for (const auto& c : kCases) {
    const auto context = TlsServerContext::Create({c.certificate, c.key});
    EXPECT_FALSE(context.ok()) << c.name;
    EXPECT_THAT(std::string(Message(context.status())), HasSubstr(c.message)) << c.name;
  }
  EXPECT_FALSE(TlsClientContext::Create({.ca_file = garbage}).ok());
}

TEST_F(TlsContextTest, TakesARenewedCertificate) {
  const auto context = *TlsServerContext::Create({certificates_.certificate_file, certificates_.key_file});
  const auto before = context->Current();
  EXPECT_FALSE(*context->Reload());
  EXPECT_EQ(context->Current(), before);
  const auto renewed = test::MakeCertificates(folder_, "mx.example.org", "renewed");
  std::filesystem::rename(renewed.certificate_file, certificates_.certificate_file);
  std::filesystem::rename(renewed.key_file, certificates_.key_file);
  const auto reloaded = context->Reload();
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_TRUE(*reloaded);
  EXPECT_NE(context->Current(), before);
}

TEST_F(TlsContextTest, KeepsTheOldCertificateWhileTheNewIsNoGood) {
  const auto context = *TlsServerContext::Create({certificates_.certificate_file, certificates_.key_file});
  const auto before = context->Current();
  folder_.Write("tls-cert.pem", "half a fi");
  EXPECT_FALSE(context->Reload().ok());
  EXPECT_EQ(context->Current(), before);
  EXPECT_FALSE(*context->Reload()) << "the same files are complained about once";
  std::filesystem::remove(certificates_.certificate_file);
  EXPECT_FALSE(context->Reload().ok());
  EXPECT_EQ(context->Current(), before);
}

}  // namespace
}  // namespace goniec::net
