# shellcheck shell=bash
# ./dev up and ./dev down: everything on this machine, under .run/. What is started and how is in this file; how a
# process is watched and stopped is in processes.sh; what the services are told is in up-config.sh.

# In the order of stopping: first what accepts, last what stores.
PARTS=(inbound api outbound sink nats)

running_parts() {
  local name
  for name in "${PARTS[@]}"; do
    if pid_of "$name" >/dev/null; then echo "$name"; fi
  done
}

stop_parts() {
  local name
  for name in "${PARTS[@]}"; do stop_process "$name" 40; done
}

# choose_ports: the well-known ones of a first try, moved up where they are taken.
choose_ports() {
  free_port SMTP_PORT 2525
  free_port API_PORT 8443
  free_port SINK_PORT 2526
  free_port INBOUND_HTTP_PORT 8081
  free_port OUTBOUND_HTTP_PORT 8082
  free_port API_HTTP_PORT 8083
  free_port NATS_PORT 4222
  free_port NATS_HTTP_PORT 8222
}

start_nats() {
  step "Starting nats-server (JetStream, fsync before every acknowledgement)"
  start_process nats "$1" --config "$RUN/config/nats.conf"
  wait_ready nats 60 "http://127.0.0.1:$NATS_HTTP_PORT/healthz?js-server-only=true"
}

provision() {
  run_logged "Provisioning the queue" "$BIN/goniec" provision --config "$RUN/config/outbound.yaml" ||
    die "the queue could not be provisioned (see above); if .run/ stems from another version: ./dev down, rm -r .run"
}

start_services() {
  step "Starting goniec-sink, goniec-outbound (one that delivers, one with the API) and goniec-inbound"
  mkdir -p "$RUN/mail"
  start_process sink "$BIN/goniec-sink" --listen "127.0.0.1:$SINK_PORT" --maildir "$RUN/mail"
  wait_listening sink 20 "$SINK_PORT"
  start_process outbound "$BIN/goniec-outbound" --config "$RUN/config/outbound.yaml"
  start_process api "$BIN/goniec-outbound" --config "$RUN/config/api.yaml"
  start_process inbound "$BIN/goniec-inbound" --config "$RUN/config/inbound.yaml"
  wait_ready outbound 30 "http://127.0.0.1:$OUTBOUND_HTTP_PORT/readyz"
  wait_ready api 30 "http://127.0.0.1:$API_HTTP_PORT/readyz"
  wait_ready inbound 30 "http://127.0.0.1:$INBOUND_HTTP_PORT/readyz"
}

# ULIDs as the services print them.
first_id() { grep -aoiE '\b[0-9a-hjkmnp-tv-z]{26}\b' | head -n 1; }

# send_by_smtp: prints the id that the 250 names.
send_by_smtp() {
  printf '%s\r\n' 'From: Ada <ada@sender.example>' 'To: Grace <grace@first.example>' 'Subject: A first mail, by SMTP' '' \
    'It came by SMTP, was made durable, and was delivered by another process.' |
    curl -sv --noproxy '*' --max-time 20 --url "smtp://127.0.0.1:$SMTP_PORT/localhost" \
      --mail-from ada@sender.example --mail-rcpt grace@first.example --upload-file - 2>&1 |
    grep -a '^< 250' | first_id
}

# send_by_api: prints the id that SendMessage answered.
send_by_api() {
  "$BIN/goniec" send --api "127.0.0.1:$API_PORT" --from ada@sender.example --to grace@second.example \
    --subject 'A first mail, by gRPC' --text 'It came by gRPC, and went the same way.' --json 2>&1 | first_id
}

# show_way LABEL ID: waits until the message's recipients have ended, and shows how they got there.
show_way() {
  local label=$1 id=$2 deadline=$((SECONDS + 30))
  until "$BIN/goniec" get --api "127.0.0.1:$API_PORT" "$id" --json 2>/dev/null |
    grep -qE '"(DELIVERED|BOUNCED|EXPIRED|CANCELLED|SUPPRESSED)"'; do
    ((SECONDS < deadline)) || break
    sleep 0.1
  done
  printf '\n%s%s%s\n' "$BOLD" "$label" "$PLAIN"
  "$BIN/goniec" get --api "127.0.0.1:$API_PORT" "$id"
}

first_mails() {
  local by_smtp by_api
  step "Sending a first mail by SMTP and one by gRPC"
  by_smtp=$(send_by_smtp) || { log_tail inbound; die "goniec-inbound did not take the first mail"; }
  by_api=$(send_by_api) || { log_tail api; die "goniec-outbound did not take the first mail over gRPC"; }
  show_way "By SMTP" "$by_smtp"
  show_way "By gRPC" "$by_api"
  LAST_ID=$by_api
}

