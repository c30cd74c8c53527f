#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode: a recorded call leg (STUN, DTLS handshake, SRTP and SRTCP both ways, a replay, a forgery, a stranger's
report) is played at eimsagw, whose random source and calendar stand still (fixed_random.c); each frame it sends is
compared with the recorded one, field by field. exchange.pcap holds the frames of both directions, exchange.json what
the leg was set up with.

exchange_test.py EIMSAGW SHIM [--record | ENGINE [DEVICE]]: whatever the SRTP engine, not a bit may differ.
"""
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
MARK = "W2GW_PCAP_INSIDE"
GW_IF, PEER_IF = "pcapgw", "pcappeer"
PEER_MAC = "02:00:00:00:00:99"
US, PEER, CORE_US, CORE_PEER = "192.0.2.10", "192.0.2.1", "10.20.0.10", "10.20.0.1"
CORE_STRANGER = "10.20.0.77"
ACCESS_PORT, CORE_PORT = 20000, 30000
PEER_PORT, CORE_PEER_PORT = 5000, 4000
UFRAG, PWD = "peerufrag", "peerpasswordpeerpassword"
PATIENCE_S = 10


class Failed(Exception):
    """What differed or did not come."""


# ---- the gateway and its controller -----------------------------------------------------------------------------------

class Gateway:
    def __init__(self, binary, shim, folder, engine="auto", device="cpu",
                 access=f'addresses: ["{US}/24"], gateways: ["{PEER}"]', profiles="aes128-cm-hmac-sha1-80"):
        self.prefix = f"w2gwx{os.getpid()}"
        self.iq = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.iq.bind(("127.0.0.1", 0))
        self.iq.settimeout(PATIENCE_S)
        config = os.path.join(folder, "c.yaml")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"""
eal: {{lcores: "0,1", memory_mb: 128, file_prefix: "{self.prefix}"}}
max_contexts: 4
ports: [{{name: p0, device: "net_pcap0,iface={GW_IF}"}}]
realms:
  - {{name: access, port: p0, {access}, media_ports: "{ACCESS_PORT}-{ACCESS_PORT + 1}"}}
  - {{name: core, port: p0, vlan: 7, addresses: ["{CORE_US}/24"], gateways: ["{CORE_PEER}"], media_ports: "{CORE_PORT}-{CORE_PORT + 1}"}}
