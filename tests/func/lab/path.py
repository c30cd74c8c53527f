# SPDX-License-Identifier: Apache-2.0
"""
An access network that can be bad: every frame between the browsers' tap and the gateway's port goes through here. Datagrams of
media (the gateway's side has a port of its media range) may be lost, doubled or overtaken, at random or one by one by their number.
"""
import collections
import fcntl
import os
import random
import select
import socket
import struct
import threading
import time

from . import ns
from .proc import sh

GATE = "w2gate"         # the tap the gateway attaches to in place of the browsers' own
UP, DOWN = "up", "down"     # to the gateway, to the browser
MEDIA_PORTS = range(20000, 30000)
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x400454ca, 2, 0x1000, 0x100
OVERTAKEN_S = 0.1       # a datagram nobody follows is not kept longer


def kind_of(frame, way):
    """stun, dtls, rtp, rtcp; None: not media (ARP, SIP, IPv6)"""
    if len(frame) < 43 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = 14 + (frame[14] & 15) * 4
    if struct.unpack_from(">H", frame, udp + (2 if way == UP else 0))[0] not in MEDIA_PORTS:
        return None
    first = frame[udp + 8]
    if first < 4:
        return "stun"
    if 20 <= first < 64:
        return "dtls"
    return "rtcp" if first >= 128 and 192 <= frame[udp + 9] < 224 else "rtp"


class Path:
    """
    rule(way, kind, n): what happens to the n-th datagram (from 0) of this kind on this way: "pass", "lose", "double" or "swap"
    (the next one of that way overtakes it). None: all pass. seen, done: how many of (way, kind), of (way, kind, what happened);
    first: when the first of (way, kind) came.
    """

    def __init__(self):
        self.rule = None
        self.seen, self.done, self.first = collections.Counter(), collections.Counter(), {}
        self.lock, self.running = threading.Lock(), True
        self.held = {UP: None, DOWN: None}
        ns.make_tap({"name": GATE, "addresses": []})
        sh("sysctl", "-qw", f"net.ipv6.conf.{GATE}.disable_ipv6=1")
        sh("ip", "link", "set", GATE, "arp", "off")    # it would answer for the addresses of the other tap
        self.port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.port.bind((GATE, 0))
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", ns.ACCESS["name"].encode(), IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def set(self, rule):
        """From now on; the numbers begin again."""
        with self.lock:
            self.rule = rule
            self.seen.clear()
            self.done.clear()
            self.first.clear()

    def become(self, rule):
        """From now on; the numbers go on."""
        with self.lock:
            self.rule = rule

    def _send(self, way, frame):
        try:
            if way == UP:
                self.port.send(frame)
            else:
                os.write(self.tap, frame)
        except OSError:     # the other end is just being started again
            self.done[way, "frame", "refused"] += 1

    def _carry(self, way, frame):
        kind, verdict = kind_of(frame, way), "pass"
        with self.lock:
            if kind:
                n = self.seen[way, kind]
                self.seen[way, kind] += 1
                self.first.setdefault((way, kind), time.monotonic())
                verdict = self.rule(way, kind, n) if self.rule else "pass"
                self.done[way, kind, verdict] += 1
            held, self.held[way] = self.held[way], None
            if verdict == "swap" and not held:
                self.held[way] = (frame, time.monotonic())
                return
            if verdict != "lose":
                self._send(way, frame)
            if verdict == "double":
                self._send(way, frame)
            if held:
                self._send(way, held[0])

    def _let_go(self):
        """Of what was to be overtaken and is not."""
        with self.lock:
            for way, held in self.held.items():
                if held and time.monotonic() - held[1] > OVERTAKEN_S:
                    self.held[way] = None
                    self._send(way, held[0])

    def _from_gateway(self):
        try:
            frame, address = self.port.recvfrom(65536)
        except OSError:     # it has taken its interface down
            return
        if address[2] != socket.PACKET_OUTGOING:    # our own come back to us
            self._carry(DOWN, frame)

    def _run(self):
        while self.running:
            ready, _, _ = select.select([self.port, self.tap], [], [], OVERTAKEN_S / 2)
            if self.port in ready:
                self._from_gateway()
            if self.tap in ready:
                self._carry(UP, os.read(self.tap, 65536))
            self._let_go()

    def stop(self):
        self.running = False
        self.thread.join(5)
        os.close(self.tap)
        self.port.close()
        ns.drop_tap({"name": GATE})


def at_random(kinds=("stun", "dtls", "rtp", "rtcp"), lose=0.0, double=0.0, swap=0.0, ways=(UP, DOWN), seed=1):
    """A rule: each datagram of these kinds by the throw of a die."""
    die = random.Random(seed)

    def rule(way, kind, n):
        if kind not in kinds or way not in ways:
            return "pass"
        x = die.random()
        return "lose" if x < lose else "double" if x < lose + double else "swap" if x < lose + double + swap else "pass"
    return rule


def only(way, kind, number, verdict):
    """A rule: this one datagram."""
    return lambda w, k, n: verdict if (w, k, n) == (way, kind, number) else "pass"
