#include <gmock/gmock.h>

#include "tests/integration/api/api_fixture.h"
#include "tests/support/certificates.h"

namespace goniec::outbound {
namespace {

class ApiTlsTest : public ApiFixture {
 protected:
  grpc::Status SendOver(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::SendMessageResponse response;
    return Stub(credentials)->SendMessage(&context, Hello(), &response);
  }
  static std::shared_ptr<grpc::ChannelCredentials> Trusting(const test::Certificates& certificates) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = test::ReadFileOrEmpty(certificates.authority_file);
    return grpc::SslCredentials(options);
  }

  test::TempDir folder_;
};

TEST_F(ApiTlsTest, TakesTlsAndNothingElse) {
  const test::Certificates certificates = test::MakeCertificates(folder_, "api.test");
  const test::Certificates others = test::MakeCertificates(folder_, "api.test", "other");
  api_config_.tls_certificate_file = certificates.certificate_file;
  api_config_.tls_key_file = certificates.key_file;
  StartApi();
  const grpc::Status status = SendOver(Trusting(certificates));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(SendOver(grpc::InsecureChannelCredentials()).ok());
  EXPECT_FALSE(SendOver(Trusting(others)).ok());
}

TEST_F(ApiTlsTest, ARenewedCertificateIsTakenWithoutARestart) {
  const test::Certificates old_ones = test::MakeCertificates(folder_, "api.test");
  const test::Certificates new_ones = test::MakeCertificates(folder_, "api.test", "new");
  api_config_.tls_certificate_file = old_ones.certificate_file;
  api_config_.tls_key_file = old_ones.key_file;
  StartApi();
  ASSERT_TRUE(SendOver(Trusting(old_ones)).ok());
  ASSERT_EQ(rename(new_ones.key_file.c_str(), old_ones.key_file.c_str()), 0);
  ASSERT_EQ(rename(new_ones.certificate_file.c_str(), old_ones.certificate_file.c_str()), 0);
  EXPECT_TRUE(test::WaitUntil([&] { return SendOver(Trusting(new_ones)).ok(); }, std::chrono::seconds(40)));
}

TEST_F(ApiTlsTest, BadFilesStopTheStart) {
  const test::Certificates certificates = test::MakeCertificates(folder_, "api.test");
  const test::Certificates others = test::MakeCertificates(folder_, "api.test", "other");
  api_config_.tls_certificate_file = certificates.certificate_file;
  api_config_.tls_key_file = others.key_file;
  EXPECT_FALSE(TryStartApi().ok());
  api_config_.tls_key_file = folder_.File("nothing");
  const absl::Status status = TryStartApi();
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(folder_.File("nothing")));
}

}  // namespace
}  // namespace goniec::outbound