iq: {{bind: "127.0.0.1:2944", mid: "[{US}]:2944", controllers: ["127.0.0.1:{self.iq.getsockname()[1]}"]}}
dtls: {{profiles: [{profiles}]}}
srtp: {{engine: {engine}, device: {device}}}
metrics: {{bind: "127.0.0.1:9109"}}
""")
        self.tid, self.log = 0, open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([binary, "-c", config], stderr=self.log, env={**os.environ, "LD_PRELOAD": shim})
        self.notified = []
        self.receive("SC=ROOT")

    def receive(self, wanted):
        """The next message with this in it; requests of the gateway are answered on the way."""
        while True:
            try:
                data, peer = self.iq.recvfrom(65535)
            except socket.timeout:
                raise Failed(f"no {wanted} on Iq") from None
            text = data.decode()
            request = re.search(r"\bT=(\d+)\{C=(\w+|-)\{(SC|N)=(\S+?)\{", text)
            if request:
                tid, context, command, term = request.groups()
                body = f"{command}={term}" + ("{SV{V=3,PF=ThreeGIq/2}}" if command == "SC" else "")
                self.iq.sendto(f"!/3 [{PEER}]:2944 P={tid}{{C={context}{{{body}}}}}".encode(), peer)
                self.notified.append(text)
            if wanted in text:
                return text

    def request(self, body):
        self.tid += 1
        self.iq.sendto(f"!/3 [{PEER}]:2944 T={self.tid}{{{body}}}".encode(), ("127.0.0.1", 2944))
        return self.receive(f"P={self.tid}{{")

    def set_up(self, fingerprint):
        """@return the answer to the reservation: addresses, credentials, fingerprint of the gateway"""
        reply = self.request("""C=${A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm="access",ds/dscp=2E},L{
v=0
c=IN IP4 $
m=audio $ UDP/TLS/RTP/SAVPF 0
a=rtpmap:0 PCMU/8000
a=rtcp-mux
a=ice-ufrag:$
a=ice-pwd:$
a=candidate:$
a=fingerprint:sha-256 $
a=setup:passive
}}},E=7{xwrtc/dtls{ST=1}},SG{mgastuns/astuns{ST=1}}},A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm="core"},L{
v=0
c=IN IP4 $
m=audio $ RTP/AVP 0
a=rtpmap:0 PCMU/8000
}}}}}""")
        context = re.search(r"C=(\d+)\{", reply)[1]
        access, core = re.findall(r"ip/1/\w+/\d+", reply)
        done = self.request(f"""C={context}{{MF={core}{{M{{ST=1{{O{{MO=SR}},R{{
v=0
c=IN IP4 {CORE_PEER}
m=audio {CORE_PEER_PORT} RTP/AVP 0
}}}}}}}},MF={access}{{M{{ST=1{{O{{MO=SR}},R{{
v=0
c=IN IP4 {PEER}
m=audio {PEER_PORT} UDP/TLS/RTP/SAVPF 0
a=rtpmap:0 PCMU/8000
a=rtcp-mux
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PWD}
a=fingerprint:sha-256 {fingerprint}
a=setup:active
}}}}}}}}}}""")
        if "ER=" in reply + done:
            raise Failed(f"refused on Iq: {reply} {done}")
        return reply

    def telemetry(self, what):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(PATIENCE_S)
        s.connect(f"/var/run/dpdk/{self.prefix}/dpdk_telemetry.v2")
        s.recv(65536)
        s.send(f"/w2gw/{what}".encode())
        answer = json.loads(s.recv(1 << 20))[f"/w2gw/{what}"]
        s.close()
        return answer

    def stop(self):
        self.process.terminate()
        if self.process.wait(20) != 0:
            self.log.seek(0)
            raise Failed(f"eimsagw ended with {self.process.returncode}: {self.log.read()[-2000:]}")


# ---- the wire ----------------------------------------------------------------------------------------------------------

def mac(text):
    return bytes.fromhex(text.replace(":", ""))


class Wire:
    """The far end of the gateway's port. Answers ARP; all else is the test's."""

    def __init__(self):
        for argv in (["ip", "link", "add", GW_IF, "type", "veth", "peer", "name", PEER_IF],
                     ["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"], ["ip", "link", "set", "lo", "up"],
                     ["ip", "link", "set", GW_IF, "up"], ["ip", "link", "set", PEER_IF, "up"]):
            subprocess.run(argv, check=True)
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.s.setsockopt(263, 8, 1)    # SOL_PACKET, PACKET_AUXDATA: the kernel takes the VLAN tag off
        self.s.bind((PEER_IF, 0))
        self.asked = set()

    def send(self, frame):
        self.s.send(frame)

    def receive(self, patience_s):
        """The next frame of the gateway that is not ARP, or None."""
        end = time.monotonic() + patience_s
        while (left := end - time.monotonic()) > 0:
            self.s.settimeout(left)
            try:
                frame, ancillary, _, address = self.s.recvmsg(65535, 256)
            except socket.timeout:
                return None
            if address[2] == 4:     # PACKET_OUTGOING: our own
                continue
            for level, kind, data in ancillary:
                status, _, _, _, _, tci, tpid = struct.unpack("<IIIHHHH", data) if (level, kind) == (263, 8) else (0,) * 7
                if status & 0x10:
                    frame = frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
            if not self.arp(frame):
                return frame
        return None

    def settle(self):
        """Until the gateway knows both next hops, so that nothing it sends is lost to that."""
        end = time.monotonic() + PATIENCE_S
        while not {PEER, CORE_PEER} <= self.asked:
            if time.monotonic() > end:
                raise Failed(f"asked for {self.asked} only")
            self.receive(0.1)

    def arp(self, frame):
        vlan = 4 if frame[12:14] == b"\x81\x00" else 0
        if frame[12 + vlan:14 + vlan] != b"\x08\x06":
            return False
        a = frame[14 + vlan:]
        if a[6:8] == b"\x00\x01":
            self.asked.add(socket.inet_ntoa(a[24:28]))
            self.send(a[8:14] + mac(PEER_MAC) + frame[12:14 + vlan] + a[:6] + b"\x00\x02" + mac(PEER_MAC) + a[24:28] +
                      a[8:14] + a[14:18])
        return True


def checksum(data):
    s = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def udp_frame(gateway_mac, src, dst, payload, vlan=None):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0x4000, 64, 17, 0, socket.inet_aton(src[0]),
                     socket.inet_aton(dst[0]))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    udp = struct.pack("!HHHH", src[1], dst[1], 8 + len(payload), 0) + payload
    s = checksum(ip[12:20] + struct.pack("!HH", 17, len(udp)) + udp) or 0xffff
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return gateway_mac + mac(PEER_MAC) + tag + b"\x08\x00" + ip + udp[:6] + struct.pack("!H", s) + udp[8:]


def check(user, pwd, transaction, extra=b""):
    """Binding request with USE-CANDIDATE, as a controlling agent sends it."""
    def attribute(kind, value):
        return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)
    body = attribute(0x0006, user) + attribute(0x0024, struct.pack("!I", 1845501695)) + \
        attribute(0x802a, b"\1\2\3\4\5\6\7\x08") + attribute(0x0025, b"") + extra
    head = struct.pack("!HHI", 1, len(body) + 24, 0x2112a442) + transaction
    body += attribute(0x0008, hmac.new(pwd, head + body, hashlib.sha1).digest())
    head = struct.pack("!HHI", 1, len(body) + 8, 0x2112a442) + transaction
    return head + body + attribute(0x8028, struct.pack("!I", zlib.crc32(head + body) ^ 0x5354554e))


def payload_of(frame):
    at = 14 + (4 if frame[12:14] == b"\x81\x00" else 0)
    return frame[at + 28:]


def mac_of_port(wire):
    """The port's own address: from an ARP answer, which is not part of the recording."""
    ask = b"\xff" * 6 + mac(PEER_MAC) + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + mac(PEER_MAC) + \
        bytes(map(int, PEER.split("."))) + b"\0" * 6 + bytes(map(int, US.split(".")))
    seen = []
    old, wire.arp = wire.arp, lambda frame: frame[12:14] == b"\x08\x06" and (seen.append(frame[6:12]) or True)
    wire.send(ask)
    end = time.monotonic() + PATIENCE_S
    while not seen and time.monotonic() < end:
        wire.receive(0.1)
    wire.arp = old
    return seen[0]


