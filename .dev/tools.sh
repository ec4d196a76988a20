# shellcheck shell=bash
# Programs that this Debian has only in versions that are too old: nats-server (2.15 or newer), kubectl, kustomize.
# What is new enough on PATH is used. Otherwise the package is fetched from Debian's suite `forky`, through lists and
# caches of our own under .cache/: the system's sources, lists and packages stay as they are. The packages' signatures
# are checked by apt against Debian's archive keyring. They are unpacked, never installed, and run from .cache/.

NEWER_SUITE=forky
NEWER=$CACHE/$NEWER_SUITE

# version_at_least HAVE WANT
version_at_least() { [[ -n $1 ]] && dpkg --compare-versions "$1" ge "$2"; }

# debian_mirror: prints the address of the main Debian archive that this machine's apt uses.
debian_mirror() {
  local codename targets
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # $(…) is apt's syntax here, not the shell's.
  # shellcheck disable=SC2016
  targets=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | sort -u)
  awk -v c="$codename" '
    $1 == c && !exact { exact = $2 }
    $1 !~ /security|updates|backports/ && $2 ~ /debian\/?$/ && !other { other = $2 }
    END { print exact ? exact : other }' <<<"$targets"
}

# newer_apt ARGS...: apt-get that knows only the newer suite, with its state under .cache/.
newer_apt() {
  apt-get -q \
    -o Dir::Etc::SourceList="$NEWER/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State::Lists="$NEWER/lists" -o Dir::Cache="$NEWER/cache" \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

# newer_lists: writes the private sources list and brings its package lists up to date.
newer_lists() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || { echo "apt's configuration names no Debian mirror"; return 1; }
  [[ -r $keyring ]] || { echo "$keyring is missing: install debian-archive-keyring"; return 1; }
  mkdir -p "$NEWER/lists/partial" "$NEWER/cache/archives/partial"
  echo "deb [signed-by=$keyring] $mirror $NEWER_SUITE main" >"$NEWER/sources.list"
  newer_apt update
}

# fetch_newer PACKAGE: unpacks the newer suite's package into $NEWER/PACKAGE and notes its version in $NEWER/PACKAGE.version.
# The folder appears complete or not at all.
fetch_newer() {
  local package=$1 work=$NEWER/.new-$1
  newer_lists || return 1
  rm -rf "$work"
  mkdir -p "$work/deb" "$work/root"
  (cd "$work/deb" && newer_apt download "$package") || return 1
  dpkg -x "$work"/deb/*.deb "$work/root" || return 1
  dpkg-deb -f "$work"/deb/*.deb Version >"$work/version" || return 1
  rm -rf "${NEWER:?}/$package"
  mv "$work/root" "$NEWER/$package"
  mv "$work/version" "$NEWER/$package.version"
  rm -rf "$work"
}

# cached_tool PACKAGE PATH_IN_PACKAGE WANT: whether .cache/ has the program in version WANT or newer.
cached_tool() {
  [[ -x $NEWER/$1/$2 && -r $NEWER/$1.version ]] && version_at_least "$(<"$NEWER/$1.version")" "$3"
}

# newer_tool PACKAGE PATH_IN_PACKAGE VERSION_COMMAND WANT: prints the path of a program of version WANT or newer: the one
# on PATH (VERSION_COMMAND is a function that gets its path and prints its version) or the cached one, fetched if need
# be. Safe to run at the same time from several shells: only one fetches.
newer_tool() {
  local package=$1 inside=$2 version=$3 want=$4 name path
  name=$(basename "$inside")
  path=$(command -v "$name" || true)
  if [[ -n $path ]] && version_at_least "$("$version" "$path")" "$want"; then
    echo "$path"
    return
  fi
  mkdir -p "$NEWER"
  (
    flock 9
    cached_tool "$package" "$inside" "$want" ||
      run_logged "Fetching $name $want or newer from Debian's suite $NEWER_SUITE" fetch_newer "$package"
  ) 9>"$NEWER/lock" ||
    die "$name $want or newer is neither on PATH nor could it be fetched (see above); put one on PATH"
  cached_tool "$package" "$inside" "$want" ||
    die "Debian's $NEWER_SUITE has no $name of version $want or newer; put one on PATH"
  echo "$NEWER/$package/$inside"
}

nats_version() { "$1" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9.]*\).*/\1/p'; }
kustomize_version() { "$1" version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p'; }
kubectl_version() { "$1" version --client 2>/dev/null | sed -n 's/^Client Version:[^0-9]*\([0-9][0-9.]*\).*/\1/p'; }

nats_server() { newer_tool nats-server usr/sbin/nats-server nats_version 2.15; }
kustomize_tool() { newer_tool kustomize usr/bin/kustomize kustomize_version 5.0; }
kubectl_tool() { newer_tool kubernetes-client usr/bin/kubectl kubectl_version 1.30; }
