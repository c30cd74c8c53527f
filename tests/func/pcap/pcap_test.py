#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""net_pcap mode: frames are played in, what eimsagw sends is compared field by field, and every
frame it must not answer is counted under its reason."""
import json, os, socket, subprocess, sys, tempfile, time

try:
    from scapy.all import (ARP, ICMP, IP, IPv6, UDP, Ether, Dot1Q, ICMPv6EchoRequest, ICMPv6ND_NS,
                           ICMPv6NDOptSrcLLAddr, ICMPv6ND_NA, ICMPv6EchoReply, Raw, rdpcap, wrpcap)
except ImportError:
    print("SKIP python3-scapy is missing")
    sys.exit(77)

AGW = sys.argv[1]
US4, US6, PEER4, PEER6 = "192.0.2.10", "2001:db8:1::10", "192.0.2.1", "2001:db8:1::1"
PEER = "02:00:00:00:00:99"
BCAST = "ff:ff:ff:ff:ff:ff"


def config(d, lcores):
    return f"""
eal: {{lcores: "{lcores}", memory_mb: 128, file_prefix: "w2gwpcap{os.getpid()}"}}
max_contexts: 10
ports:
  - {{name: p0, device: "net_pcap0,rx_pcap={d}/in.pcap,tx_pcap={d}/out.pcap"}}
realms:
  - {{name: access, port: p0, addresses: ["{US4}/24", "{US6}/64"], gateways: ["{PEER4}"], media_ports: "20000-20099"}}
  - {{name: core, port: p0, vlan: 7, addresses: ["10.20.0.10/24"], media_ports: "30000-30099"}}
