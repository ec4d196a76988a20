# shellcheck shell=bash
# ./dev test: packages, nats-server, configure, build, CTest. The last lines are CTest's own, and so is the exit code.

# sanitizer_env: how the sanitizers' run-time libraries behave in tests.
sanitizer_env() {
  local symbolizer=/usr/lib/llvm-19/bin/llvm-symbolizer
  # The distribution's C++ libraries are not instrumented: containers that cross their border look overflown.
  local asan=detect_container_overflow=0 ubsan=print_stacktrace=1
  local tsan=suppressions=$ROOT/tests/support/tsan.supp:second_deadlock_stack=1
  local lsan=suppressions=$ROOT/tests/support/lsan.supp:print_suppressions=0
  if [[ -x $symbolizer ]]; then
    asan+=:external_symbolizer_path=$symbolizer
    ubsan+=:external_symbolizer_path=$symbolizer
    tsan+=:external_symbolizer_path=$symbolizer
  fi
  export ASAN_OPTIONS=$asan${ASAN_OPTIONS:+:$ASAN_OPTIONS}
  export UBSAN_OPTIONS=$ubsan${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}
  export LSAN_OPTIONS=$lsan${LSAN_OPTIONS:+:$LSAN_OPTIONS}
  export TSAN_OPTIONS=$tsan${TSAN_OPTIONS:+:$TSAN_OPTIONS}
}

# test_tools: what the tests find through the environment.
test_tools() {
  GONIEC_NATS_SERVER=$(nats_server)
  GONIEC_KUSTOMIZE=$(kustomize_tool)
  GONIEC_KUBECTL=$(kubectl_tool)
  GONIEC_NODE_MODULES=$(node_modules)
  export GONIEC_NATS_SERVER GONIEC_KUSTOMIZE GONIEC_KUBECTL GONIEC_NODE_MODULES
}

test_command() {
  local preset=ci code=0
  local -a rest=()
  while (($# > 0)); do
    case $1 in
      --preset)
        (($# > 1)) || usage_error "test: --preset needs a name: ${PRESETS[*]}"
        preset=$2
        shift
        ;;
      --preset=*) preset=${1#*=} ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
  check_preset "$preset"
  need_packages build run test
  test_tools
  sanitizer_env
  build "$preset"
  step "Running the tests"
  ctest --test-dir "$ROOT/build/$preset" --no-tests=error --output-on-failure -j2 "${rest[@]}" || code=$?
  return "$code"
}
