# shellcheck shell=bash
# What ./dev up tells the broker and the services: files under .run/config, written anew at each start with the ports
# that were free. All mail goes to the sink.

write_configuration() {
  mkdir -p "$RUN/config"
  nats_configuration >"$RUN/config/nats.conf"
  inbound_configuration >"$RUN/config/inbound.yaml"
  outbound_configuration >"$RUN/config/outbound.yaml"
  api_configuration >"$RUN/config/api.yaml"
}

nats_configuration() {
  cat <<TEXT
server_name: goniec-up
listen: "127.0.0.1:$NATS_PORT"
http: "127.0.0.1:$NATS_HTTP_PORT"
jetstream {
  store_dir: "$RUN/nats"
  # An acknowledged message is on the disk.
  sync_interval: always
  max_file_store: 8GB
}
TEXT
}

queue_section() {
  cat <<TEXT
queue:
  servers: ["nats://127.0.0.1:$NATS_PORT"]
  monitor_urls: ["http://127.0.0.1:$NATS_HTTP_PORT"]
  capacity: 2GiB
  durability:
    replicas: 1
    fsync: true
TEXT
}

inbound_configuration() {
  cat <<TEXT
hostname: localhost
smtp:
  listen: ["127.0.0.1:$SMTP_PORT"]
http:
  listen: "127.0.0.1:$INBOUND_HTTP_PORT"
relay:
  # This machine may send to everybody; where it goes, outbound.yaml says.
  trusted_networks: ["127.0.0.1/32"]
TEXT
  queue_section
}

# Who delivers serves no callers, and they cannot take delivery along.
outbound_configuration() {
  cat <<TEXT
hostname: localhost
roles: [deliver, tend]
http:
  listen: "127.0.0.1:$OUTBOUND_HTTP_PORT"
delivery:
  routes:
    "*":
      smart_host: "127.0.0.1:$SINK_PORT"
TEXT
  queue_section
}

api_configuration() {
  cat <<TEXT
hostname: localhost
roles: [api]
http:
  listen: "127.0.0.1:$API_HTTP_PORT"
api:
  listen: "127.0.0.1:$API_PORT"
TEXT
  queue_section
}
