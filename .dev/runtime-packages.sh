#!/bin/sh
# Prints the Debian packages that hold the shared libraries of the given programs, one a line: what an image that only
# runs them has to install. Used by the Dockerfiles' build stage; needs ldd and dpkg. A library that is not there, or
# that no package owns, is an error: the image would be built and its program would not start.
set -eu

# In assignments rather than pipes, whose first parts fail unseen.
libraries=$(ldd "$@")
if printf '%s\n' "$libraries" | grep -F 'not found' >&2; then
  echo "$0: libraries of $* are missing on this system (see above)" >&2
  exit 1
fi
packages=$(
  printf '%s\n' "$libraries" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    # With a merged /usr the packages' lists may name the file with or without it.
    file=$(readlink -f "$library")
    owner=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}" 2>/dev/null || true)
    # An empty name is caught below: this loop is a subshell.
    printf '%s\n' "${owner%%:*}"
  done | sort -u
)
if [ -z "$packages" ] || printf '%s\n' "$packages" | grep -q '^$'; then
  echo "$0: some library of $* belongs to no Debian package" >&2
  exit 1
fi
printf '%s\n' "$packages"
