#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
net_pcap mode: SRTP with keys in SDP (RFC 4568), libsrtp2 at both ends. A controller gives each leg its keys as F-32 wants it:
SDES on one side and RTP on the other, SDES on both with keys and suites of their own, DTLS-SRTP and SDES, and keys that only the
ends have (F-33). Keys change in mid-call, over a roll-over (RFC 3711 3.3.1) and with a move (RFC 4568 7.1.4).

sdes_test.py EIMSAGW SHIM
"""
import base64
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import exchange_peer as peer    # pylint: disable=wrong-import-position
import exchange_test as x       # pylint: disable=wrong-import-position
from pylibsrtp import Policy, Session   # pylint: disable=wrong-import-position

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
PROFILE = {CM: Policy.SRTP_PROFILE_AES128_CM_SHA1_80, GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM}
BYTES = {CM: 30, GCM: 28}
MOVED = x.CORE_PEER_PORT + 100
QUIET_S = 0.15


def expect(what, is_so):
    if not is_so:
        raise x.Failed(what)


class Key:
    """Of one direction, with a session of each end."""

    def __init__(self, suite, first):
        self.suite, self.bytes = suite, bytes((first + i) & 255 for i in range(BYTES[suite]))

    def line(self):
        return f"a=crypto:1 {self.suite} inline:{base64.b64encode(self.bytes).decode()}\n"

    def session(self, kind):
        return Session(Policy(key=self.bytes, ssrc_type=kind, srtp_profile=PROFILE[self.suite]))

    def sealer(self, has_rolled_over=False):
        s = self.session(Policy.SSRC_ANY_OUTBOUND)
        for seq in (65535, 0) if has_rolled_over else ():
            s.protect(peer.rtp(seq, 0x11))
        return s

    def opener(self):
        return self.session(Policy.SSRC_ANY_INBOUND)


class Side:
    """One end: where it is, where the gateway is for it, and what it seals and opens with; None: plain RTP."""

    def __init__(self, wire, mac, ours, theirs, vlan):
        self.wire, self.mac, self.ours, self.theirs, self.vlan = wire, mac, ours, theirs, vlan
        self.seal = self.open = None

    def send_raw(self, payload, port=0):
        src, dst = (self.ours[0], self.ours[1] + port), (self.theirs[0], self.theirs[1] + port)
        self.wire.send(x.udp_frame(self.mac, src, dst, payload, self.vlan))

    def send(self, packet, port=0):
        if self.seal:
            packet = self.seal.protect_rtcp(packet) if port else self.seal.protect(packet)
        self.send_raw(packet, port)
        return packet

    def opened(self, payload, is_rtcp):
        if payload is None or not self.open:
            return payload
        return self.open.unprotect_rtcp(payload) if is_rtcp else self.open.unprotect(payload)


def arrived(wire, patience=x.PATIENCE_S):
    frame = wire.receive(patience)
    return x.payload_of(frame) if frame is not None else None


def passes(a, b, seq, ssrc):
    """RTP and RTCP from side a arrive at side b as they were."""
    packet = peer.rtp(seq, ssrc)
    a.send(packet)
    got = arrived(a.wire)
    expect(f"RTP {seq} arrives", got is not None)
    expect("SRTP is no RTP", not b.open or got != packet)
    expect(f"RTP {seq} is what was sent", b.opened(got, False) == packet)
    report = peer.sender_report(ssrc, seq)
    a.send(report, port=1)
    got = arrived(a.wire)
    expect("RTCP arrives", got is not None)
    expect("RTCP is what was sent", b.opened(got, True) == report)


def is_refused(a, payload, port=0):
    a.send_raw(payload, port)
    return arrived(a.wire, QUIET_S) is None


def description(addr, port, key, proto="RTP/SAVP"):
    return f"\nv=0\nc=IN IP4 {addr}\nm=audio {port} {proto} 0\n{key.line() if key else ''}"


class Call:
    """Two terminations without ICE, T1 in the access realm."""

    def __init__(self, gateway):
        self.gateway = gateway
        reply = gateway.request("C=${" + ",".join(
            f'A=ip/$/$/${{M{{ST=1{{O{{MO=SR,ipdc/realm="{realm}"}},L{{{description("$", "$", None, "RTP/AVP")}}},'
            f'R{{{description(*remote, None, "RTP/AVP")}}}}}}}}}'
            for realm, remote in (("access", (x.PEER, x.PEER_PORT)), ("core", (x.CORE_PEER, x.CORE_PEER_PORT)))) + "}")
        expect(f"reserved: {reply}", "ER=" not in reply)
        self.context = re.search(r"C=(\d+)\{", reply)[1]
        self.terms = re.findall(r"ip/1/\w+/\d+", reply)

    def modify(self, term, remote, local_key, remote_key, proto="RTP/SAVP"):
        order(self.gateway, self.context, self.terms[term], remote, (local_key, remote_key), proto)


def order(gateway, context, term, remote, keys, proto="RTP/SAVP"):
    local = f"L{{{description('$', '$', keys[0], proto)}}},"
    reply = gateway.request(f"C={context}{{MF={term}{{M{{ST=1{{{local}R{{{description(*remote, keys[1], proto)}}}}}}}}}}}")
    expect(f"accepted: {reply}", "ER=" not in reply)
    expect("the key is said again", not keys[0] or keys[0].line().strip() in reply)
    x.wait_turns(gateway)


def sdes_and_rtp(call, ue, core):
    """F-32."""
    ours, theirs = Key(CM, 1), Key(CM, 50)
    call.modify(0, (x.PEER, x.PEER_PORT), ours, theirs)
    ue.seal, ue.open = theirs.sealer(), ours.opener()
    passes(ue, core, 10, 0x11)
    passes(core, ue, 10, 0x22)
    again = ue.send(peer.rtp(11, 0x11))
    expect("the first of two arrives", arrived(ue.wire) == peer.rtp(11, 0x11))
    expect("a replay does not", is_refused(ue, again))
    expect("plain RTP does not", is_refused(ue, peer.rtp(12, 0x11)))
    expect("plain RTCP does not", is_refused(ue, peer.sender_report(0x11, 1), port=1))
    forged = bytearray(ue.seal.protect(peer.rtp(13, 0x11)))
    forged[20] ^= 1
    expect("a forgery does not", is_refused(ue, bytes(forged)))


def sdes_and_sdes(call, ue, core):
    ours, theirs = Key(GCM, 100), Key(GCM, 150)
    call.modify(1, (x.CORE_PEER, x.CORE_PEER_PORT), ours, theirs)
    core.seal, core.open = theirs.sealer(), ours.opener()
    for seq in (65534, 65535, 0, 1):    # over a roll-over
        passes(core, ue, seq, 0x11)
    passes(ue, core, 20, 0x11)
    call.modify(1, (x.CORE_PEER, x.CORE_PEER_PORT), ours, theirs)
    passes(core, ue, 2, 0x11)           # said again, nothing changes
    # the peer renews its key: its packets go on where they were; ours too
    theirs = Key(GCM, 170)
    call.modify(1, (x.CORE_PEER, x.CORE_PEER_PORT), ours, theirs)
    expect("the old key does not count any more", is_refused(core, core.seal.protect(peer.rtp(3, 0x11))))
    core.seal = theirs.sealer(has_rolled_over=True)
    passes(core, ue, 4, 0x11)
    passes(ue, core, 21, 0x11)
    # it moves, and begins anew
    ours, theirs = Key(GCM, 190), Key(GCM, 210)
    call.modify(1, (x.CORE_PEER, MOVED), ours, theirs)
    core.ours = (x.CORE_PEER, MOVED)
    core.seal, core.open = theirs.sealer(), ours.opener()
    passes(core, ue, 5, 0x11)
    passes(ue, core, 22, 0x11)


def keys_of_the_ends(call, ue, core):
    """F-33: what the gateway cannot open passes bit for bit; but not to a side whose keys it has."""
    a, b = Key(CM, 5), Key(CM, 6)
    call.modify(1, (x.CORE_PEER, MOVED), None, None)
    expect("nothing leaves in clear, or under another key", is_refused(ue, ue.seal.protect(peer.rtp(30, 0x11))) and
           is_refused(core, peer.rtp(30, 0x11)))
    call.modify(0, (x.PEER, x.PEER_PORT), None, None)
    ue.seal, ue.open, core.seal, core.open = a.sealer(), b.opener(), b.sealer(), a.opener()
    passes(ue, core, 31, 0x33)
    passes(core, ue, 31, 0x44)


def dtls_and_sdes(gateway, wire):
    r = peer.Recorder(gateway, wire)
    cert, key = peer.certificate()
    reply = gateway.set_up(cert.digest("sha256").decode())
    r.mac = x.mac_of_port(wire)
    user = re.search(r"a=ice-ufrag:(\S+)", reply)[1].encode() + b":" + x.UFRAG.encode()
    r.send(x.check(user, re.search(r"a=ice-pwd:(\S+)", reply)[1].encode(), b"transaction1"))
    r.collect()
    sealing, opening = peer.handshake(r, cert, key)
    x.wait_keys(gateway)
    ours, theirs = Key(GCM, 1), Key(GCM, 50)
    order(gateway, re.search(r"C=(\d+)\{", reply)[1], re.findall(r"ip/1/\w+/\d+", reply)[1], (x.CORE_PEER, x.CORE_PEER_PORT),
          (ours, theirs))
    seal = Session(Policy(key=sealing, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILE[CM]))
    opened = Session(Policy(key=opening, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILE[CM]))
    core = Side(wire, r.mac, (x.CORE_PEER, x.CORE_PEER_PORT), (x.CORE_US, x.CORE_PORT), 7)
    core.seal, core.open = theirs.sealer(), ours.opener()
    for seq in (65535, 0, 1):
        r.send(seal.protect(peer.rtp(seq, 0x77)))
        expect("DTLS-SRTP to SDES", core.opened(arrived(wire), False) == peer.rtp(seq, 0x77))
        core.send(peer.rtp(seq, 0x88))
        expect("SDES to DTLS-SRTP", opened.unprotect(arrived(wire)) == peer.rtp(seq, 0x88))
    report = peer.sender_report(0x77, 3)
    r.send(seal.protect_rtcp(report))
    expect("SRTCP to SRTCP", core.opened(arrived(wire), True) == report)
    core.send(peer.sender_report(0x88, 3), port=1)
    expect("SRTCP back", opened.unprotect_rtcp(arrived(wire)) == peer.sender_report(0x88, 3))


def main():
    binary, shim = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    x.alone(__file__)
    gateway = None
    with tempfile.TemporaryDirectory() as folder:
        wire = x.Wire()
        try:
            profiles = "aes128-cm-hmac-sha1-80, aead-aes-128-gcm"
            gateway = x.Gateway(binary, shim, folder, profiles=profiles)
            wire.settle()
            mac = x.mac_of_port(wire)
            call = Call(gateway)
            ue = Side(wire, mac, (x.PEER, x.PEER_PORT), (x.US, x.ACCESS_PORT), None)
            core = Side(wire, mac, (x.CORE_PEER, x.CORE_PEER_PORT), (x.CORE_US, x.CORE_PORT), 7)
            passes(ue, core, 1, 0x11)
            for step in (sdes_and_rtp, sdes_and_sdes, keys_of_the_ends):
                step(call, ue, core)
            gateway.stop()
            gateway = x.Gateway(binary, shim, folder, profiles=profiles)
            wire.asked = set()
            wire.settle()
            dtls_and_sdes(gateway, wire)
            print("SDES with RTP, with SDES, with DTLS-SRTP and from end to end; keys renewed and moved")
        except x.Failed as e:
            print(f"FAIL {e}")
            return 1
        finally:
            if gateway:
                gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
