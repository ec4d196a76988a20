# shellcheck shell=bash
# ./dev chaos: builds what is shipped and hands over to tests/chaos/run, which breaks it and looks whether mail is lost.
# It finds the programs through GONIEC_BIN (folder) and GONIEC_NATS_SERVER (file).

chaos_command() {
  need_packages build run test
  GONIEC_NATS_SERVER=$(nats_server)
  GONIEC_BIN=$ROOT/build/release/bin
  export GONIEC_NATS_SERVER GONIEC_BIN
  build release goniec-inbound goniec-outbound goniec goniec-sink clock_jump python_proto
  exec "$ROOT/tests/chaos/run" "$@"
}
