# SPDX-License-Identifier: Apache-2.0
"""Inside the namespaces: inside.py BUILD OUT_DIR ROUNDS CONNECTIONS CROWD; progress on stderr, one JSON object on stdout."""
import json
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from lib.programs import FIRST, OTHER_CPU  # noqa: E402
from signalling import tokens  # noqa: E402
from signalling.edges import CORE, EDGE_IP, EDGE_PORT, MEDIA_LINK, MEDIA_PEER, NETNS, EdgeError, Kamailio, W2gw, wait_for  # noqa: E402

KINDS = {"w2gw": W2gw, "kamailio": Kamailio}
WHAT = ("register", "call")
BROWSERS, AT_A_TIME, SECONDS = 400, 24, 2.5
OPENING, TOKENS = 32, 24   # tokens a browser: each is verified once, when it comes for the first time
OTHERS_CONNECTIONS = 2000       # Kamailio takes minutes to accept 10,000; what one costs does not depend on how many there are
SOURCE, SOURCES = "10.98.1", 64
CROWD, TIMES, FLOOD_S, SETTLE_S, WARM_UP_S = 4000, 10, 8, 1, 0.3
SHARE = 0.5             # of the slower edge's rate, where latencies are compared


def say(text):
    sys.stderr.write(f"bench: signalling: {text}\n")
    sys.stderr.flush()


def sh(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def network():
    """Signalling on one veth pair, media on another; browsers and core here, the edge in its own namespace."""
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "netns", "add", NETNS)
    edge = ["ip", "netns", "exec", NETNS]
    for here, there in (("load0", "edge0"), ("media1", MEDIA_LINK)):
        sh("ip", "link", "add", here, "mtu", "9000", "type", "veth", "peer", "name", there, "mtu", "9000", "netns", NETNS)
    addresses = [(CORE.partition(":")[0], 16, "load0"), (MEDIA_PEER, 24, "media1")]
    addresses += [(f"{SOURCE}.{i + 1}", 16, "load0") for i in range(SOURCES)]
    for address, bits, dev in addresses:
        sh("ip", "addr", "add", f"{address}/{bits}", "dev", dev)
    for address, bits, dev in ((EDGE_IP, 16, "edge0"), (Kamailio.relay_access, 24, MEDIA_LINK), (Kamailio.relay_core, 24, MEDIA_LINK)):
        sh(*edge, "ip", "addr", "add", f"{address}/{bits}", "dev", dev)
    for prefix, devs in (([], ("load0", "media1")), (edge, ("lo", "edge0", MEDIA_LINK))):
        for dev in devs:
            sh(*prefix, "ip", "link", "set", dev, "up")


def certificate(work):
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=edge",
       "-keyout", f"{work}/edge.key", "-out", f"{work}/edge.crt")


