"""A Goniec on three nats-servers: streams on three replicas, fsync, the floor set to both. Nodes are numbered 0 to 2.

The servers know each other only through proxies of ours, one for each direction of each pair, so that a node can be cut
off from the others while its clients stay with it. What they tell each other of addresses (`advertise`) leads nowhere:
there is no way around a cut.
"""

import json
import os

from jetstream import Streams
from system import NATS, System, free_port, http, wait_until
from tcp_proxy import TcpProxy

NODES = range(3)


class Node:
    """One nats-server: its ports, and its process (Part) once it is started."""

    def __init__(self, number):
        self.number, self.name = number, f"n{number}"
        self.port, self.monitor_port, self.route_port = free_port(), free_port(), free_port()
        self.part = None

    def ask(self, path):
        """What its monitoring says, {} if it says nothing."""
        text = http(f"http://127.0.0.1:{self.monitor_port}/{path}")[1]
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def healthy(self):
        """Its JetStream has a leader, and all that it keeps is there and up to date."""
        return http(f"http://127.0.0.1:{self.monitor_port}/healthz")[0] == 200

    def streams(self):
        """Name → what it knows of each stream that it keeps."""
        shown = self.ask("jsz?accounts=true&streams=true&consumers=true")
        return {stream["name"]: stream for account in shown.get("account_details") or []
                for stream in account.get("stream_detail") or []}

    def leader_of(self, stream, consumer=None):
        """Who leads the stream, or its consumer, as this node sees it; "" if nobody does."""
        seen = self.streams().get(stream, {})
        if consumer:
            seen = next((each for each in seen.get("consumer_detail") or [] if each["name"] == consumer), {})
        return seen.get("cluster", {}).get("leader") or ""

    def routes(self):
        """Names of the nodes that it is connected to."""
        return {route.get("remote_name") for route in self.ask("routez").get("routes") or []}

    def clients(self):
        """Names of the client connections."""
        return {each.get("name", "") for each in self.ask("connz").get("connections") or []}


class Cluster(System):
    """System on three nodes. `sync` may be a list, one for each node."""

    def __init__(self, queue=None, sync="always", replicas=3, floor=True, lanes=1, **more):
        self.nodes = [Node(n) for n in NODES]
        durability = {"durability": {"replicas": 3, "fsync": True}} if floor else {}
        super().__init__(queue={
            "servers": [f"nats://127.0.0.1:{node.port}" for node in self.nodes],
            "monitor_urls": [f"http://127.0.0.1:{node.monitor_port}" for node in self.nodes],
            "replicas": replicas, "lanes": lanes, **durability, **(queue or {})}, sync=sync, **more)
        self.syncs = list(sync) if isinstance(sync, (list, tuple)) else [sync] * len(self.nodes)
        self.links = {(a, b): TcpProxy(self.nodes[b].route_port) for a in NODES for b in NODES if a != b}

    def __exit__(self, kind, value, trace):
        try:
            super().__exit__(kind, value, trace)
        finally:
            for link in self.links.values():
                link.close()

    # Nodes.

    def start_node(self, number):
        """Returns once its process runs; wait_healthy says when it is of use."""
        node = self.nodes[number]
        if node.part is not None:
            return node.part.start()
        routes = ", ".join(f'"nats://127.0.0.1:{self.links[number, other].port}"' for other in NODES if other != number)
        sync = ", sync_interval: always" if self.syncs[number] == "always" else ""
        config = self._write(f"{node.name}.conf", f"""
server_name: {node.name}
listen: "127.0.0.1:{node.port}"
http: "127.0.0.1:{node.monitor_port}"
jetstream {{ store_dir: "{os.path.join(self.folder, node.name)}", max_file_store: 4GB{sync} }}
cluster {{
  name: goniec
  listen: "127.0.0.1:{node.route_port}"
  routes: [{routes}]
  # Nobody listens there: all ways lead through the proxies in `routes`.
  advertise: "127.0.0.1:1"
  no_advertise: true
}}
""")
        node.part = self._add(f"nats-{node.name}", [NATS, "-c", config])
        return node.part

    def start_nats(self):
        for node in self.nodes:
            self.start_node(node.number)
        self.wait_healthy()

    def wait_healthy(self, nodes=None, seconds=60):
        for node in self.nodes if nodes is None else nodes:
            def healthy(node=node):
                if not node.part.alive():
                    raise AssertionError(f"nats-server {node.name} has ended:\n{node.part.tail()}")
                return node.healthy()
            wait_until(healthy, seconds, f"{node.name} healthy")

    def provision(self):
        """Again while the servers have not yet told each other that they are there."""
        def provisioned():
            try:
                return super(Cluster, self).provision()
            except AssertionError as error:
                if "10005" in str(error):
                    return None
                raise
        return wait_until(provisioned, 30, "provision")

    def cut_off(self, number):
        """The node can reach no other, nor be reached; its clients stay."""
        for pair, link in self.links.items():
            if number in pair:
                link.cut()

    def join(self, number):
        for pair, link in self.links.items():
            if number in pair:
                link.go_on()

    # Leaders.

    def leader(self, stream="READY_0", consumer=None, among=None):
        """The node that leads the stream, or its consumer, as the nodes that are asked agree; waits until there is one."""
        nodes = self.nodes if among is None else among
        def agreed():
            names = {node.leader_of(stream, consumer) for node in nodes}
            return names.pop() if len(names) == 1 else None
        name = wait_until(agreed, 60, f"a leader of {stream}")
        return next(node for node in self.nodes if node.name == name)

    def lead(self, node, stream="READY_0", consumer=None):
        """Makes the node the leader of the stream, or of its consumer."""
        def asked():
            if self.leader(stream, consumer) is node:
                return True
            with Streams(node.port) as streams:
                streams.step_down(stream, node.name, consumer)
            return False
        wait_until(asked, 60, f"{node.name} leads {stream}")

    def node_of(self, client):
        """The node that the service's connection goes to; `client` is the beginning of the connection's name."""
        return wait_until(
            lambda: next((node for node in self.nodes if any(name.startswith(client) for name in node.clients())), None),
            30, f"the connection of {client}")

    # System looks at the first node that answers; all keep all streams.

    def _stream(self, name):
        def seen():
            for node in self.nodes:
                leader = node.leader_of(name)
                if leader:
                    return next(each for each in self.nodes if each.name == leader).streams().get(name)
            return None
        return wait_until(seen, 60, f"the state of {name}")["state"]
