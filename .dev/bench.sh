# shellcheck shell=bash
# ./dev bench: builds what is shipped and hands over to tests/bench/run, which knows the measurements.
# It finds the programs through GONIEC_BIN (folder) and GONIEC_NATS_SERVER (file).

bench_command() {
  need_packages build run bench
  GONIEC_NATS_SERVER=$(nats_server)
  GONIEC_BIN=$ROOT/build/release/bin
  export GONIEC_NATS_SERVER GONIEC_BIN
  build release goniec-inbound goniec-outbound goniec goniec-sink
  [[ -x $ROOT/tests/bench/run ]] || die "tests/bench/run is missing from this tree"
  exec "$ROOT/tests/bench/run" "$@"
}
