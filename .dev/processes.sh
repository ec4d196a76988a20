# shellcheck shell=bash
# Starting, watching and stopping the processes of ./dev up. Each has .run/<name>.pid with its process id and the
# kernel's start time of that process, so that an id that was given to another process since is never signalled.

# start_time PID: the kernel's start time (clock ticks since boot), empty if there is no such process.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The command's name may hold spaces and parentheses: count fields from the last parenthesis.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  # A zombie is gone for our purpose.
  [[ $1 == Z ]] || echo "${20}"
}

# pid_of NAME: prints the process id if that very process still runs.
pid_of() {
  local pid started
  [[ -r $RUN/$1.pid ]] || return 1
  read -r pid started <"$RUN/$1.pid" || return 1
  [[ -n ${started:-} && $(start_time "$pid") == "$started" ]] || return 1
  echo "$pid"
}

log_of() { echo "$RUN/logs/$1.log"; }

# start_process NAME COMMAND...: in a session of its own, so that Ctrl-C in this terminal reaches ./dev alone, which
# then stops the parts in order.
start_process() {
  local name=$1 pid
  shift
  mkdir -p "$RUN/logs"
  setsid "$@" </dev/null >"$(log_of "$name")" 2>&1 9>&- &
  pid=$!
  echo "$pid $(start_time "$pid")" >"$RUN/$name.pid"
}

# stop_process NAME SECONDS: SIGTERM, and SIGKILL for what has not ended in time.
stop_process() {
  local name=$1 limit=$2 pid deadline
  if pid=$(pid_of "$name"); then
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + limit))
    while pid_of "$name" >/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    if pid=$(pid_of "$name"); then
      note "$name has not stopped within $limit s: killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$RUN/$name.pid"
}

# log_tail NAME: the last lines of its log, for the reader of a failure.
log_tail() {
  tail -n 10 "$(log_of "$1")" 2>/dev/null | sed 's/^/    /' >&2
  note "all of it: $(log_of "$1")"
}

# wait_ready NAME SECONDS URL: until URL answers 200. A process that ends, or does not get ready in time, is a failure
# that says why.
wait_ready() {
  local name=$1 limit=$2 url=$3 deadline answer=''
  deadline=$((SECONDS + limit))
  while ((SECONDS < deadline)); do
    answer=$(curl -s --noproxy '*' --max-time 2 -o "$RUN/$name.ready" -w '%{http_code}' "$url" || true)
    [[ $answer == 200 ]] && { rm -f "$RUN/$name.ready"; return; }
    if ! pid_of "$name" >/dev/null; then
      log_tail "$name"
      die "$name ended while it was starting (its last lines are above)"
    fi
    sleep 0.1
  done
  [[ -s $RUN/$name.ready ]] && note "$url says: $(head -c 500 "$RUN/$name.ready")"
  log_tail "$name"
  die "$name was not ready within $limit s at $url"
}

# wait_listening NAME SECONDS PORT: until something listens on the TCP port of this machine.
wait_listening() {
  local name=$1 limit=$2 port=$3 deadline
  deadline=$((SECONDS + limit))
  while ((SECONDS < deadline)); do
    port_taken "$port" && return
    if ! pid_of "$name" >/dev/null; then
      log_tail "$name"
      die "$name ended while it was starting (its last lines are above)"
    fi
    sleep 0.1
  done
  log_tail "$name"
  die "$name did not listen on port $port within $limit s"
}

# port_taken PORT: whether any address of this machine listens on the TCP port.
port_taken() {
  local hex
  local -a tables=(/proc/net/tcp)
  [[ ! -r /proc/net/tcp6 ]] || tables+=(/proc/net/tcp6)
  printf -v hex '%04X' "$1"
  awk -v port="$hex" '
    $4 == "0A" && substr($2, length($2) - 3) == port { taken = 1 }
    END { exit !taken }' "${tables[@]}"
}

# free_port NAME WANTED: prints the first free port at or above WANTED that no other part of this run was given.
declare -A GIVEN_PORTS=()
free_port() {
  local -n result=$1
  local port=$2
  while port_taken "$port" || [[ -n ${GIVEN_PORTS[$port]:-} ]]; do
    port=$((port + 1))
    ((port < $2 + 200)) || die "no free TCP port from $2 to $port; end what listens there, or ./dev down"
  done
  ((port == $2)) || note "port $2 is taken; $1 is $port"
  GIVEN_PORTS[$port]=$1
  # shellcheck disable=SC2034  # a name reference
  result=$port
}
