# SPDX-License-Identifier: Apache-2.0
"""
Inside the namespaces: inside.py BUILD OUT_DIR CALLS ROUNDS FD; progress on stderr, one JSON object on stdout.
FD: the open schedstat of the relay CPU's ksoftirqd, which is not to be seen in here.
"""
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from duel.relays import RELAY_CPU, Eimsagw, Rtpengine, own_cpu_seconds, resident_kib, soft_interrupt_seconds  # noqa: E402
from lib.programs import FIRST, OTHER_CPU  # noqa: E402

RTP_BYTES = 172
SECONDS, WARM_UP_S = 2.0, 0.2       # the second is the generator's own
LOSS_ALLOWED = 0.001
SENT_LEAST = 0.8        # of what was asked for: the generator is away at times and does not make up for it
FIRST_PPS, STEPS = 40000, 8
NET = "10.99.0."
KSOFTIRQD = None


def say(text):
    sys.stderr.write(f"bench: duel: {text}\n")
    sys.stderr.flush()


def sh(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def network():
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "netns", "add", "gw")
    sh("ip", "link", "add", "load0", "type", "veth", "peer", "name", "gw0", "netns", "gw")
    sh("ip", "addr", "add", NET + "1/24", "dev", "load0")
    sh("ip", "link", "set", "load0", "up")
    for argv in (["ip", "link", "set", "lo", "up"], ["ip", "addr", "add", NET + "2/24", "dev", "gw0"], ["ip", "link", "set", "gw0", "up"]):
        sh("ip", "netns", "exec", "gw", *argv)
    for prefix in ([], ["ip", "netns", "exec", "gw"]):
        dev = "gw0" if prefix else "load0"
        sh(*prefix, "ethtool", "-K", dev, "tx", "off", "rx", "off", "gso", "off", "gro", "off")