class Side:
    """One edge under its load."""

    def __init__(self, kind, build, out_dir, with_tokens=False):
        self.work = os.path.join(out_dir, f"signalling-{kind}")
        os.makedirs(self.work, exist_ok=True)
        certificate(self.work)
        key_file, token_file = (os.path.join(self.work, name) for name in ("jwks.json", "tokens"))
        tokens.write(key_file, token_file, BROWSERS, TOKENS if with_tokens else 1)
        self.kind, self.edge = kind, KINDS[kind](build, self.work)
        self.load = subprocess.Popen(      # pylint: disable=consider-using-with
            [*FIRST, "taskset", "-c", str(OTHER_CPU), os.path.join(build, "bench/signalling/w2gw-sigload"), "-e", f"{EDGE_IP}:{EDGE_PORT}",
             "-c", CORE, "-p", self.edge.path, "-s", SOURCE, "-n", str(SOURCES), "-m", MEDIA_PEER, "-a", self.edge.relay_access,
             "-r", self.edge.relay_core, "-t", token_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self):
        row = self.load.stdout.readline()
        if not row:
            raise EdgeError("w2gw-sigload ended")
        return json.loads(row)

    def do(self, command):
        """@return what the load says of it, with the CPU seconds of both sides. Anything wrong is an error."""
        own = f"/proc/{self.load.pid}/schedstat"
        before = self.edge.cpu(), int(open(own, encoding="ascii").read().split()[0])
        self.load.stdin.write(command + "\n")
        self.load.stdin.flush()
        row = self.answer()
        after = self.edge.cpu(), int(open(own, encoding="ascii").read().split()[0])
        self.edge.check_alive()
        row["cpu"] = {part: after[0][part] - before[0][part] for part in after[0]}
        row["load_cpu_s"] = (after[1] - before[1]) / 1e9
        if os.environ.get("W2GW_SIGNALLING_SHOW"):
            say(f"{self.kind}: {command}: {row}")
        if row["wrong"] or row["missing"] or row["failed"]:
            raise EdgeError(f"{self.kind}: {command}: wrong answers: {row}")
        return row

    def play(self, command):
        """Calls or registrations; the relay's own count of calls must agree with the load's."""
        is_call, made = " call " in command, self.edge.calls_made()
        row = self.do(command)
        if row["done"] == 0:
            raise EdgeError(f"{self.kind}: {command}: nothing was done: {row}")
        if is_call:
            wait_for("the relay without calls", lambda: self.edge.calls_open() == 0)
            if row["core"]["acks"] < row["done"] or self.edge.calls_made() - made < row["done"]:
                raise EdgeError(f"{self.kind}: {command}: the relay had {self.edge.calls_made() - made} calls, the load {row['done']}")
        row["cpu_us"] = {part: 1e6 * s / row["done"] for part, s in row["cpu"].items()}
        row["edge_us"] = sum(us for part, us in row["cpu_us"].items() if part != "media")
        row["load_us"] = 1e6 * row["load_cpu_s"] / row["done"]
        return row

    def stop(self):
        self.load.kill()
        self.load.wait()
        self.load.stdin.close()
        self.load.stdout.close()
        self.edge.stop()


def enrol(side, connections):
    """All of them register, those that are registered again. @return memory of the edge's own process"""
    enrolled = side.do(f"enrol {AT_A_TIME}")
    if enrolled["done"] != connections or enrolled["open"] != connections:
        raise EdgeError(f"{side.kind}: not all of {connections} are registered: {enrolled}")
    return side.edge.memory_kib()


def idle(kind, build, out_dir, connections, crowd):
    """Memory of the edge's own process a connection: open, then registered too, then of a crowd. @return figures"""
    side = Side(kind, build, out_dir)
    try:
        empty = side.edge.memory_kib()
        row = side.do(f"connect {connections} {OPENING}")
        opened = side.edge.memory_kib()
        registered = enrol(side, connections)
        if crowd:
            side.do(f"connect {crowd} {OPENING}")
            crowded = enrol(side, crowd)
    finally:
        side.stop()
    found = {"connections": connections, "wss_open_kib": (opened - empty) / connections, "wss_kib": (registered - empty) / connections,
             "opened_per_s": connections / row["seconds"], "open_cpu_us": 1e6 * sum(s for p, s in row["cpu"].items() if p != "media") / connections}
    if crowd:
        found.update({"crowd": crowd, "crowd_kib": (crowded - empty) / crowd})
        say(f"{kind}: {crowd} connections, {found['crowd_kib']:.1f} KiB each, registered")
    say(f"{kind}: {connections} connections, {found['wss_open_kib']:.1f} KiB each, {found['wss_kib']:.1f} KiB registered; "
        f"{found['opened_per_s']:.0f} opened a second")
    return found


def told(kind, what, row):
    parts = ", ".join(f"{part} {us:.0f}" for part, us in row["cpu_us"].items())
    say(f"{kind}: {what} {row['per_s']:.0f}/s, {row['edge_us']:.0f} us CPU each ({parts}; load {row['load_us']:.0f}), "
        f"p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms")
    return row


def one_round(kind, build, out_dir, rates):
    """At its own highest rates; then, unless rates is None, at these. @return {"closed": rows by what was done, "open": rows}"""
    side = Side(kind, build, out_dir)
    try:
        side.do(f"connect {BROWSERS} {OPENING}")
        side.do(f"enrol {AT_A_TIME}")
        rows = {"closed": {what: told(kind, what, side.play(f"closed {what} {AT_A_TIME} {SECONDS}")) for what in WHAT}}
        if rates:
            rows["open"] = {what: told(kind, what + " at", side.play(f"open {what} {rates[what]:.1f} {SECONDS}")) for what in WHAT}
        return rows
    finally:
        side.stop()


def with_tokens(kind, build, out_dir):
    """Registrations with access tokens instead of digest, on connections of their own. @return the figures"""
    side = Side(kind, build, out_dir, with_tokens=True)
    try:
        side.do(f"connect {BROWSERS} {OPENING}")
        return told(kind, "token", side.play(f"closed token {AT_A_TIME} {SECONDS}"))
    finally:
        side.stop()


def overload(build, out_dir):
    """Calls offered at once and ten times the rate the edge can do; what it had accepted must not be refused. @return the figures"""
    side = Side("w2gw", build, out_dir)
    try:
        side.do(f"connect {CROWD} {OPENING}")
        side.do(f"enrol {AT_A_TIME}")
        peak = side.play(f"closed call {AT_A_TIME} {SECONDS}")["per_s"]
        side.play(f"flood call {peak:.1f} {SETTLE_S}")
        rows = {}
        for times in (1, TIMES):
            row = side.play(f"flood call {times * peak:.1f} {FLOOD_S}")
            rows[times] = row["per_s"]
            say(f"w2gw: {times * peak:.0f} calls a second offered, {row['started'] / (FLOOD_S + WARM_UP_S):.0f} came, {row['per_s']:.0f} done, "
                f"{row['refused']} refused, p99 {row['p99_ms']:.0f} ms")
    finally:
        side.stop()
    return {"peak_per_s": peak, "times": TIMES, "offered_per_s": row["started"] / (FLOOD_S + WARM_UP_S), "once_per_s": rows[1],
            "flood_per_s": rows[TIMES], "goodput": rows[TIMES] / rows[1], "refused": row["refused"], "p99_ms": row["p99_ms"]}


def main():
    build, out_dir = sys.argv[1], sys.argv[2]
    rounds, connections, crowd = (int(a) for a in sys.argv[3:])
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    network()
    found = {kind: {"rounds": [one_round(kind, build, out_dir, None)]} for kind in KINDS}
    slowest = {what: min(of["rounds"][0]["closed"][what]["per_s"] for of in found.values()) for what in WHAT}
    rates = {what: SHARE * rate for what, rate in slowest.items()}
    for kind in (["w2gw", "kamailio", "kamailio", "w2gw"] * ((rounds + 1) // 2))[:2 * rounds]:
        found[kind]["rounds"].append(one_round(kind, build, out_dir, rates))
        if KINDS[kind].takes_tokens:
            found[kind].setdefault("tokens", []).append(with_tokens(kind, build, out_dir))
    for kind, of in found.items():
        is_ours = kind == "w2gw"
        of["idle"] = idle(kind, build, out_dir, connections if is_ours else min(connections, OTHERS_CONNECTIONS), crowd if is_ours else 0)
    found["overload"] = overload(build, out_dir)
    print(json.dumps({"rates": rates, "connections": connections, **found}))


if __name__ == "__main__":
    main()
