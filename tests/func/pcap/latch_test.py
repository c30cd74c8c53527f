#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode: RTCP whatever Mode is (F-30), media without a format (F-52), latching, re-latching and policing as a
controller orders them (F-14 to F-23). The recorded leg of exchange_test.py is played up to its keys; its SRTP packets
then show, one by one, where the gateway sends to, while the core's peer moves and strangers try to take its place
(threat M1) or to be heard (threat M2).

latch_test.py EIMSAGW SHIM
"""
import json
import os
import re
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import exchange_test as x   # pylint: disable=wrong-import-position

HERE, THERE = ("10.20.0.9", 4444), ("10.20.0.8", 5555)    # in the mask: where the peer really is, and where it moves
DESCRIBED, STRANGER = (x.CORE_PEER, x.CORE_PEER_PORT), (x.CORE_STRANGER, 4444)
MASK = 'gm/saf=ON,gm/sam="[10.20.0.0]/28"'
IP_BYTES, BURST = 200, 10


class Leg:
    def __init__(self, gateway, wire, frames, script):
        self.gateway, self.wire, self.mac, self.seq = gateway, wire, frames[0][:6], 1
        self.context = re.search(r"C=(\d+)\{", script["reply"])[1]
        self.access, self.core = re.findall(r"ip/1/\w+/\d+", script["reply"])
        later = [f for f in frames[script["first_srtp"] - 1:] if f[6:12] == x.mac(x.PEER_MAC)]
        self.sealed = later[:5]     # those that verify, each once

    def order(self, local_control="", signal="", term=None):
        body = f"M{{ST=1{{O{{{local_control}}}}}}}" if local_control else ""
        body += ("," if body and signal else "") + signal
        answer = self.gateway.request(f"C={self.context}{{MF={term or self.core}{{{body}}}}}")
        if "ER=" in answer:
            raise x.Failed(f"refused on Iq: {answer}")
        x.wait_turns(self.gateway)

    def latch(self, how, local_control=""):
        self.order(local_control, f"SG{{ipnapt/latch{{ST=1,napt={how}}}}}")

    def sends_to(self):
        """Where the next packet of the browser leaves to, or None."""
        self.wire.send(self.sealed.pop(0))
        frame = self.wire.receive(0.3)
        if frame is None:
            return None
        ip = frame[18:] if frame[12:14] == b"\x81\x00" else frame[14:]
        return socket.inet_ntoa(ip[16:20]), struct.unpack("!H", ip[22:24])[0]

    def hears(self, src, pt=0):
        """Does a packet from there reach the browser?"""
        self.seq += 1
        packet = struct.pack("!BBHII", 0x80, pt, self.seq, 160 * self.seq, 0x77) + bytes(160)
        self.wire.send(x.udp_frame(self.mac, src, (x.CORE_US, x.CORE_PORT), packet, 7))
        frame = self.wire.receive(0.3)
        return frame is not None and x.payload_of(frame)[8:12] == struct.pack("!I", 0x77)

    def hears_report(self):
        """Does RTCP of the core's peer reach the browser?"""
        report = struct.pack("!BBHI", 0x80, 201, 1, 0x77)
        self.wire.send(x.udp_frame(self.mac, (x.CORE_PEER, x.CORE_PEER_PORT + 1), (x.CORE_US, x.CORE_PORT + 1), report, 7))
        frame = self.wire.receive(x.PATIENCE_S)
        return frame is not None and x.payload_of(frame)[:8] == report

    def knows_the_way(self, to):
        """The service core has heard of it, and asked for its MAC address."""
        end = time.monotonic() + x.PATIENCE_S
        while to[0] not in self.wire.asked:
            if time.monotonic() > end:
                raise x.Failed(f"{to[0]} was not asked for")
            self.wire.receive(0.05)
        x.wait_turns(self.gateway)


def expect(what, is_so):
    if not is_so:
        raise x.Failed(what)


