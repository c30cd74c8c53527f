#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode: checks from a peer on the link, from behind a static route and from behind the default router; each
answer must leave to the MAC address of the one it goes by, and each router be asked for from our address of its family.

route_test.py EIMSAGW SHIM
"""
import os
import re
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import exchange_test as x   # pylint: disable=wrong-import-position

US6, ROUTER6, ROUTER = "2001:db8:1::10", "2001:db8:1::fe", "192.0.2.7"
ACCESS = f'addresses: ["{x.US}/24", "{US6}/64"], gateways: ["{x.PEER}", "{ROUTER6}"], ' \
    f'routes: ["198.51.100.0/24 via {ROUTER}"]'
MACS = {x.PEER: "02:00:00:00:01:01", ROUTER: "02:00:00:00:01:07", "192.0.2.50": "02:00:00:00:01:50",
        x.CORE_PEER: x.PEER_MAC}
# peer, who is sent to for it
WAYS = ("192.0.2.50", "192.0.2.50"), ("198.51.100.9", ROUTER), ("203.0.113.9", x.PEER)


class Link(x.Wire):
    """Each host with a MAC address of its own."""

    def __init__(self):
        super().__init__()
        self.asked_from, self.gateway_mac = {}, None

    def arp(self, frame):
        vlan = 4 if frame[12:14] == b"\x81\x00" else 0
        body = frame[14 + vlan:]
        if frame[12:14] == b"\x86\xdd" and body[6] == 58 and body[40] == 135:
            target, source = (socket.inet_ntop(socket.AF_INET6, body[at:at + 16]) for at in (48, 8))
            self.asked_from[target] = source
            return True
        if frame[12 + vlan:14 + vlan] != b"\x08\x06":
            return False
        who, self.gateway_mac = socket.inet_ntoa(body[24:28]), frame[6:12]
        self.asked.add(who)
        self.asked_from[who] = socket.inet_ntoa(body[14:18])
        if body[6:8] == b"\x00\x01" and who in MACS:
            mac = x.mac(MACS[who])
            self.send(body[8:14] + mac + frame[12:14 + vlan] + body[:6] + b"\x00\x02" + mac + body[24:28] + body[8:18])
        return True

    def answer_to(self, frame):
        """Sent until it is answered: the first finds the next hop unknown."""
        end = time.monotonic() + x.PATIENCE_S
        while time.monotonic() < end:
            self.send(frame)
            answer = self.receive(0.3)
            if answer:
                return answer
        raise x.Failed("a check has no answer")


def run(gateway, link):
    link.settle()
    end = time.monotonic() + x.PATIENCE_S
    while not {ROUTER, ROUTER6} <= set(link.asked_from) and time.monotonic() < end:
        link.receive(0.1)
    for router, us in ((x.PEER, x.US), (ROUTER, x.US), (ROUTER6, US6), (x.CORE_PEER, x.CORE_US)):
        if link.asked_from.get(router) != us:
            raise x.Failed(f"{router} is asked for from {link.asked_from.get(router)}, not {us}")
    reply = gateway.set_up("00:" * 31 + "00")
    x.wait_turns(gateway)
    user = re.search(r"a=ice-ufrag:(\S+)", reply)[1] + ":" + x.UFRAG
    pwd = re.search(r"a=ice-pwd:(\S+)", reply)[1].encode()
    for i, (peer, hop) in enumerate(WAYS):
        frame = x.udp_frame(link.gateway_mac, (peer, x.PEER_PORT), (x.US, x.ACCESS_PORT),
                            x.check(user.encode(), pwd, b"transaction%d" % i))
        answer = link.answer_to(frame)
        if socket.inet_ntoa(answer[30:34]) != peer or x.payload_of(answer)[:2] != b"\x01\x01":
            raise x.Failed(f"no success response to {peer}: {answer.hex()}")
        if answer[:6] != x.mac(MACS[hop]):
            raise x.Failed(f"{peer} is answered by way of {answer[:6].hex(':')}, not {MACS[hop]}")
        if peer != hop and peer in link.asked:
            raise x.Failed(f"{peer} is asked for on the link")
    counted = gateway.telemetry("drops")
    if counted["neigh_full"] or counted["neigh_malformed"]:
        raise x.Failed(f"counted: {counted}")


def main():
    x.alone(__file__)
    with tempfile.TemporaryDirectory() as folder:
        link = Link()
        gateway = x.Gateway(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder, access=ACCESS)
        try:
            run(gateway, link)
            print(f"{len(WAYS)} peers, each by its own way")
        except x.Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
