# shellcheck shell=bash
# Debian packages: which groups of .dev/packages.list are missing here, and installing them.
# A machine that has everything sees no call of apt.

# packages_of GROUP...: prints the names of the groups' packages, one a line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v want="[$group]" '
      { sub(/#.*/, ""); gsub(/[ \t]/, "") }
      /^\[/ { inside = ($0 == want); next }
      inside && NF' "$ROOT/.dev/packages.list"
  done
}

# missing_packages NAME...: prints those that dpkg knows neither as installed nor as provided by what is installed.
missing_packages() {
  local known
  # shellcheck disable=SC2016  # ${…} is dpkg-query's syntax
  known=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}, ${Provides}\n' |
    awk -F'|' '$1 ~ /^.i/ { gsub(/\([^)]*\)/, "", $2); gsub(/,/, " ", $2); print $2 }' | tr -s ' ' '\n' | sort -u)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(echo "$known")
}

# as_root COMMAND...: directly when root, through sudo otherwise.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo -- "$@"
  fi
}

require_debian() {
  { have apt-get && have dpkg-query; } ||
    die "this is no Debian system (apt-get and dpkg-query are missing); Debian 12 or newer is needed, or ./dev images"
}

require_root_or_sudo() {
  ((EUID == 0)) && return
  have sudo || die "missing packages ($1) and neither root nor sudo; as root run: apt-get install $1"
  sudo -n true 2>/dev/null && return
  [[ -t 0 ]] || die "missing packages ($1) and sudo would ask for a password; as root run: apt-get install $1"
  note "sudo asks for your password, to install: $1"
  sudo -v || die "sudo refused; as root run: apt-get install $1"
}

# apt_install NAME...: non-interactive and without recommended packages. Runs in the background of run_logged.
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

# mask_services NAME...: some packages bring a daemon that Debian starts at once. The tests run their own, so under
# systemd such a service is masked before it is installed (systemctl unmask NAME undoes it).
SERVICES=(nsd postfix)
mask_services() {
  local name
  [[ -d /run/systemd/system ]] || return 0
  for name in "$@"; do
    [[ " ${SERVICES[*]} " == *" $name "* ]] || continue
    note "$name.service is masked, so that installing $name starts nothing"
    as_root systemctl mask "$name.service" >/dev/null 2>&1 ||
      die "could not mask $name.service; install $name by hand, without starting it"
  done
}

# need_packages GROUP...: makes sure that all packages of the groups are installed, or ends with one message.
need_packages() {
  local -a wanted missing
  local names
  require_debian
  mapfile -t wanted < <(packages_of "$@")
  ((${#wanted[@]} > 0)) || die "no package group named '$*' in .dev/packages.list"
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [[ -n ${missing[0]:-} ]] || return 0
  names="${missing[*]}"
  require_root_or_sudo "$names"
  step "Debian packages to install: $names"
  mask_services "${missing[@]}"
  run_logged "Updating the package lists" as_root apt-get -q -o DPkg::Lock::Timeout=600 update ||
    note "the lists could not be updated; trying with those that are here"
  run_logged "Installing ${#missing[@]} packages" apt_install "${missing[@]}" ||
    die "apt-get could not install: $names (the lines above say why; without a network, install them by hand)"
}