def latching(leg):
    expect("described: goes where the description says", leg.sends_to() == DESCRIBED)
    leg.latch("LATCH", MASK)
    expect("LATCH: nothing leaves before the first packet", leg.sends_to() is None)
    expect("LATCH: a stranger outside of the mask is not heard", not leg.hears(STRANGER))
    expect("LATCH: a payload type nobody negotiated does not latch", not leg.hears(HERE, pt=96))
    expect("LATCH: the peer is heard", leg.hears(HERE))
    leg.knows_the_way(HERE)
    for other in (STRANGER, THERE, DESCRIBED, (HERE[0], HERE[1] + 2)):
        expect(f"LATCH: {other} is not heard afterwards", not leg.hears(other))
    expect("LATCH: media goes to the peer", leg.sends_to() == HERE)
    leg.latch("RELATCH")
    expect("RELATCH: nothing changes by itself", leg.hears(HERE) and leg.sends_to() == HERE)
    expect("RELATCH: a stranger is not heard", not leg.hears(STRANGER))
    expect("RELATCH: the peer is heard from elsewhere", leg.hears(THERE))
    leg.knows_the_way(THERE)
    expect("RELATCH: once", not leg.hears(HERE) and not leg.hears(DESCRIBED) and leg.hears(THERE))
    expect("RELATCH: media goes there", leg.sends_to() == THERE)
    expect("nobody asked where the stranger is", STRANGER[0] not in leg.wire.asked)
    leg.latch("OFF", "gm/saf=OFF")
    expect("without latch and filter a stranger is heard", leg.hears(STRANGER))     # the positive control


def reports(leg):
    """F-30: RTCP belongs to the session whatever Mode says of media."""
    for access, core in (("IN", "IN"), ("SR", "SR")):
        leg.order(f"MO={access}", term=leg.access)
        leg.order(f"MO={core}")
        expect(f"RTCP passes with Mode {access} and {core}", leg.hears_report())
        expect(f"media with Mode {access} and {core}", leg.hears(DESCRIBED) == (access == "SR"))


def formats(leg):
    """F-52: a hyphen for the format is any format."""
    for format_, passes in (("0", False), ("-", True), ("0", False)):
        answer = leg.gateway.request(f"C={leg.context}{{MF={leg.core}{{M{{ST=1{{L{{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP {format_}\n}}}}}}}}}}")
        expect(f"RTP/AVP {format_} in the reply: {answer}", f" RTP/AVP {format_}\r\n" in answer)
        x.wait_turns(leg.gateway)
        expect(f"payload type 96 with format {format_}", leg.hears(DESCRIBED, pt=96) == passes)


def policing(leg):
    """A rate so low that no token comes back meanwhile."""
    leg.order(f"gm/saf=ON,tman/pol=ON,tman/sdr=1,tman/mbs={BURST * IP_BYTES}")
    heard = sum(leg.hears(DESCRIBED) for _ in range(2 * BURST))
    expect(f"{heard} of {2 * BURST} passed, the burst is {BURST}", heard == BURST)
    expect("excess is counted", leg.gateway.telemetry("drops")["DP_DROP_RATE"] == BURST)
    leg.order("tman/pol=OFF")
    expect("without policing all pass", all(leg.hears(DESCRIBED) for _ in range(BURST)))


def main():
    binary, shim = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    x.alone(__file__)
    frames = x.read_pcap(os.path.join(x.HERE, "exchange.pcap"))
    with open(os.path.join(x.HERE, "exchange.json"), encoding="ascii") as f:
        script = json.load(f)
    with tempfile.TemporaryDirectory() as folder:
        wire = x.Wire()
        gateway = x.Gateway(binary, shim, folder)
        try:
            wire.settle()
            x.exchange(gateway, wire, frames[:script["first_srtp"] - 1], script)
            x.wait_keys(gateway)
            leg = Leg(gateway, wire, frames, script)
            reports(leg)
            formats(leg)
            latching(leg)
            policing(leg)
            print("latched, moved once, policed; nothing went to a stranger")
        except x.Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
