// Tells gRPC, and by reflection others, that a service is here: one object for each, since gRPC lists one
// name of each that is registered. The calls of its methods come to MailApi, which is a generic service and
// as such has no name: gRPC lists a service by the methods that are registered for it, so this registers one
// that nobody calls and that reads nothing. Immutable after construction.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/support/server_callback.h>

namespace goniec::outbound {

class ListedService final : public grpc::Service {
 public:
  // "/<service>/Listed"; lives as long as the program.
  explicit ListedService(const char* method) {
    AddMethod(
        new grpc::internal::RpcServiceMethod(method, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(0, new grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                                 [](grpc::CallbackServerContext*) { return new Refusal; }));
  }

 private:
  class Refusal final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    Refusal() { Finish({grpc::StatusCode::UNIMPLEMENTED, "there is no such method"}); }
    void OnDone() override { delete this; }
  };
};

}  // namespace goniec::outbound
