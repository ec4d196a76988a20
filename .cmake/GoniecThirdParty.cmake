# Every library comes from the distribution. Their headers are SYSTEM: their warnings are not ours.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(yaml-cpp REQUIRED)

# goniec_pkg(<name> <module>...): imported target goniec_dep::<name> from pkg-config modules.
function(goniec_pkg NAME)
  pkg_check_modules(GONIEC_PC_${NAME} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
  add_library(goniec_dep_${NAME} INTERFACE)
  target_link_libraries(goniec_dep_${NAME} INTERFACE PkgConfig::GONIEC_PC_${NAME})
  add_library(goniec_dep::${NAME} ALIAS goniec_dep_${NAME})
endfunction()

# goniec_dep(<name> <target>...): alias goniec_dep::<name> for targets of the library's own CMake package.
# (pkg-config takes half a minute over gRPC's and Abseil's hundred modules.)
function(goniec_dep NAME)
  add_library(goniec_dep_${NAME} INTERFACE)
  target_link_libraries(goniec_dep_${NAME} INTERFACE ${ARGN})
  add_library(goniec_dep::${NAME} ALIAS goniec_dep_${NAME})
endfunction()

find_package(absl CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)
goniec_dep(absl absl::status absl::statusor absl::strings absl::time absl::flat_hash_map absl::flat_hash_set absl::span)
goniec_dep(absl_flags absl::flags absl::flags_parse absl::flags_usage)
goniec_dep(grpcpp gRPC::grpc++)
goniec_dep(grpcpp_reflection gRPC::grpc++_reflection)
goniec_pkg(nats libnats)
# libunbound's pkg-config file asks for libevent's, which only its event interface needs.
find_library(UNBOUND_LIBRARY unbound REQUIRED)
goniec_dep(unbound ${UNBOUND_LIBRARY})
find_package(spdlog CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
goniec_dep(spdlog spdlog::spdlog fmt::fmt)
goniec_pkg(curl libcurl)
goniec_pkg(prometheus prometheus-cpp-core)

goniec_dep(asio Threads::Threads)

find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
goniec_dep(civetweb ${CIVETWEB_LIBRARY})
goniec_dep(yaml yaml-cpp)

find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
