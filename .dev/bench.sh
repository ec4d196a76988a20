# shellcheck shell=bash
# ./dev bench: builds what is shipped and hands over to tests/bench/run, which knows the measurements beside Postfix (by
# smtp-source and by goniec-load), or to a script of its own in tests/bench: fairness, audit, neighbour and memory alone,
# deliver and outage beside Postfix as well.
# It finds the programs through GONIEC_BIN (folder) and GONIEC_NATS_SERVER (file).

# refuse_other_mta: installing Postfix would remove another mail server from this machine.
refuse_other_mta() {
  local other
  # shellcheck disable=SC2016  # ${…} is dpkg-query's syntax
  other=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}|${Provides}\n' |
    awk -F'|' '$1 ~ /^.i/ && $3 ~ /mail-transport-agent/ && $2 != "postfix" { print $2; exit }')
  [[ -z $other ]] || die "bench compares with Postfix, and installing it here would remove $other; use another machine"
}

# bench_script NAME ARGS: tests/bench/NAME.py.
bench_script() {
  need_packages build run test
  GONIEC_NATS_SERVER=$(nats_server)
  GONIEC_BIN=$ROOT/build/release/bin
  export GONIEC_NATS_SERVER GONIEC_BIN
  build release goniec-inbound goniec-outbound goniec goniec-sink goniec-load python_proto
  exec "$ROOT/tests/bench/$1.py" "${@:2}"
}

bench_command() {
  [[ -x $ROOT/tests/bench/run ]] || die "tests/bench/run is missing from this tree"
  require_debian
  case ${1:-} in
    fairness | audit | memory) bench_script "$@" ;;
    neighbour | deliver | outage)  # smtp-sink is Postfix's
      refuse_other_mta
      need_packages bench
      bench_script "$@"
      ;;
  esac
  refuse_other_mta
  need_packages build run bench
  GONIEC_NATS_SERVER=$(nats_server)
  GONIEC_BIN=$ROOT/build/release/bin
  export GONIEC_NATS_SERVER GONIEC_BIN
  build release goniec-inbound goniec-outbound goniec goniec-load
  exec "$ROOT/tests/bench/run" "$@"
}
