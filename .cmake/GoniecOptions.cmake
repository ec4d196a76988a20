# Warnings and sanitizers for every target of ours.
set(GONIEC_SANITIZE "" CACHE STRING "Sanitizers for the whole build: 'address,undefined', 'thread' or empty")

add_library(goniec_options INTERFACE)
target_compile_options(goniec_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers -Wno-unused-parameter -fno-omit-frame-pointer)
option(GONIEC_WERROR "Treat warnings as errors" OFF)
if(GONIEC_WERROR)
  target_compile_options(goniec_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_link_options(goniec_options INTERFACE -fuse-ld=lld)
endif()
if(GONIEC_SANITIZE)
  add_compile_options(-fsanitize=${GONIEC_SANITIZE} -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${GONIEC_SANITIZE})
  # g++ warns of Asio's fences, which it cannot instrument.
  if(GONIEC_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
# Asio 1.22 does not recognise Clang with libstdc++ as able to do coroutines; newer ones find out by themselves.
# Whether it sees aligned allocation there depends on which header came first, so that one file would allocate
# with new what another frees with free: said once, for all.
target_compile_definitions(goniec_options INTERFACE
  ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1 ASIO_HAS_STD_ALIGNED_ALLOC=1
  GONIEC_VERSION="${PROJECT_VERSION}")
target_include_directories(goniec_options INTERFACE ${CMAKE_SOURCE_DIR})
