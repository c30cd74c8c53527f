#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode: media plane optimisation as a controller orders it (F-73). Both terminations are `m=- $ UDP -`: STUN, DTLS, SRTP and what
nobody knows pass as they are, both ways, between the peers that were described or latched to, and no stranger's.

relay_test.py EIMSAGW SHIM
"""
import os
import re
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import exchange_test as x   # pylint: disable=wrong-import-position

SOME = [b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), b"\x16\xfe\xfd" + bytes(40), b"\x80\0" + bytes(170), b"\x81\xc8" + bytes(26),
        b"\x40\0\0\4abcd", b"x", bytes(range(256)) * 5]
BEHIND_NAT = ("192.0.2.200", 61000)
ACCESS, CORE = (x.US, x.ACCESS_PORT), (x.CORE_US, x.CORE_PORT)
PEER, CORE_PEER = (x.PEER, x.PEER_PORT), (x.CORE_PEER, x.CORE_PEER_PORT)
EF = 0x2e


class Failed(x.Failed):
    pass


def expect(what, is_so):
    if not is_so:
        raise Failed(what)


class Line:
    def __init__(self, gateway, wire):
        self.gateway, self.wire = gateway, wire
        reply = self.order(f"""C=${{A=ip/$/$/${{M{{ST=1{{O{{MO=SR,ipdc/realm="access"}},L{{
v=0
c=IN IP4 $
m=- $ UDP -
}},R{{
v=0
c=IN IP4 {x.PEER}
m=- {x.PEER_PORT} UDP -
}}}}}}}},A=ip/$/$/${{M{{ST=1{{O{{MO=SR,ipdc/realm="core",ds/dscp=2E}},L{{
v=0
c=IN IP4 $
m=- $ UDP -
}},R{{
v=0
c=IN IP4 {x.CORE_PEER}
m=- {x.CORE_PEER_PORT} UDP -
}}}}}}}}}}""")
        self.context = re.search(r"C=(\d+)\{", reply)[1]
        self.access, self.core = re.findall(r"ip/1/\w+/\d+", reply)
        ports = re.findall(r"m=- (\d+) UDP -\r\n", reply)
        expect(f"both ports in the reply: {reply}", ports == [str(x.ACCESS_PORT), str(x.CORE_PORT)])
        self.mac = x.mac_of_port(wire)

    def order(self, body):
        answer = self.gateway.request(body)
        expect(f"refused on Iq: {answer}", "ER=" not in answer)
        x.wait_turns(self.gateway)
        return answer

    def modify(self, term, control="", signal=""):
        media = f"M{{ST=1{{O{{{control}}}}}}}" if control else ""
        self.order(f"C={self.context}{{MF={term}{{{media}{',' if media and signal else ''}{signal}}}}}")

    def sent(self, src, payload, to_core_port):
        """What becomes of it: (source, destination, DSCP, payload), or None."""
        dst, vlan = (CORE, 7) if to_core_port else (ACCESS, None)
        self.wire.send(x.udp_frame(self.mac, src, dst, payload, vlan))
        frame = self.wire.receive(0.3)
        if frame is None:
            return None
        ip = frame[18:] if frame[12:14] == b"\x81\x00" else frame[14:]
        ports = struct.unpack("!HH", ip[20:24])
        return ((socket.inet_ntoa(ip[12:16]), ports[0]), (socket.inet_ntoa(ip[16:20]), ports[1]), ip[1] >> 2, x.payload_of(frame))


def passes(line):
    for payload in SOME:
        got = line.sent(PEER, payload, False)
        expect(f"to the core: {payload[:8]!r} became {got}", got == (CORE, CORE_PEER, EF, payload))
        got = line.sent(CORE_PEER, payload, True)
        expect(f"from the core: {payload[:8]!r} became {got}", got and got[:2] == (ACCESS, PEER) and got[3] == payload)
    expect("a stranger is heard from the core", line.sent((x.CORE_STRANGER, x.CORE_PEER_PORT), SOME[0], True) is None)
    expect("a stranger is heard from the access side", line.sent(("192.0.2.77", x.PEER_PORT), SOME[0], False) is None)


def latches(line):
    line.modify(line.access, "gm/saf=OFF", "SG{ipnapt/latch{ST=1,napt=LATCH}}")
    expect("LATCH: something left before the first packet", line.sent(CORE_PEER, SOME[1], True) is None)
    expect("LATCH: the first packet passes", line.sent(BEHIND_NAT, SOME[0], False) == (CORE, CORE_PEER, EF, SOME[0]))
    end = time.monotonic() + x.PATIENCE_S
    while BEHIND_NAT[0] not in line.wire.asked:
        expect("nobody asked where the peer is", time.monotonic() < end)
        line.wire.receive(0.05)
    x.wait_turns(line.gateway)
    got = line.sent(CORE_PEER, SOME[1], True)
    expect(f"LATCH: goes to {got}", got and got[1] == BEHIND_NAT)
    expect("LATCH: another one is heard afterwards", line.sent(PEER, SOME[0], False) is None)
    line.modify(line.access, "gm/saf=ON", "SG{ipnapt/latch{ST=1,napt=OFF}}")
    expect("OFF: the one described is the peer again", line.sent(PEER, SOME[0], False) is not None)


def gates(line):
    line.modify(line.core, "MO=RC")
    expect("ReceiveOnly: sent to the core", line.sent(PEER, SOME[2], False) is None)
    expect("ReceiveOnly: not taken from the core", line.sent(CORE_PEER, SOME[2], True) is not None)
    line.modify(line.core, "MO=SR")
    line.modify(line.core, "tman/pol=ON,tman/sdr=1,tman/mbs=1000")
    heard = sum(line.sent(CORE_PEER, bytes(72), True) is not None for _ in range(20))       # 100 with their headers
    expect(f"{heard} of 20 passed, the burst is 10", heard == 10)
    line.modify(line.core, "tman/pol=OFF")


def ends(line):
    n = 2 * len(SOME) + 4 + 1 + 10      # taken, both ways; one of those of latches() had nowhere to go
    reply = line.order(f"C={line.context}{{S={line.access}{{AT{{SA}}}},S={line.core}{{AT{{SA}}}}}}")
    received = [int(v) for v in re.findall(r"rtp/pr=(\d+)", reply)]
    expect(f"statistics {received}, {n} were taken: {reply}", len(received) == 2 and sum(received) == n)
    end = time.monotonic() + x.PATIENCE_S
    while any(line.gateway.telemetry("summary")[k] for k in ("contexts", "flows", "ports_in_use")):
        expect("something is left", time.monotonic() < end)
        time.sleep(0.05)


def main():
    binary, shim = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    x.alone(__file__)
    with tempfile.TemporaryDirectory() as folder:
        wire = x.Wire()
        gateway = x.Gateway(binary, shim, folder)
        try:
            wire.settle()
            line = Line(gateway, wire)
            for step in (passes, latches, gates, ends):
                step(line)
            print("datagrams passed as they were, latched, gated, policed; nothing of a stranger")
        except x.Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