# shown PATH: as seen from the repository's root.
shown() { echo "${1#"$ROOT"/}"; }

# summary: where everything is, and what to do next. Also kept in .run/summary for the next ./dev up.
summary() {
  cat <<TEXT

${BOLD}Goniec is up.${PLAIN} All domains are routed to a local sink: nothing leaves this machine.

  SMTP      127.0.0.1:$SMTP_PORT
  gRPC API  127.0.0.1:$API_PORT   (no TLS and no tokens: this machine only)
  metrics   http://127.0.0.1:$INBOUND_HTTP_PORT/metrics (inbound)   http://127.0.0.1:$OUTBOUND_HTTP_PORT/metrics (delivery)
            http://127.0.0.1:$API_HTTP_PORT/metrics (API)
  broker    nats://127.0.0.1:$NATS_PORT   monitoring http://127.0.0.1:$NATS_HTTP_PORT
  arrived   $(shown "$RUN/mail")        logs  $(shown "$RUN/logs")        configuration  $(shown "$RUN/config")

Next:
  $(shown "$BIN")/goniec send --api 127.0.0.1:$API_PORT --from you@sender.example --to friend@any.example --subject Hello --text Hi
  $(shown "$BIN")/goniec get --api 127.0.0.1:$API_PORT $LAST_ID
  curl smtp://127.0.0.1:$SMTP_PORT --crlf --mail-from you@sender.example --mail-rcpt friend@any.example -T MESSAGE_FILE
  ./dev down
TEXT
}

# watch_parts: until a signal, or until a part ends by itself.
watch_parts() {
  local name
  while true; do
    for name in "${PARTS[@]}"; do
      pid_of "$name" >/dev/null && continue
      log_tail "$name"
      die "$name has ended by itself (its last lines are above); stopping the rest"
    done
    # In the background, so that a signal ends the waiting at once.
    sleep 1 &
    wait $!
  done
}

# programs: builds them, unless the environment says where they are (GONIEC_BIN, as the tests do).
programs() {
  BIN=${GONIEC_BIN:-$ROOT/build/release/bin}
  if [[ -z ${GONIEC_BIN:-} ]]; then
    need_packages build run
    build release goniec-inbound goniec-outbound goniec goniec-sink
  fi
}

up_ended() {
  local code=$?
  trap '' INT TERM HUP
  [[ -n $(running_parts) ]] && step "Stopping"
  stop_parts
  rm -f "$RUN/up.pid" "$RUN/summary"
  exit "$code"
}

up_command() {
  local detach=false nats
  case ${1:-} in
    '') ;;
    --detach | -d) detach=true ;;
    *) usage_error "up: unknown argument '$1'; usage: ./dev up [--detach]" ;;
  esac
  (($# <= 1)) || usage_error "up: too many arguments; usage: ./dev up [--detach]"
  if ! mkdir -p "$RUN" 2>/dev/null || [[ ! -w $RUN ]]; then
    die "cannot write in $RUN; make it writable, or name another folder with GONIEC_RUN"
  fi
  if [[ $(running_parts | wc -l) == "${#PARTS[@]}" && -r $RUN/summary ]]; then
    cat "$RUN/summary"
    note "it was up already"
    return
  fi
  exec 9>"$RUN/lock"
  flock -n 9 || die "another ./dev up is at work here; wait for it, or ./dev down"
  rm -f "$RUN/summary"
  # What is left of one that was killed.
  stop_parts
  programs
  nats=$(nats_server)
  choose_ports
  write_configuration
  trap up_ended EXIT
  echo "$$ $(start_time $$)" >"$RUN/up.pid"
  start_nats "$nats"
  provision
  start_services
  first_mails
  summary | tee "$RUN/summary"
  if $detach; then
    trap - EXIT
    rm -f "$RUN/up.pid"
    return
  fi
  printf '\nCtrl-C stops it.\n'
  trap 'exit 0' INT TERM HUP
  watch_parts
}

down_command() {
  (($# == 0)) || usage_error "down: takes no arguments"
  if [[ -z $(running_parts) ]] && ! pid_of up >/dev/null; then
    note "nothing of ./dev up runs here"
    return
  fi
  step "Stopping"
  # A ./dev up in another terminal stops its parts itself.
  stop_process up 170
  stop_parts
  rm -f "$RUN/summary"
}