iq: {{bind: "127.0.0.1:{40000 + os.getpid() % 10000}", controllers: ["127.0.0.1:9"]}}
"""


def frames(mac):
    e = lambda dst=mac: Ether(src=PEER, dst=dst)
    ns = IPv6(src=PEER6, dst="ff02::1:ff00:10", hlim=255) / ICMPv6ND_NS(tgt=US6) / ICMPv6NDOptSrcLLAddr(lladdr=PEER)
    good = [
        e(BCAST) / ARP(op=1, hwsrc=PEER, psrc=PEER4, pdst=US4),
        e(BCAST) / Dot1Q(vlan=7) / ARP(op=1, hwsrc=PEER, psrc="10.20.0.1", pdst="10.20.0.10"),
        e() / IP(src=PEER4, dst=US4) / ICMP(id=7, seq=1) / Raw(b"hello gateway"),
        e("33:33:ff:00:00:10") / ns,
        e() / IPv6(src=PEER6, dst=US6) / ICMPv6EchoRequest(id=9, seq=2, data=b"six"),
    ]
    rtp = Raw(bytes([0x80, 0]) + b"\0" * 20)
    udp = lambda **k: UDP(sport=5000, dport=20000, **k)
    bad = [
        ("DP_DROP_NO_FLOW", e() / IP(src=PEER4, dst=US4) / udp() / rtp),
        ("DP_DROP_NO_FLOW", e() / IPv6(src=PEER6, dst=US6) / udp() / rtp),
        # no sum is made of what nobody waits for
        ("DP_DROP_NO_FLOW", e() / IP(src=PEER4, dst=US4) / udp(chksum=0x1234) / rtp),
        ("DP_DROP_UDP_HEADER", e() / IP(src=PEER4, dst=US4) / udp(len=4) / rtp),
        ("DP_DROP_IP_CHECKSUM", e() / IP(src=PEER4, dst=US4, chksum=1) / udp() / rtp),
        ("DP_DROP_FRAGMENT", e() / IP(src=PEER4, dst=US4, flags="MF") / udp() / rtp),
        ("DP_DROP_IP_SOURCE", e() / IP(src="224.0.0.1", dst=US4) / udp() / rtp),
        ("DP_DROP_IP_SOURCE", e() / IP(src="127.0.0.1", dst=US4) / udp() / rtp),
        ("DP_DROP_IP_DEST", e() / IP(src=PEER4, dst="192.0.2.77") / udp() / rtp),
        ("DP_DROP_L4_PROTO", e() / IP(src=PEER4, dst=US4, proto=6) / Raw(b"\0" * 20)),
        ("DP_DROP_L2", e("02:00:00:00:00:55") / IP(src=PEER4, dst=US4) / udp() / rtp),
        ("DP_DROP_L2", Ether(src=PEER, dst=mac, type=0x88cc) / Raw(b"\0" * 40)),
        ("DP_DROP_IP_OPTIONS", e() / IP(src=PEER4, dst=US4, options=b"\x01\x01\x01\x00") / udp() / rtp),
    ]
    return good, bad


def drops(prefix):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    s.connect(f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2")
    s.recv(65536)
    s.send(b"/w2gw/drops")
    return json.loads(s.recv(1 << 20))["/w2gw/drops"]


def run(d, packets, lcores):
    wrpcap(f"{d}/in.pcap", packets)
    cfg = f"{d}/c.yaml"
    open(cfg, "w").write(config(d, lcores))
    p = subprocess.Popen([AGW, "-c", cfg], stderr=subprocess.PIPE, text=True)
    p.warned = False
    for line in p.stderr:           # wait for the event, not for a time
        p.warned |= " eal.shared_cpu " in line
        if " ready " in line:
            break
    return p


def main():
    with tempfile.TemporaryDirectory() as d:
        # net_pcap makes up a MAC address from the interface name: learn it from an ARP reply first
        p = run(d, [Ether(src=PEER, dst=BCAST) / ARP(op=1, hwsrc=PEER, psrc=PEER4, pdst=US4)], "0@0,1@0")
        shared = p.warned
        wait_sent(p, d, 1)
        mac = [f for f in rdpcap(f"{d}/out.pcap") if ARP in f][0].src
        good, bad = frames(mac)
        p = run(d, [f for f in good] + [f for _, f in bad], "0,1")
        got = wait_drops(p, len(bad))
        stop(p)
        out = rdpcap(f"{d}/out.pcap")
        errors = compare(out, mac, got, bad)
        if not shared or p.warned:
            errors.append("a CPU that the service core shares is told of, and none it has for itself")
    for e in errors:
        print("FAIL", e)
    print(f"{len(good)} answered, {len(bad)} dropped by reason")
    return 1 if errors else 0


def stop(p):
    p.terminate()
    p.stderr.read()
    if p.wait(20) != 0:
        raise SystemExit(f"FAIL eimsagw ended with {p.returncode}")


def prefix(p):
    return f"w2gwpcap{os.getpid()}"


def wait_sent(p, d, n):
    end = time.time() + 10
    while time.time() < end:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(f"/var/run/dpdk/{prefix(p)}/dpdk_telemetry.v2")
        s.recv(65536)
        s.send(b"/w2gw/workers")
        if json.loads(s.recv(1 << 20))["/w2gw/workers"]["worker_0"]["tx_packets"] >= n:
            break
    stop(p)


def wait_drops(p, n):
    end = time.time() + 10
    while time.time() < end:
        got = drops(prefix(p))
        if sum(v for k, v in got.items() if k.startswith("DP_DROP_")) >= n:
            break
    return got


def compare(out, mac, got, bad):
    errors = []

    def want(what, test):
        if not any(test(f) for f in out):
            errors.append(f"no {what}")
    want("ARP reply", lambda f: ARP in f and Dot1Q not in f and f[ARP].op == 2 and f[ARP].psrc == US4 and
         f[ARP].hwsrc == mac and f[ARP].pdst == PEER4 and f[ARP].hwdst == PEER and f.dst == PEER)
    want("ARP reply on the VLAN", lambda f: ARP in f and Dot1Q in f and f[Dot1Q].vlan == 7 and
         f[ARP].op == 2 and f[ARP].psrc == "10.20.0.10")
    want("ICMP echo reply", lambda f: ICMP in f and f[ICMP].type == 0 and f[ICMP].id == 7 and
         f[IP].src == US4 and f[IP].dst == PEER4 and bytes(f[Raw]) == b"hello gateway" and cksum_ok(f, ICMP))
    want("neighbour advertisement", lambda f: ICMPv6ND_NA in f and f[ICMPv6ND_NA].tgt == US6 and
         f[ICMPv6ND_NA].S == 1 and f[IPv6].hlim == 255 and f[IPv6].dst == PEER6 and cksum_ok(f, ICMPv6ND_NA))
    want("ICMPv6 echo reply", lambda f: ICMPv6EchoReply in f and f[ICMPv6EchoReply].id == 9 and
         f[ICMPv6EchoReply].data == b"six" and cksum_ok(f, ICMPv6EchoReply))
    for f in out:
        if UDP in f:
            errors.append("a UDP datagram was answered: " + f.summary())
    for reason in {r for r, _ in bad}:
        n = sum(r == reason for r, _ in bad)
        if got[reason] != n:
            errors.append(f"{reason} is {got[reason]}, not {n}")
    return errors


def cksum_ok(f, layer):
    field = "chksum" if layer is ICMP else "cksum"
    have = getattr(f[layer], field)
    g = f.copy()
    delattr(g[layer], field)
    return getattr(Ether(bytes(g))[layer], field) == have


sys.exit(main())
