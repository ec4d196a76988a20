#!/usr/bin/env bash
# The parts of ./dev that could harm a machine or mislead a reader: which processes are stopped, which ports are taken,
# what is installed, what a wrong command line says. Each case runs in a shell of its own, in a folder of its own.
# shellcheck disable=SC2016  # the cases are expanded by the shell that runs them
set -euo pipefail

ROOT_DIR=$(cd "$(dirname "$0")/../.." && pwd)
failures=0

# in_parts SCRIPT: runs it with the parts loaded and .run/ in a temporary folder; prints what it says.
in_parts() {
  local folder code=0
  folder=$(mktemp -d)
  GONIEC_RUN=$folder bash -euo pipefail -c '
    for part in lib packages tools build processes; do source "$1/.dev/$part.sh"; done
    trap '\''{ jobs -p | xargs -r kill -KILL; } 2>/dev/null || true'\'' EXIT
    eval "$2"' parts "$ROOT_DIR" "$1" 2>&1 || code=$?
  rm -rf "$folder"
  return "$code"
}

# expect NAME EXIT_CODE PATTERN COMMAND...: the command ends with the code, and its output matches (extended regular
# expression).
expect() {
  local name=$1 want=$2 pattern=$3 output code=0
  shift 3
  output=$("$@" 2>&1) || code=$?
  if [[ $code == "$want" ]] && grep -qE -- "$pattern" <<<"$output"; then
    echo "ok   $name"
  else
    echo "FAIL $name: exit $code (want $want), output: $output"
    failures=$((failures + 1))
  fi
}

expect 'without arguments it helps' 0 './dev up' "$ROOT_DIR/dev"
expect 'an unknown command is one line' 2 "^dev: no command 'fly'; " "$ROOT_DIR/dev" fly
expect 'an unknown preset names the others' 2 'there are: ci debug release tsan' "$ROOT_DIR/dev" test --preset fast
expect 'a preset without a name' 2 'needs a name' "$ROOT_DIR/dev" test --preset
expect 'a wrong option of up' 2 'usage: ./dev up' "$ROOT_DIR/dev" up --deatch
expect 'a wrong option of images' 2 'usage: ./dev images' "$ROOT_DIR/dev" images --push
expect 'a wrong option of lint' 2 'usage: ./dev lint' "$ROOT_DIR/dev" lint everything

expect 'a folder that cannot be written is named' 1 '^dev: cannot write in /proc/nowhere; make it writable, or' \
  env GONIEC_BIN=/bin GONIEC_RUN=/proc/nowhere "$ROOT_DIR/dev" up

expect 'a started process is known and stopped' 0 '^stopped$' in_parts '
  start_process sleeper sleep 60
  pid=$(pid_of sleeper)
  stop_process sleeper 5
  [[ -z $(start_time "$pid") ]] && [[ ! -e $RUN/sleeper.pid ]] && echo stopped'

expect 'a process that ignores SIGTERM is killed' 0 '^killed$' in_parts '
  start_process deaf bash -c "trap \"\" TERM; echo deaf; while :; do sleep 1; done"
  until grep -q deaf "$RUN/logs/deaf.log"; do :; done
  pid=$(pid_of deaf)
  stop_process deaf 1 2>/dev/null
  until [[ -z $(start_time "$pid") ]]; do :; done
  echo killed'

expect 'an id that now belongs to another process is left alone' 0 '^alive$' in_parts '
  sleep 60 &
  other=$!
  echo "$other 1" >"$RUN/old.pid"
  stop_process old 1
  kill -0 "$other" && [[ ! -e $RUN/old.pid ]] && echo alive'

expect 'a process that ends while it starts is told with its last words' 1 'no such setting' in_parts '
  start_process broken bash -c "echo no such setting; exit 3"
  wait_listening broken 20 1'

expect 'a port that is taken is passed over, and said' 0 'A is 3[0-9]{4}$' in_parts '
  have python3 || { echo "A is 30001"; exit; }
  port=30000
  while port_taken "$port"; do port=$((port + 1)); done
  python3 -c "import socket, time
s = socket.create_server((\"127.0.0.1\", $port)); print(\"listening\", flush=True); time.sleep(60)" >"$RUN/out" &
  until grep -q listening "$RUN/out"; do :; done
  free_port A "$port"
  ((A > port))'

expect 'two parts are never given the same port' 0 '^different$' in_parts '
  free_port A 30500
  free_port B "$A" 2>/dev/null
  ((A != B)) && echo different'

expect 'the mirror is not asked for what is installed' 0 '^nothing$' in_parts '
  apt-get() { echo "apt was called"; }
  as_root() { echo "root was asked for"; }
  packages_of() { echo bash; echo dpkg; }
  need_packages build && echo nothing'

expect 'missing packages without rights are named' 1 'missing packages \(no-such-package-x\)' in_parts '
  packages_of() { echo no-such-package-x; }
  require_root_or_sudo() { die "missing packages ($1) and neither root nor sudo"; }
  need_packages build'

expect 'every group of packages has names' 0 '^all$' in_parts '
  for group in build run test lint bench; do [[ -n $(packages_of "$group") ]] || exit 1; done; echo all'

expect 'versions are compared as versions' 0 '^right$' in_parts '
  version_at_least 2.15.1 2.15 && version_at_least 10.0 9.9 && ! version_at_least 2.9.10 2.15 &&
    ! version_at_least "" 2.15 && echo right'

((failures == 0)) || { echo "$failures failed"; exit 1; }