# ---- fields --------------------------------------------------------------------------------------------------------------

def stun_fields(p):
    yield from (("stun.type", p[:2]), ("stun.length", p[2:4]), ("stun.cookie", p[4:8]), ("stun.transaction", p[8:20]))
    at = 20
    while at + 4 <= len(p):
        kind, n = struct.unpack("!HH", p[at:at + 4])
        yield f"stun.attribute.{kind:#06x}", p[at + 4:at + 4 + n]
        at += 4 + (n + 3) // 4 * 4
    yield "stun.rest", p[at:]


def dtls_fields(p):
    at, i = 0, 0
    while at + 13 <= len(p):
        n = struct.unpack("!H", p[at + 11:at + 13])[0]
        record = f"dtls.{i}"
        yield from ((f"{record}.type", p[at:at + 1]), (f"{record}.version", p[at + 1:at + 3]), (f"{record}.epoch", p[at + 3:at + 5]),
                    (f"{record}.sequence", p[at + 5:at + 11]), (f"{record}.length", p[at + 11:at + 13]))
        if p[at] == 22 and p[at + 3:at + 5] == b"\0\0":
            h = p[at + 13:]
            yield from ((f"{record}.handshake.type", h[:1]), (f"{record}.handshake.length", h[1:4]),
                        (f"{record}.handshake.message_seq", h[4:6]), (f"{record}.handshake.fragment", h[6:12]),
                        (f"{record}.handshake.body", h[12:n]))
        else:
            yield f"{record}.body", p[at + 13:at + 13 + n]
        at, i = at + 13 + n, i + 1
    yield "dtls.rest", p[at:]


