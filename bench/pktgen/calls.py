#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Opens N calls at a gateway and keeps them: H.248 as the controller, ICE and DTLS as the browsers, consent every few seconds.
A packet generator can then send RTP to the core side at any rate; what the gateway makes of it goes to --access.
Writes captures for the generator to repeat, then stays until Ctrl-C. The addresses must be those of the gateway's
configuration.
"""
import argparse
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.caller import CallError, Caller  # noqa: E402  pylint: disable=wrong-import-position

CONSENT_S = 8
# A capture is sent over and over, and no RTP sequence number may come twice: with steps of 8192 a stream rolls over
# with every eighth packet, and each repetition is a new cycle to SRTP.
SEQ_STEP = 8192
# Of 100 packets 81 speech, 18 video, 1 RTCP: what a mix of calls sends on the core side (its STUN is on the other). The gateway
# keeps the RTCP, so 99 % come out.
RTCP = 0
IMIX = tuple(RTCP if n == 50 else 1200 if n % 11 < 2 and n < 98 else 172 for n in range(100))


def bound(text, default_port):
    ip, _, port = text.partition(":")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((ip, int(port or default_port)))
    return s


def checksum(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def frame(mac, source, target, seq, ssrc, size):
    """UDP checksum 0: Pktgen sends what stands here, and IPv4 allows it."""
    if size == RTCP:    # a sender report, to the port above
        source, target = (source[0], source[1] + 1), (target[0], target[1] + 1)
        rtp = struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, 0xe0000000, 0, 160 * seq & 0xffffffff, seq, 172 * seq)
    else:
        rtp = struct.pack("!BBHII", 0x80, 0, seq, 160 * seq & 0xffffffff, ssrc) + b"\x55" * (size - 12)
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(rtp), 0) + rtp
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, socket.inet_aton(source[0]),
                     socket.inet_aton(target[0]))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return mac + b"\x02\0\0\0\0\x01\x08\x00" + ip + udp


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for one in frames:
            f.write(struct.pack("<IIII", 0, 0, len(one), len(one)) + one)


def write_captures(folder, mac, source, targets, sizes):
    mac = bytes.fromhex(mac.replace(":", ""))
    for name, of in [(str(s), (s,)) for s in sizes] + [("imix", IMIX)]:
        write_pcap(os.path.join(folder, f"rtp-{name}.pcap"), (
            frame(mac, source, to, seq, 0x30000000 + i, of[(i + n * len(targets)) % len(of)])
            for n, seq in enumerate(range(0, 65536, SEQ_STEP)) for i, to in enumerate(targets)))


def write_calls(path, caller, targets):
    """For w2gw-gen -f: addresses, keys and names of STUN checks."""
    access, core = ("%s:%d" % a for a in (caller.access, caller.core))
    with open(path, "w", encoding="ascii") as f:
        for to, (seal, opens), (gateway, user, pwd) in zip(targets, caller.keys, caller.checks):
            f.write(f"{access} {gateway[0]}:{gateway[1]} {core} {to[0]}:{to[1]} {seal} {opens} {user.decode()} {pwd.decode()}\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--calls", type=int, default=1000, help="how many (1000)")
    p.add_argument("--controller", default="127.0.0.1:2945", help="our Iq address, in iq.controllers of the gateway")
    p.add_argument("--gateway", default="127.0.0.1:2944", help="iq.bind of the gateway")
    p.add_argument("--access", required=True, help="IP[:PORT] of this host on the access side: the browsers")
    p.add_argument("--core", required=True, help="IP:PORT the generator will send RTP from: the phones")
    p.add_argument("--captures", metavar="FOLDER", help="write rtp-SIZE.pcap and rtp-imix.pcap there")
    p.add_argument("--gateway-mac", default="02:00:00:00:00:00", help="of its core port, for the captures")
    p.add_argument("--sizes", default="72,172,480,1200", help="RTP packet sizes of the captures (72,172,480,1200)")
    p.add_argument("--gen", metavar="FILE", help="write the calls with their keys for w2gw-gen -f")
    args = p.parse_args()
    core = args.core.rpartition(":")
    gateway = args.gateway.partition(":")
    caller = Caller(bound(args.controller, 2945), (gateway[0], int(gateway[2] or 2944)), bound(args.access, 0),
                    (core[0], int(core[2])))
    print("waiting for the gateway to register (start it now)", flush=True)
    try:
        caller.receive("SC=ROOT")
        targets, kept = [], time.monotonic()
        for i in range(args.calls):
            targets.append(caller.call(i))
            if time.monotonic() - kept > CONSENT_S:
                caller.keep(None)
                kept = time.monotonic()
            if i % 100 == 99:
                print(f"{i + 1} calls", flush=True)
    except CallError as e:
        print(f"calls.py: {e}", file=sys.stderr)
        return 1
    if args.captures:
        write_captures(args.captures, args.gateway_mac, (core[0], int(core[2])), targets, [int(x) for x in args.sizes.split(",")])
    if args.gen:
        write_calls(args.gen, caller, targets)
    print(f"{len(targets)} calls are up: send RTP from {args.core} to {targets[0][0]}, SRTP goes to {args.access}. "
          "Ctrl-C ends them.", flush=True)
    try:
        while True:
            caller.keep(None)
            time.sleep(CONSENT_S)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
