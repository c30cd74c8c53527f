#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode, threats M1 and M2: the recorded leg of exchange_test.py is played again, and before each frame of the
peers strangers send theirs: copies of it from elsewhere, RTP and RTCP to every port, checks and handshakes without the
credentials, forgeries with the peer's own address. The gateway must send exactly what it sends without them, and
nothing to them. At the end the source filter is switched off, and the same packet of a stranger does come through.

stranger_test.py EIMSAGW SHIM
"""
import json
import os
import re
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import exchange_test as x   # pylint: disable=wrong-import-position

STRANGER, PORT = "192.0.2.77", 6666


def rtp(ssrc, seq):
    return struct.pack("!BBHII", 0x80, 0, seq & 0xffff, 160 * seq, ssrc) + bytes(160)


REPORT = struct.pack("!BBHI", 0x80, 201, 1, 0x5555)
HELLO = b"\x16\xfe\xff" + bytes(8) + b"\0\x10" + bytes(16)     # as short as a ClientHello's record gets


class Strangers:
    def __init__(self, wire, gateway_mac, script):
        self.wire, self.mac, self.n, self.media = wire, gateway_mac, 0, 0
        self.user = re.search(r"a=ice-ufrag:(\S+)", script["reply"])[1].encode() + b":" + x.UFRAG.encode()

    def from_access(self, payload, src=(STRANGER, PORT)):
        self.wire.send(x.udp_frame(self.mac, src, (x.US, x.ACCESS_PORT), payload))

    def from_core(self, payload, port=0, src=x.CORE_STRANGER):
        self.wire.send(x.udp_frame(self.mac, (src, x.CORE_PEER_PORT + port), (x.CORE_US, x.CORE_PORT + port), payload, 7))

    def bleed_and_inject(self, frame):
        """All of them, before this frame of a peer."""
        self.n += 1
        copy = x.payload_of(frame)
        if copy[0] > 3:     # a check with the peer's password is one of the peer's, wherever it comes from (RFC 8445 7.3.1.3)
            self.from_access(copy)
            self.from_access(copy, (x.PEER, x.PEER_PORT + 2))
            self.from_core(copy)
        self.from_access(x.check(self.user, b"guessed", b"stranger%04d" % self.n))
        self.from_access(HELLO)
        for payload in (rtp(0x11223344, self.n), REPORT):
            self.from_access(payload)
            self.from_core(payload)
            self.from_core(payload, 1)
        self.media += 4     # on the RTP ports: DP_DROP_SOURCE, whatever the copies were taken for
        self.from_access(rtp(0x11223344, self.n), (x.PEER, x.PEER_PORT))    # M2: no tag that verifies

    def harmless(self, gateway):
        drops = gateway.telemetry("drops")
        if drops["DP_DROP_SOURCE"] < self.media:
            raise x.Failed(f"{self.media} packets of strangers, and {drops}")
        asked = self.wire.asked & {STRANGER, x.CORE_STRANGER}
        if asked or drops["ctx_dtls_unvalidated"] < self.n or drops["ctx_stun_auth"] < self.n:
            raise x.Failed(f"asked for {asked}; {drops}")


def play(gateway, wire, frames, script):
    """As exchange_test.play(), with strangers in between."""
    strangers = Strangers(wire, frames[0][:6], script)
    compared = x.exchange(gateway, wire, frames, script, strangers.bleed_and_inject)
    strangers.bleed_and_inject(frames[-1])
    end = time.monotonic() + x.PATIENCE_S
    while True:     # until the last of them was judged
        extra = wire.receive(0.1)
        if extra:
            raise x.Failed(f"one frame too many: {extra.hex()}")
        try:
            return strangers.harmless(gateway) or (compared, strangers)
        except x.Failed:
            if time.monotonic() > end:
                raise


def without_filter(gateway, wire, strangers):
    """The positive control."""
    done = gateway.request(f"C={gateway.context}{{MF={gateway.core}{{M{{ST=1{{O{{gm/saf=OFF}}}}}}}}}}")
    if "ER=" in done:
        raise x.Failed(f"refused on Iq: {done}")
    x.wait_turns(gateway)
    strangers.from_core(rtp(0x99, 1))
    frame = wire.receive(x.PATIENCE_S)
    if not frame or x.payload_of(frame)[8:12] != struct.pack("!I", 0x99):
        raise x.Failed("without a source filter a stranger's packet comes through, but it did not")


def main():
    binary, shim = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    x.alone(__file__)
    frames = x.read_pcap(os.path.join(x.HERE, "exchange.pcap"))
    with open(os.path.join(x.HERE, "exchange.json"), encoding="ascii") as f:
        script = json.load(f)
    with tempfile.TemporaryDirectory() as folder:
        wire = x.Wire()
        gateway = x.Gateway(binary, shim, folder)
        gateway.context = re.search(r"C=(\d+)\{", script["reply"])[1]
        gateway.core = re.findall(r"ip/1/\w+/\d+", script["reply"])[1]
        try:
            wire.settle()
            compared, strangers = play(gateway, wire, frames, script)
            without_filter(gateway, wire, strangers)
            print(f"{compared} frames of the gateway are as they were without the {strangers.n} visits of strangers; "
                  "0 forwarded, 0 sent to them")
        except x.Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