def rtp_fields(p):
    if 192 <= p[1] <= 223:
        yield from (("rtcp.first", p[:1]), ("rtcp.type", p[1:2]), ("rtcp.length", p[2:4]), ("rtcp.ssrc", p[4:8]), ("rtcp.rest", p[8:]))
    else:
        yield from (("rtp.first", p[:1]), ("rtp.payload_type", p[1:2]), ("rtp.sequence", p[2:4]), ("rtp.timestamp", p[4:8]),
                    ("rtp.ssrc", p[8:12]), ("rtp.payload", p[12:]))


def fields(frame):
    yield from (("eth.dst", frame[:6]), ("eth.src", frame[6:12]))
    at = 12
    if frame[12:14] == b"\x81\x00":
        yield "vlan", frame[14:16]
        at = 16
    yield "eth.type", frame[at:at + 2]
    ip = frame[at + 2:at + 22]
    names = ("version_ihl", 1), ("tos", 1), ("length", 2), ("id", 2), ("fragment", 2), ("ttl", 1), ("proto", 1), ("checksum", 2), \
        ("src", 4), ("dst", 4)
    n = 0
    for name, size in names:
        yield f"ip.{name}", ip[n:n + size]
        n += size
    u = frame[at + 22:at + 30]
    yield from (("udp.src", u[:2]), ("udp.dst", u[2:4]), ("udp.length", u[4:6]), ("udp.checksum", u[6:8]))
    p = frame[at + 30:]
    yield from stun_fields(p) if p[0] <= 3 else dtls_fields(p) if 20 <= p[0] <= 63 else rtp_fields(p)


def same(number, want, got):
    if got is None:
        raise Failed(f"frame {number}: {payload_of(want)[:1].hex()}... did not come")
    w, g = list(fields(want)), list(fields(got))
    for (name, a), (other, b) in zip(w, g):
        if name != other or a != b:
            raise Failed(f"frame {number}: {name} should be {a.hex()}, is {other} {b.hex()}")
    if len(w) != len(g):
        raise Failed(f"frame {number}: {len(w)} fields should be there, {len(g)} are")


# ---- files ---------------------------------------------------------------------------------------------------------------

