#!/usr/bin/env bash
# Goniec on another Debian than this machine's: all of it compiles there with warnings as errors, unit and integration
# tests pass, and ./dev up shows its two first mails arrive. Usage: debian_test.sh VERSION CODENAME, as in 13 trixie.
#
# The other Debian is a folder under .cache/, made once by debootstrap from the archive that this machine's apt uses, and
# entered with chroot in namespaces of its own: its mounts, processes and network end with the test. It sees the sources
# read-only and shares the compiler's cache. Ends with 77, and one line that says why, where this cannot run.
set -euo pipefail

ROOT_DIR=$(cd "$(dirname "$0")/../.." && pwd)
for part in lib packages tools schemas build; do
  # shellcheck source=/dev/null
  source "$ROOT_DIR/.dev/$part.sh"
done

skip() {
  echo "skipped: $*"
  exit 77
}

# --- On this machine ---

# may_run VERSION: skips unless a system of another Debian can be made and entered here.
may_run() {
  local here
  here=$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")
  [[ $here != "debian$1" ]] || skip "this machine is Debian $1; all other tests run on it"
  ((EUID == 0)) || skip "only root can enter another Debian (chroot)"
  have debootstrap || skip "debootstrap is missing: apt-get install debootstrap"
  unshare --mount --net --pid --fork true 2>/dev/null || skip "this machine allows no namespaces (unshare)"
}

# base_system CODENAME FOLDER: makes it unless it is there; it appears complete or not at all.
base_system() {
  local codename=$1 folder=$2 mirror
  [[ ! -d $folder ]] || return 0
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || skip "apt's configuration names no Debian mirror"
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  run_logged "Making a Debian $codename" debootstrap --variant=minbase "$codename" "$folder.new" "$mirror" ||
    skip "debootstrap could not make a Debian $codename (see above)"
  # Packages that bring daemons start none of them.
  printf '#!/bin/sh\nexit 101\n' >"$folder.new/usr/sbin/policy-rc.d"
  chmod +x "$folder.new/usr/sbin/policy-rc.d"
  mkdir -p "$folder.new/src" "$folder.new/compiler-cache" "$folder.new/build"
  mv "$folder.new" "$folder"
}

# within FOLDER STEP: runs this file's STEP in the other Debian. Only "packages" has this machine's network.
within() {
  local folder=$1 step=$2 compiler_cache
  local -a network=(--net)
  [[ $step != packages ]] || network=()
  compiler_cache=$(ccache --get-config cache_dir)
  mkdir -p "$compiler_cache"
  cp /etc/resolv.conf /etc/hosts "$folder/etc/"
  # What the test says of itself goes to a .cache/ of its own; all else of the sources is read-only.
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount --pid --fork --kill-child "${network[@]}" bash -euo pipefail -c '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount --bind "$2" "$1/src"
    mount -o remount,bind,ro "$1/src"
    mount -t tmpfs tmpfs "$1/src/.cache"
    mount --bind "$3" "$1/compiler-cache"
    exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      LANG=C.UTF-8 /src/tests/dev/debian_test.sh --inside "$4"
  ' within "$folder" "$ROOT_DIR" "$compiler_cache" "$step"
}

on_this_machine() {
  local version=$1 codename=$2 folder=$CACHE/debian-$1 nats
  may_run "$version"
  mkdir -p "$CACHE"
  exec 9>"$folder.lock"
  flock 9
  base_system "$codename" "$folder"
  nats=$(nats_server)
  cp "$nats" "$folder/usr/local/bin/nats-server"
  within "$folder" packages
  within "$folder" tests
}

# --- In the other Debian ---

install_packages() {
  run_logged "Updating the package lists" apt-get -q update || note "the lists could not be updated"
  need_packages build run test
}

build_and_test() {
  ip link set lo up
  export CCACHE_DIR=/compiler-cache CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=true PYTHONDONTWRITEBYTECODE=1
  export GONIEC_NATS_SERVER=/usr/local/bin/nats-server
  # Quick to compile; the sanitizers look at the same code on this machine's Debian.
  run_logged "Configuring" cmake -S /src -B /build --preset ci -DGONIEC_SANITIZE= -DCMAKE_CXX_FLAGS=-O0
  step "Building"
  cmake --build /build -j "$(build_jobs)" >/tmp/build.log || {
    grep -m 1 -A 20 -E 'FAILED|error:' /tmp/build.log
    die "the build failed on this Debian (see above)"
  }
  step "Running unit and integration tests, and ./dev up"
  ctest --test-dir /build --no-tests=error --output-on-failure -j2 -L 'unit|integration'
  ctest --test-dir /build --no-tests=error --output-on-failure -R '^dev_up$'
}

case ${1:-} in
  --inside)
    cd /
    if [[ ${2:-} == packages ]]; then install_packages; else build_and_test; fi
    ;;
  *) on_this_machine "$1" "$2" ;;
esac
