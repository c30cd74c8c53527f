# SPDX-License-Identifier: Apache-2.0
"""The two edges, set up to do the same: SIP over secure WebSocket to SIP over UDP, media by a relay that makes WebRTC of RTP."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

from duel.relays import bencode
from lib.programs import FIRST, WORKER_CPU
from signalling import tokens

HERE = os.path.dirname(os.path.abspath(__file__))
NETNS = "edge"
EDGE_IP, EDGE_PORT, CORE = "10.98.0.2", 8443, "10.98.0.1:5080"
MEDIA_LINK, MEDIA_PEER = "media0", "10.97.0.1"
PATIENCE_S = 20


class EdgeError(Exception):
    """An edge did not start, ended, or did not do what it was for."""


def threads(pid):
    """CPU seconds by thread, to the nanosecond. @return {(tid, name): seconds}"""
    rows = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f, \
                open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8") as name:    # a thread may have ended meanwhile
            rows[(tid, name.read().strip())] = int(f.read().split()[0]) / 1e9
    return rows


def proportional_kib(pid):
    """Memory of a process, with its part of what several share."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(row.split()[1]) for row in f if row.startswith("Pss:"))


def wait_for(what, test):
    end = time.monotonic() + PATIENCE_S
    while not (value := test()):
        if time.monotonic() > end:
            raise EdgeError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.05)
    return value