def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", 0, i, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as f:
        data = f.read()
    at, frames = 24, []
    while at < len(data):
        n = struct.unpack("<I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + n])
        at += 16 + n
    return frames


# ---- play ----------------------------------------------------------------------------------------------------------------

def exchange(gateway, wire, frames, script, before=lambda frame: None):
    """Set up, then frame by frame; before() is called with each of the peers'. @return frames of the gateway, all the same"""
    reply = gateway.set_up(script["fingerprint"])
    if reply != script["reply"]:
        raise Failed(f"the gateway is not as it was when this was recorded:\n{script['reply']}\n{reply}")
    wait_turns(gateway)
    compared = 0
    for number, frame in enumerate(frames, 1):
        if frame[6:12] != mac(PEER_MAC):
            same(number, frame, wire.receive(PATIENCE_S))
            compared += 1
            continue
        if number == script["first_srtp"]:
            wait_keys(gateway)
        before(frame)
        wire.send(frame)
    return compared


def play(gateway, wire, frames, script):
    compared = exchange(gateway, wire, frames, script)
    wait_drops(gateway, script["drops"])
    extra = wire.receive(0.2)
    if extra:
        raise Failed(f"one frame too many: {extra.hex()}")
    return compared


def wait_turns(gateway):
    """
    Flows and keys were on their way to the worker before the answer or the notification left: after two more turns it
    has them.
    """
    def turns():
        return gateway.telemetry("workers")["worker_0"]["loops"]
    before, end = turns(), time.monotonic() + PATIENCE_S
    while turns() < before + 2:
        if time.monotonic() > end:
            raise Failed("the worker stands still")


def wait_keys(gateway):
    if not any("xwrtc/dtls" in n for n in gateway.notified):
        gateway.receive("xwrtc/dtls")
    wait_turns(gateway)


def counted(gateway):
    """What is not 0; how often the gateway repeated a Notify is up to the clock."""
    return {k: v for k, v in gateway.telemetry("drops").items() if v and k != "iq_retransmitted"}


def wait_drops(gateway, want):
    end = time.monotonic() + PATIENCE_S
    while True:
        drops = counted(gateway)
        if drops == want:
            return
        if time.monotonic() > end:
            raise Failed(f"drops should be {want}, are {drops}")


def what_operators_see(gateway, engine):
    """The same packets in the histogram, in the table of the control tool and on the page for Prometheus."""
    row = gateway.telemetry("latency")["worker_0"]
    sent = gateway.telemetry("workers")["worker_0"]["tx_packets"]
    if row["engine"] != {"auto": "burst"}.get(engine, engine) or row["tx_packets"] != sent or float(row["p99_us"]) <= 0:
        raise Failed(f"latency is {row}")
    with urllib.request.urlopen("http://127.0.0.1:9109/metrics", timeout=PATIENCE_S) as page:
        text = page.read().decode()
    count = int(re.search(r'^w2gw_eimsagw_packet_seconds_count\{worker="0"\} (\d+)$', text, re.M)[1])
    buckets = [int(n) for n in re.findall(r'^w2gw_eimsagw_packet_seconds_bucket\{worker="0",le="[^"]+"\} (\d+)$', text, re.M)]
    replays = re.search(r'^w2gw_eimsagw_drops_total\{worker="0",reason="DP_DROP_SRTP_REPLAY"\} (\d+)$', text, re.M)[1]
    if buckets != sorted(buckets) or buckets[-1] != count or count < sent or replays != "1":
        raise Failed(f"metrics: {count} packets, {sent} sent, buckets {buckets}, {replays} replays")


def stands_alone(frames, script):
    """What the recording itself must hold, computed here and not by the gateway."""
    answers = [payload_of(f) for f in frames if f[6:12] != mac(PEER_MAC)]
    stun = next(p for p in answers if p[:2] == b"\x01\x01")
    pwd = re.search(r"a=ice-pwd:(\S+)", script["reply"])[1].encode()
    at = stun.index(b"\x00\x08\x00\x14")
    head = stun[:2] + struct.pack("!H", at + 24 - 20) + stun[4:at]
    if hmac.new(pwd, head, hashlib.sha1).digest() != stun[at + 4:at + 24]:
        raise Failed("MESSAGE-INTEGRITY of the recorded answer is wrong")
    if stun[-8:] != b"\x80\x28\x00\x04" + struct.pack("!I", zlib.crc32(stun[:-8]) ^ 0x5354554e):
        raise Failed("FINGERPRINT of the recorded answer is wrong")
    clear = [p[12:].hex() for p in answers if p[:2] == b"\x80\x00" and len(p) == 12 + 160]
    if clear != script["clear"]:
        raise Failed(f"in clear on the core side: {len(clear)} packets, not what was put in")


def alone(script):
    """Only in a network namespace of its own: the process starts anew there, or ends as skipped where it may not."""
    if os.environ.get(MARK) == "1":
        return
    if os.geteuid() != 0:
        print("SKIP root is missing: a namespace with a veth pair is needed")
        sys.exit(77)
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(script), *sys.argv[1:]])


def main():
    binary, shim = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    alone(__file__)
    pcap, script = os.path.join(HERE, "exchange.pcap"), os.path.join(HERE, "exchange.json")
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire()
        how = [a for a in sys.argv[3:] if not a.startswith("--")]
        gateway = Gateway(binary, shim, folder, *how)
        try:
            wire.settle()
            if "--record" in sys.argv:
                from exchange_peer import record    # pylint: disable=import-outside-toplevel
                frames, what = record(gateway, wire)
                write_pcap(pcap, frames)
                with open(script, "w", encoding="ascii") as f:
                    json.dump(what, f, indent=1)
                    f.write("\n")
                print(f"recorded {len(frames)} frames")
            else:
                frames = read_pcap(pcap)
                with open(script, encoding="ascii") as f:
                    what = json.load(f)
                n = play(gateway, wire, frames, what)
                what_operators_see(gateway, how[0] if how else "auto")
                print(f"{n} frames of the gateway compared")
            stands_alone(frames, what)
        except Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
