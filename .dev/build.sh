# shellcheck shell=bash
# Configuring and building one CMake preset into build/<preset>.

PRESETS=(ci debug release tsan)

check_preset() {
  local preset
  for preset in "${PRESETS[@]}"; do
    [[ $1 == "$preset" ]] && return
  done
  usage_error "--preset: no preset '$1'; there are: ${PRESETS[*]}"
}

# build_jobs: as many compilers as there are cores, but no more than memory has room for (1.5 GiB each).
build_jobs() {
  local cores free_kib room
  cores=$(nproc)
  free_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  room=$((free_kib / 1572864))
  ((room < 1)) && room=1
  echo $((room < cores ? room : cores))
}

# compiler_cache_env: the same file compiled in another clone of this repository is found in the cache.
compiler_cache_env() {
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=true
}

# configure PRESET: a cache that stems from another folder, or that no longer configures, is thrown away once.
configure() {
  local preset=$1 dir=$ROOT/build/$1 home known=false
  local -a command=(cmake -S "$ROOT" --preset "$preset")
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$dir/CMakeCache.txt" 2>/dev/null || true)
  if [[ -n $home && $home != "$ROOT" ]]; then
    note "build/$preset stems from $home: starting afresh"
    rm -rf "$dir"
  fi
  [[ ! -f $dir/CMakeCache.txt ]] || known=true
  (cd "$ROOT" && run_logged "Configuring preset $preset" "${command[@]}") && return
  $known || die "cmake could not configure preset $preset (see the lines above)"
  note "trying once more without what CMake remembered"
  (cd "$ROOT" && run_logged "Configuring preset $preset afresh" "${command[@]}" --fresh) ||
    die "cmake could not configure preset $preset (see the lines above)"
}

# build PRESET [TARGET...]: Ninja's own progress goes to stderr.
build() {
  local preset=$1
  local -a target=()
  shift
  (($# == 0)) || target=(--target "$@")
  compiler_cache_env
  configure "$preset"
  step "Building preset $preset${*:+ ($*)}"
  cmake --build "$ROOT/build/$preset" -j "$(build_jobs)" "${target[@]}" >&2 ||
    die "the build of preset $preset failed (see the first error above)"
}

build_command() {
  local preset=release
  local -a targets=()
  while (($# > 0)); do
    case $1 in
      --preset) preset=${2:-}; shift ;;
      --preset=*) preset=${1#*=} ;;
      -*) usage_error "build: unknown option '$1'; usage: ./dev build [--preset PRESET] [TARGET...]" ;;
      *) targets+=("$1") ;;
    esac
    shift || usage_error "build: --preset needs a name: ${PRESETS[*]}"
  done
  check_preset "$preset"
  # The other presets exist for the tests, which want their libraries and tools.
  need_packages build test
  build "$preset" "${targets[@]}"
  note "programs are in build/$preset/bin"
}
