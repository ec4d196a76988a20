#!/bin/sh
# Prints the Debian packages that hold the shared libraries of the given programs, one a line: what an image that only
# runs them has to install. Used by the Dockerfiles' build stage; needs ldd and dpkg.
set -eu
ldd "$@" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
  # With a merged /usr the packages' lists may name the file with or without it.
  file=$(readlink -f "$library")
  dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}"
done | sed 's/:.*//' | sort -u
