#!/usr/bin/env bash
# ./dev up --detach with the programs of this build, on free ports, in a folder of its own: both first mails arrive,
# the way of each is shown, a second up changes nothing, and down leaves no process behind.
set -euo pipefail

: "${GONIEC_BIN:?the folder with the programs}"
ROOT_DIR=$(cd "$(dirname "$0")/../.." && pwd)
GONIEC_RUN=$(mktemp -d)
export GONIEC_RUN

leave() {
  "$ROOT_DIR/dev" down >/dev/null 2>&1 || true
  rm -rf "$GONIEC_RUN"
}
trap leave EXIT

fail() {
  echo "FAIL $*"
  tail -n 20 "$GONIEC_RUN"/logs/*.log "$GONIEC_RUN/output" 2>/dev/null || true
  exit 1
}

"$ROOT_DIR/dev" up --detach >"$GONIEC_RUN/output" 2>&1 || fail "up ended with $?"
grep -q 'Goniec is up' "$GONIEC_RUN/output" || fail "no summary"
[[ $(grep -c '^grace@.* DELIVERED ' "$GONIEC_RUN/output") == 2 ]] || fail "two deliveries are not shown"
for subject in 'A first mail, by SMTP' 'A first mail, by gRPC'; do
  grep -rqF "Subject: $subject" "$GONIEC_RUN/mail" || fail "'$subject' has not arrived"
done

before=$(cat "$GONIEC_RUN"/*.pid)
"$ROOT_DIR/dev" up --detach >"$GONIEC_RUN/again" 2>&1 || fail "the second up ended with $?"
grep -q 'up already' "$GONIEC_RUN/again" || fail "the second up does not say that it is up"
[[ $(cat "$GONIEC_RUN"/*.pid) == "$before" ]] || fail "the second up changed what runs"

"$ROOT_DIR/dev" down 2>"$GONIEC_RUN/down" || fail "down ended with $?"
grep -q 'killed' "$GONIEC_RUN/down" && fail "a part did not stop by itself: $(cat "$GONIEC_RUN/down")"
while read -r pid _; do
  # One that has ended and waits to be collected by its parent does not count.
  state=$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)
  [[ -z $state || $state == Z ]] || fail "process $pid still runs: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
done <<<"$before"
echo "ok"
