# shellcheck shell=bash
# What every part of ./dev shares: where things are, how progress and failures are said, how a long command is run.
# Sourced by ./dev, never run by itself. Defines variables and functions, does nothing.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=$ROOT/.cache
# What runs; another folder for tests of ./dev itself.
RUN=${GONIEC_RUN:-$ROOT/.run}
# Used by the parts that are sourced after this one.
export ROOT CACHE RUN

if [[ -t 2 ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi
export BOLD DIM RED GREEN PLAIN

# step TEXT: says what happens now, on stderr, so that stdout stays for results.
step() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN" >&2; }

# die WHAT: one line that says what, where and how to mend; then a non-zero exit.
die() {
  printf '%sdev: %s%s\n' "$RED" "$*" "$PLAIN" >&2
  exit 1
}

# usage_error WHAT: a wrong command line; exit code 2, as is custom.
usage_error() {
  printf '%sdev: %s%s\n' "$RED" "$*" "$PLAIN" >&2
  exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# What run_logged runs now. Bash starts it deaf to Ctrl-C, so it is ended here.
LOGGED_CHILD=
interrupted() {
  [[ -z $LOGGED_CHILD ]] || kill "$LOGGED_CHILD" 2>/dev/null || true
  exit 130
}

# run_logged LABEL COMMAND...: runs a command whose output interests only on failure. On a terminal it shows a
# running clock; on failure the end of its output and where the rest is. Returns the command's exit code.
run_logged() {
  local label=$1 log started pid code=0
  shift
  mkdir -p "$CACHE/logs"
  log=$CACHE/logs/$(tr -cs 'a-z0-9' '-' <<<"${label,,}" | sed 's/^-//; s/-$//').$$.log
  step "$label"
  started=$SECONDS
  "$@" </dev/null >"$log" 2>&1 &
  pid=$!
  LOGGED_CHILD=$pid
  while kill -0 "$pid" 2>/dev/null; do
    if [[ -t 2 ]]; then
      printf '\r    %s%ds%s ' "$DIM" "$((SECONDS - started))" "$PLAIN" >&2
    fi
    sleep 0.5
  done
  wait "$pid" || code=$?
  LOGGED_CHILD=
  [[ -t 2 ]] && printf '\r\e[K' >&2
  if ((code != 0)); then
    tail -n 15 "$log" | sed 's/^/    /' >&2
    note "all of it: $log"
    return "$code"
  fi
  note "done in $((SECONDS - started)) s"
  rm -f "$log"
}