def gateway_mac():
    done = subprocess.run(["ip", "netns", "exec", "gw", "cat", "/sys/class/net/gw0/address"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def ksoftirqd_seconds():
    os.lseek(KSOFTIRQD, 0, os.SEEK_SET)
    return int(os.read(KSOFTIRQD, 100).split()[0]) / 1e9


def bound():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((NET + "1", 0))
    return s


class Side:
    """One relay with its calls. Both ends of these have sockets, whose buffers fill and stay full: the generator taps the link."""

    def __init__(self, kind, build, out_dir, calls, capacity=None):
        where = {"netns": "gw", "iface": "gw0", "kernel_ip": NET + "2", "control_ip": NET + "1", "access_ip": NET + "10",
                 "core_ip": NET + "11", "binary": os.path.join(build, "dataplane/eimsagw"), "log": os.path.join(out_dir, f"{kind}.log"),
                 "capacity": capacity or calls}
        self.core, self.access, self.seq, self.calls = bound(), bound(), 1, calls
        core, access = self.core.getsockname(), self.access.getsockname()
        self.relay = Rtpengine(where, core, access) if kind == "rtpengine" else Eimsagw(where, core, access, self.access)
        self.file = os.path.join(out_dir, f"{kind}.calls")
        with open(self.file, "w", encoding="ascii") as f:
            f.writelines([self.relay.call(i) for i in range(calls)])
        self.kib = resident_kib(self.relay.pid)
        mac = gateway_mac()
        self.argv = [*FIRST, os.path.join(build, "bench/gen/w2gw-gen"), "--lcores", f"0@{OTHER_CPU}", "--no-pci", "--no-huge", "-m", "512",
                     "--no-telemetry", "--log-level=3", "--file-prefix", f"w2gwduelgen{os.getpid()}",
                     "--vdev", "net_af_packet0,iface=load0,blocksz=65536,framesz=2048,framecnt=4096,qpairs=1,qdisc_bypass=1",
                     "--", "-g", "-f", self.file, "-n", str(calls), "-m", mac, "-M", mac, "-z", str(RTP_BYTES), "-t", str(SECONDS)]

    def load(self, pps):
        """@return the figures of one run, with the relay's CPU"""
        self.relay.keep(self.access)
        with subprocess.Popen([*self.argv, "-R", str(int(pps)), "-q", str(self.seq)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as p:
            while "ready" not in (row := p.stderr.readline()):
                if not row:
                    raise RuntimeError("w2gw-gen did not start")
            before = own_cpu_seconds(self.relay.pid), ksoftirqd_seconds(), soft_interrupt_seconds(RELAY_CPU)
            out, err = p.communicate("\n", timeout=60)
            after = own_cpu_seconds(self.relay.pid), ksoftirqd_seconds(), soft_interrupt_seconds(RELAY_CPU)
        try:
            row = json.loads(out.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise RuntimeError(f"w2gw-gen: {err}") from None
        if row["wrong"]:
            raise RuntimeError(f"wrong packets: {row}")
        sent = row["sent"] - row["refused"]
        back = row["sent"] - row["lost"]
        self.seq = (self.seq + row["sent"] // self.calls + 2) % 65536
        own, helper, softirq = (b - a for a, b in zip(before, after))
        return {"pps": sent / (SECONDS + WARM_UP_S), "lost": 1 - back / sent if sent else 1, "refused": row["refused"],
                "stalls": row["stalls"], "cpu_us_a_packet": 1e6 * (own + helper) / max(1, back), "softirq_us_a_packet":
                1e6 * softirq / max(1, back)}

    def stop(self):
        self.relay.stop()
        self.core.close()
        self.access.close()


class Contestant:
    """Searches the highest rate. rtpengine falls silent for good when it was overrun: then it is started anew."""

    def __init__(self, kind, build, out_dir, calls):
        self.make = lambda: Side(kind, build, out_dir, calls)
        self.side = self.make()

    def passes(self, pps):
        """With loss verification: a lossy run is looked at once more. @return (row or None, was less sent than asked for)"""
        is_slow = False
        for _ in range(2):
            row = self.side.load(pps)
            if os.environ.get("W2GW_DUEL_SHOW"):
                say(f"{row}")
            is_slow = row["pps"] < SENT_LEAST * pps
            if row["lost"] <= LOSS_ALLOWED:
                return row, is_slow
            if row["lost"] > 0.5:
                self.side.stop()
                self.side = self.make()
        return None, is_slow

    def maximum(self):
        """@return the figures at the highest clean rate, with whether it was the load that ended the search"""
        good, low, high, pps, limited = None, 0, None, FIRST_PPS, False
        for _ in range(STEPS):
            row, is_slow = self.passes(pps)
            if row and (good is None or row["pps"] > good["pps"]):
                good = row
            if row and not is_slow:
                low = pps
            else:
                high, limited = pps, row is not None
            pps = low * 2 if high is None else (low + high) / 2
        return {**(good or self.side.load(FIRST_PPS / 4)), "limited_by_load": limited}

    def stop(self):
        self.side.stop()


def memory(build, out_dir, kind, calls):
    """KiB a call: with all calls, less a start with one call (eimsagw: with room for one, too)."""
    kib = []
    for n in (1, calls):
        side = Side(kind, build, out_dir, n)
        kib.append(side.kib)
        side.stop()
    return (kib[1] - kib[0]) / (calls - 1)


def in_turns(kinds, build, out_dir, calls, what):
    for kind in kinds:
        c = Contestant(kind, build, out_dir, calls)
        try:
            what(kind, c)
        finally:
            c.stop()


def main():
    global KSOFTIRQD    # pylint: disable=global-statement
    build, out_dir, calls, rounds, KSOFTIRQD = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    network()
    rows = {"rtpengine": {"top": [], "equal": []}, "eimsagw": {"top": [], "equal": []}}
    order = (["rtpengine", "eimsagw", "eimsagw", "rtpengine"] * ((rounds + 1) // 2))[:2 * rounds]

    def search(kind, c):
        rows[kind]["top"].append(row := c.maximum())
        say(f"{kind}: {row['pps'] / 1000:.0f} kpps, {row['cpu_us_a_packet']:.2f} us CPU a packet"
            f"{' (more was not sent)' if row['limited_by_load'] else ''}")

    def at_equal_rate(kind, c):
        rows[kind]["equal"].append(row := c.side.load(equal))
        say(f"{kind}: at {row['pps'] / 1000:.0f} kpps {row['cpu_us_a_packet']:.2f} us CPU a packet, {row['lost']:.5f} lost")

    in_turns(order, build, out_dir, calls, search)
    equal = min(r["pps"] for r in rows["rtpengine"]["top"])
    in_turns(order, build, out_dir, calls, at_equal_rate)
    for kind, of in rows.items():
        of["kib_a_call"] = memory(build, out_dir, kind, calls)
    print(json.dumps({"equal_pps": equal, **rows}))


if __name__ == "__main__":
    main()
