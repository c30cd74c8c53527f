# SPDX-License-Identifier: Apache-2.0
"""The two relays, set up to make SRTP (AES-CM, SHA1-80) of the RTP of N calls."""
import base64
import os
import re
import socket
import subprocess
import time

from lib.caller import Caller
from lib.programs import FIRST, WORKER_CPU

RELAY_CPU = WORKER_CPU    # all threads of either relay, those that do not move media too
PATIENCE_S = 15


class RelayError(Exception):
    """A relay did not start or refused a call."""


def own_cpu_seconds(pid):
    """Time of all threads, to the nanosecond. Without IRQ_TIME_ACCOUNTING what soft interrupts do in their context is in it."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def soft_interrupt_seconds(cpu):
    """Interrupts and soft interrupts of a CPU, whoever was on it."""
    with open("/proc/stat", encoding="ascii") as f:
        v = next(row.split() for row in f if row.startswith(f"cpu{cpu} "))
    return (int(v[6]) + int(v[7])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(row.split()[1]) for row in f if row.startswith("VmRSS"))


class Relay:
    def __init__(self, argv, log, netns):
        self.log = open(log, "w", encoding="utf-8")
        self.process = subprocess.Popen(["ip", "netns", "exec", netns, *FIRST, "taskset", "-c", str(RELAY_CPU), *argv], stdout=self.log,
                                        stderr=self.log)

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


# ---- rtpengine: ng protocol, bencode over UDP ---------------------------------------------------------------------------

def bencode(v):
    if isinstance(v, int):
        return b"i%de" % v
    if isinstance(v, str):
        v = v.encode()
    if isinstance(v, bytes):
        return b"%d:%s" % (len(v), v)
    if isinstance(v, list):
        return b"l" + b"".join(map(bencode, v)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(v[k]) for k in sorted(v)) + b"e"


class Rtpengine(Relay):
    name = "rtpengine"

    def __init__(self, where, core, access):
        super().__init__(["rtpengine", "--table=-1", f"--interface={where['kernel_ip']}",
                          f"--listen-ng={where['kernel_ip']}:2223", "--num-threads=1", "--foreground", "--log-stderr",
                          "--log-level=3", "--port-min=20000", "--port-max=29999"], where["log"], where["netns"])
        self.core, self.access = core, access
        self.ng = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ng.settimeout(1)
        self.ng.connect((where["kernel_ip"], 2223))
        self.n = 0
        end = time.monotonic() + PATIENCE_S
        while b"pong" not in self.ask({"command": "ping"}, quiet=True):
            if time.monotonic() > end:
                raise RelayError("rtpengine does not answer")

    def ask(self, command, quiet=False):
        self.n += 1
        try:
            self.ng.send(b"%d " % self.n + bencode(command))
            answer = self.ng.recv(65535)
        except (socket.timeout, ConnectionRefusedError):
            if quiet:
                time.sleep(0.1)
                return b""
            raise RelayError("rtpengine does not answer") from None
        if b"6:result5:error" in answer:
            raise RelayError(answer.decode(errors="replace"))
        return answer

    def call(self, i):
        """@return a line for w2gw-gen -f"""
        offer = self.ask({"command": "offer", "call-id": f"c{i}", "from-tag": "a", "sdp": sdp(self.core, "RTP/AVP"),
                          "transport-protocol": "RTP/SAVP", "ICE": "remove", "DTLS": "off", "replace": ["origin"],
                          "SDES": ["only-AES_CM_128_HMAC_SHA1_80"], "flags": ["trust-address"]})
        key = base64.b64encode(bytes((i + k) & 255 for k in range(30))).decode()
        tag = re.search(rb"a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80", offer)[1].decode()
        answer = self.ask({"command": "answer", "call-id": f"c{i}", "from-tag": "a", "to-tag": "b", "ICE": "remove", "DTLS": "off",
                           "sdp": sdp(self.access, "RTP/SAVP") + f"a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n",
                           "transport-protocol": "RTP/AVP", "flags": ["trust-address"]})
        its = base64.b64decode(re.search(rb"AES_CM_128_HMAC_SHA1_80 inline:([^|\s]+)", offer)[1]).hex()
        mine = bytes((i + k) & 255 for k in range(30)).hex()
        return f"{text(self.access)} {sdp_address(offer)} {text(self.core)} {sdp_address(answer)} {mine} {its}\n"

    def keep(self, _):
        """Nothing to keep alive."""


def text(address):
    return "%s:%d" % address


def sdp_address(answer):
    return re.search(rb"c=IN IP4 (\S+)", answer)[1].decode() + ":" + re.search(rb"m=audio (\d+)", answer)[1].decode()


def sdp(at, transport):
    return (f"v=0\r\no=- 1 1 IN IP4 {at[0]}\r\ns=-\r\nc=IN IP4 {at[0]}\r\nt=0 0\r\nm=audio {at[1]} {transport} 0\r\n"
            "a=rtpmap:0 PCMU/8000\r\n")


# ---- eimsagw -------------------------------------------------------------------------------------------------------------

class Eimsagw(Relay):
    name = "eimsagw"

    def __init__(self, where, core, _, access_socket):
        iq = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        iq.bind((where["control_ip"], 0))
        config = where["log"] + ".yaml"
        with open(config, "w", encoding="ascii") as f:
            f.write(f"""
eal: {{lcores: "0@{RELAY_CPU},1@{RELAY_CPU}", memory_mb: 256, file_prefix: "w2gwduel{os.getpid()}"}}
max_contexts: {where['capacity']}
ports: [{{name: p0, device: "net_af_packet0,iface={where['iface']},blocksz=65536,framesz=2048,framecnt=4096,qpairs=1"}}]
realms:
  - {{name: access, port: p0, addresses: ["{where['access_ip']}/24"], media_ports: "20000-20999"}}
  - {{name: core, port: p0, addresses: ["{where['core_ip']}/24"], media_ports: "30000-30999"}}
iq: {{bind: "{where['kernel_ip']}:2944", mid: "[{where['kernel_ip']}]:2944", controllers: ["{where['control_ip']}:{iq.getsockname()[1]}"]}}
dtls: {{profiles: [aes128-cm-hmac-sha1-80]}}
log: {{level: warn}}
""")
        super().__init__([where["binary"], "-c", config], where["log"], where["netns"])
        self.caller = Caller(iq, (where["kernel_ip"], 2944), access_socket, core)
        self.caller.receive("SC=ROOT")
        self.keep = self.caller.keep

    def call(self, i):
        to = self.caller.call(i)
        (seal, opens), (gateway, _, _) = self.caller.keys[-1], self.caller.checks[-1]
        return f"{text(self.caller.access)} {text(gateway)} {text(self.caller.core)} {text(to)} {seal} {opens}\n"