class Edge:
    """Processes in the edge's namespace, on the edge's CPU."""
    path, relay_access, relay_core = "/", "", ""
    takes_tokens = False

    def __init__(self, work):
        self.work, self.processes = work, {}
        self.memory_of = ""

    def start(self, name, *argv):
        with open(os.path.join(self.work, f"{name}.log"), "w", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(     # pylint: disable=consider-using-with
                ["ip", "netns", "exec", NETNS, *FIRST, "taskset", "-c", str(WORKER_CPU), *argv], stdout=log, stderr=log)

    def log(self, name):
        with open(os.path.join(self.work, f"{name}.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def pids(self, name):
        """The process and those it has forked."""
        found = [self.processes[name].pid]
        for pid in found:
            for tid in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{tid}/children", encoding="ascii") as f:
                    found += [int(p) for p in f.read().split()]
        return found

    def cpu(self):
        """@return {part: seconds}; a part named "media" moves packets and is not counted"""
        return {name: sum(sum(threads(pid).values()) for pid in self.pids(name)) for name in self.processes}

    def memory_kib(self):
        return sum(proportional_kib(pid) for pid in self.pids(self.memory_of))

    def check_alive(self):
        for name, p in self.processes.items():
            if p.poll() is not None:
                raise EdgeError(f"{name} ended with {p.returncode}: {self.log(name)[-800:]}")

    def stop(self):
        for p in self.processes.values():
            p.send_signal(signal.SIGTERM)
        for p in self.processes.values():
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


class W2gw(Edge):
    """
    epcscf and eimsagw; reg-event is not subscribed to, as the other edge has no such thing. The worker has no packets to move and
    sleeps; what its waking costs is told apart.
    """
    name, path, relay_access, relay_core = "w2gw", "/w2", "10.97.0.10", "10.97.0.11"
    takes_tokens = True

    def __init__(self, build, work):
        super().__init__(work)
        self.memory_of = "epcscf"
        self.prefix = f"w2gwsig{os.getpid()}"
        self.socket = os.path.join(work, "epcscf.sock")
        gateway, cscf = os.path.join(work, "eimsagw.yaml"), os.path.join(work, "epcscf.yaml")
        with open(gateway, "w", encoding="ascii") as f:
            f.write(f"""
eal: {{lcores: "0@{WORKER_CPU},1@{WORKER_CPU}", memory_mb: 384, file_prefix: {self.prefix}}}
max_contexts: 2000
ports: [{{name: p0, device: "net_af_packet0,iface={MEDIA_LINK}"}}]
realms:
  - {{name: access, port: p0, addresses: ["{self.relay_access}/24"], media_ports: "20000-29999"}}
  - {{name: core, port: p0, addresses: ["{self.relay_core}/24"], media_ports: "30000-39999"}}
iq: {{bind: "127.0.0.1:2945", mid: "[127.0.0.1]:2945", controllers: ["127.0.0.1:2944"]}}
log: {{level: warn}}
""")
        with open(cscf, "w", encoding="ascii") as f:
            f.write(f"""
w2: {{listen: ["{EDGE_IP}:{EDGE_PORT}"], certificate: {work}/edge.crt, key: {work}/edge.key, host: {EDGE_IP}, path: {self.path},
     allow_no_origin: true, first_register_s: 120, max_connections: 20000, max_connections_per_source: 400, connections_per_s_prefix: 0}}
mw: {{bind: "{EDGE_IP}:5060", home_domain: home1.example, entry: ["{CORE}"], udp_max_bytes: 65535}}
iq: {{bind: "127.0.0.1:2944", gateways: [{{name: agw1, address: "127.0.0.1:2945"}}]}}
tokens: {{issuers: [{{name: "{tokens.ISSUER}", keys: "{work}/jwks.json", audience: [{tokens.AUDIENCE}]}}]}}
reg: {{max_per_s: 0, subscribe: false}}
log: {{level: warn}}
control_socket: {self.socket}
""")
        self.start("eimsagw", os.path.join(build, "dataplane/eimsagw"), "-c", gateway)
        self.start("epcscf", os.path.join(build, "control/epcscf"), "-c", cscf)
        wait_for("the gateway in service", lambda: self.show("counters").get("iq_gateways_up"))
        self.before = None

    def show(self, what):
        self.check_alive()
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(self.socket)
                s.sendall(f"show {what}\n".encode())
                data = b""
                while more := s.recv(1 << 20):
                    data += more
            return json.loads(data)
        except OSError:
            return {}

    def gateway(self, what):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(5)
            s.connect(f"/run/dpdk/{self.prefix}/dpdk_telemetry.v2")
            s.recv(4096)
            s.send(f"/w2gw/{what}".encode())
            return json.loads(s.recv(1 << 20))[f"/w2gw/{what}"]

    def cpu(self):
        rows = {"epcscf": sum(threads(self.processes["epcscf"].pid).values()), "eimsagw": 0, "media": 0}
        for (_, name), seconds in threads(self.processes["eimsagw"].pid).items():
            rows["media" if "worker" in name else "eimsagw"] += seconds
        return rows

    def calls_made(self):
        """@return calls the relay has had, counted by itself: a context needs one Add, one Modify, one Subtract"""
        drops, cscf = self.gateway("drops"), self.show("counters")
        if drops["iq_errors"] or cscf["iq_errors"] or cscf["iq_timeouts"] or cscf["call_released_by_gateway"]:
            raise EdgeError(f"errors on Iq: {drops} {cscf}")
        return min(drops["iq_requests"] // 3, cscf["call_answered"])

    def calls_open(self):
        return max(self.gateway("summary")["contexts"], self.show("counters")["iq_contexts"])


class Kamailio(Edge):
    """
    Kamailio's websocket module, and rtpengine in user space. One process for TCP, one for UDP, one media thread: on one CPU more
    of them cost up to a third more, and two TCP processes of 5.6 with OpenSSL 3 crashed above some thousand connections.
    """
    name, relay_access, relay_core = "kamailio", "10.97.0.2", "10.97.0.3"
    NG = "127.0.0.1:2223"

    def __init__(self, _, work):
        super().__init__(work)
        self.memory_of = "kamailio"
        values = {"EDGE_IP": EDGE_IP, "EDGE_PORT": EDGE_PORT, "CORE": CORE, "RELAY": self.NG, "DIR": work}
        with open(os.path.join(HERE, "kamailio.cfg.in"), encoding="utf-8") as f:
            text = re.sub(r"@(\w+)@", lambda m: str(values[m[1]]), f.read())
        config = os.path.join(work, "kamailio.cfg")
        with open(config, "w", encoding="utf-8") as f:
            f.write(text)
        self.start("rtpengine", "rtpengine", "--table=-1", f"--interface=access/{self.relay_access}", f"--interface=core/{self.relay_core}",
                   f"--listen-ng={self.NG}", "--num-threads=1", "--foreground", "--log-stderr", "--log-level=3", "--delete-delay=0",
                   "--port-min=20000", "--port-max=59999", f"--pidfile={work}/rtpengine.pid")
        self.n = 0
        wait_for("rtpengine", lambda: b"pong" in self.ask("ping"))
        self.start("kamailio", "kamailio", "-f", config, "-Y", work, "-P", os.path.join(work, "kamailio.pid"), "-DD", "-E", "-m", "2048",
                   "-M", "16")
        wait_for("kamailio", self.is_listening)

    def is_listening(self):
        self.check_alive()
        done = subprocess.run(["ip", "netns", "exec", NETNS, "ss", "-Hltn", f"sport = :{EDGE_PORT}"], stdout=subprocess.PIPE, check=True)
        return bool(done.stdout.strip())

    def ask(self, command):
        """rtpengine listens to its own namespace only: asked by a process in there."""
        self.n += 1
        ask = ("import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(2)\n"
               "s.connect(('127.0.0.1', 2223))\ns.send(sys.stdin.buffer.read())\nsys.stdout.buffer.write(s.recv(65535))")
        done = subprocess.run(["ip", "netns", "exec", NETNS, "/usr/bin/python3", "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              input=b"%d " % self.n + bencode({"command": command}), check=False)
        return done.stdout

    def number(self, name):
        found = re.search(rb"%d:%si(\d+)e" % (len(name), name.encode()), self.ask("statistics"))
        if not found:
            raise EdgeError(f"rtpengine does not tell {name}")
        return int(found[1])

    def calls_made(self):
        return self.number("managedsessions")

    def calls_open(self):
        return self.number("sessionsown")
