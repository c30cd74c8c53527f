# SPDX-License-Identifier: Apache-2.0
"""A DNS server of the test: records by (name, type), answered over UDP; what was asked is kept."""
import socket, struct, threading

TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "NAPTR": 35}


def name(n):
    labels = [l for l in n.split(".") if l]
    return b"".join(bytes([len(l)]) + l.encode() for l in labels) + b"\0"


def text(s):
    return bytes([len(s)]) + s.encode()


def rdata(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "SRV":
        prio, weight, port, host = value
        return struct.pack(">HHH", prio, weight, port) + name(host)
    order, pref, flags, service, replacement = value
    return struct.pack(">HH", order, pref) + text(flags) + text(service) + text("") + name(replacement)


class Dns(threading.Thread):
    """records: {("home1.example", "NAPTR"): [(order, pref, "s", "SIP+D2U", "_sip._udp.home1.example")],
    ("_sip._udp.home1.example", "SRV"): [(prio, weight, port, host)], (host, "A"): ["127.0.0.1"]}"""
    def __init__(self, records, host="127.0.0.1", port=5353, ttl=60):
        super().__init__(daemon=True)
        self.records, self.ttl, self.asked, self.silent = records, ttl, [], False
        self.event = threading.Condition()
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((host, port))
        self.start()

    def run(self):
        while True:
            q, peer = self.s.recvfrom(4096)
            if q == b"stop":
                self.s.close()
                return
            at, labels = 12, []
            while q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode())
                at += 1 + q[at]
            qtype = struct.unpack(">H", q[at + 1:at + 3])[0]
            kind = next((k for k, v in TYPES.items() if v == qtype), "?")
            key = (".".join(labels).lower(), kind)
            with self.event:
                self.asked.append(key)
                self.event.notify_all()
            if self.silent:
                continue
            found = self.records.get(key, [])
            known = any(k[0] == key[0] for k in self.records)
            a = q[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, len(found), 0, 0) + q[12:at + 5]
            for value in found:
                d = rdata(kind, value)
                a += b"\xc0\x0c" + struct.pack(">HHIH", qtype, 1, self.ttl, len(d)) + d
            self.s.sendto(a, peer)

    def wait(self, key, count=1, timeout=10):
        with self.event:
            if not self.event.wait_for(lambda: self.asked.count(key) >= count, timeout):
                raise AssertionError(f"{key} was not asked {count} times, but {self.asked}")

    def close(self):
        self.s.sendto(b"stop", self.s.getsockname())
        self.join(5)
