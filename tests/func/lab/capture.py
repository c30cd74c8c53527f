# SPDX-License-Identifier: Apache-2.0
"""What really crossed an interface: tcpdump while it runs, tshark to look at it."""
import collections
import math
import os
import subprocess

from .proc import LabError, Proc

WEBRTC_ATTRIBUTES = ("fingerprint", "setup", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite", "candidate",
                     "rtcp-mux", "group", "msid", "msid-semantic", "extmap", "ssrc", "end-of-candidates", "rtcp-rsize",
                     "extmap-allow-mixed", "mid")


def entropy(data):
    """Bits a byte."""
    total = len(data)
    return -sum(n / total * math.log2(n / total) for n in collections.Counter(data).values())


class Capture:
    def __init__(self, path, interface, filter_=""):
        self.path, self.interface, self.filter = path, interface, filter_
        self.proc = None

    def start(self):
        self.proc = Proc("tcpdump", ["tcpdump", "-i", self.interface, "-U", "--immediate-mode", "-n", "-s", "0", "-Z", "root",
                                     "-w", self.path, *self.filter.split()], self.path + ".log")
        self.proc.wait_line(r"listening on", 10)

    def stop(self):
        if self.proc:
            self.proc.stop(5)
            self.proc = None

    def fields(self, display_filter, *names, options=()):
        """Rows of tshark's fields of the packets the filter lets through."""
        argv = ["tshark", "-n", "-r", self.path, "-Y", display_filter, "-T", "fields", *options]
        for name in names:
            argv += ["-e", name]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        if done.returncode and not done.stdout:
            raise LabError(f"tshark: {done.stderr.strip().splitlines()[-1:]}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def h248_complaints(self, port):
        """
        The Iq messages to or from this port as tshark's MEGACO dissector sees them.
        @return (packets with a message, those it calls malformed or has a warning or worse about, as text)
        """
        as_megaco = ("-d", f"udp.port=={port},megaco", "-d", f"tcp.port=={port},tpkt", "-o", f"megaco.tcp.txt_port:{port}")
        sent = f"(udp.port == {port} || (tcp.port == {port} && tcp.len > 0)) && !icmp"
        rows = self.fields(sent, "frame.number", "frame.protocols", options=as_megaco)
        bad = [f"{n}: {protocols}" for n, protocols in rows if "megaco" not in protocols]
        # 6291456: warnings; a mistake of the description within is one, too
        bad += [" ".join(r) for r in self.fields(f"{sent} && (_ws.malformed || _ws.expert.severity >= 6291456 || megaco.parse_error)",
                                                 "frame.number", "_ws.expert.message", "megaco.parse_error", options=as_megaco)]
        return len(rows), bad

    def size(self):
        return os.path.getsize(self.path)

    def streams(self):
        """What was said by UDP and TCP: {(source, sport, destination, dport): bytes}, in order."""
        said = {}
        for row in self.fields("(udp || tcp.len > 0) && !icmp && !icmpv6", "ip.src", "udp.srcport", "tcp.srcport", "ip.dst",
                               "udp.dstport", "tcp.dstport", "udp.payload", "tcp.payload"):
            src, us, ts, dst, ud, td, u, t = (row + [""] * 8)[:8]
            said.setdefault((src, int(us or ts), dst, int(ud or td)), bytearray()).extend(bytes.fromhex((u or t).replace(":", "")))
        return said

    def udp_payloads(self):
        """(source, sport, destination, dport, bytes) of every UDP packet, v4 and v6."""
        for row in self.fields("udp && !icmp && !icmpv6", "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst",
                               "udp.dstport", "udp.payload"):
            src4, src6, sport, dst4, dst6, dport, payload = (row + [""] * 7)[:7]
            yield src4 or src6, int(sport), dst4 or dst6, int(dport), bytes.fromhex(payload.replace(":", ""))

    def clear_rtp(self, enough=16000):
        """
        Streams on which RTP's payload can be read. SRTP looks like RTP in its header, so the sound decides: bytes of
        ciphertext are all equally frequent (8 bits of entropy), those of a G.711 tone are not.
        @return (clear streams, {stream: entropy in bits})
        """
        streams = {}
        for src, sport, dst, dport, data in self.udp_payloads():
            if len(data) >= 60 and 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
                streams.setdefault((src, sport, dst, dport, data[1] & 127), bytearray()).extend(data[12:])
        bits = {k: round(entropy(v), 3) for k, v in streams.items() if len(v) >= enough}
        return [k for k, v in bits.items() if v < 7.9], bits

    def sip_bodies(self):
        """SIP messages with SDP: (source, destination, SDP text)."""
        rows = self.fields("sdp", "ip.src", "ip.dst", "udp.payload", "tcp.payload")
        for src, dst, udp, tcp in ((r + ["", "", "", ""])[:4] for r in rows):
            text = bytes.fromhex((udp or tcp).replace(":", "")).decode("utf-8", "replace")
            yield src, dst, text.partition("\r\n\r\n")[2]

    def webrtc_attributes(self, sender):
        """WebRTC attribute lines in the SDP that one address sent."""
        found = []
        for body in (b for src, _, b in self.sip_bodies() if src == sender):
            for line in body.splitlines():
                name = line[2:].split(":")[0]
                if line.startswith("a=") and name in WEBRTC_ATTRIBUTES:
                    found.append(line)
                if line.startswith("m=") and "SAVP" in line:
                    found.append(line)
        return found
