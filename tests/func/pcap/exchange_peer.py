# SPDX-License-Identifier: Apache-2.0
"""The live peer of exchange_test.py --record: checks, DTLS by OpenSSL, SRTP by libsrtp2."""
import re
import struct
import time

from OpenSSL import SSL, crypto
from pylibsrtp import Policy, Session

import exchange_test as x

QUIET_S = 0.15          # the gateway has answered all it will; it says it again only later
PACKETS = 5


class Recorder:
    def __init__(self, gateway, wire):
        self.gateway, self.wire, self.frames = gateway, wire, []
        self.mac = None

    def send(self, payload, core=None, port=0):
        """core: the address there it comes from; else it comes from the peer."""
        if core:
            frame = x.udp_frame(self.mac, (core, x.CORE_PEER_PORT + port), (x.CORE_US, x.CORE_PORT + port), payload, 7)
        else:
            frame = x.udp_frame(self.mac, (x.PEER, x.PEER_PORT), (x.US, x.ACCESS_PORT), payload)
        self.frames.append(frame)
        self.wire.send(frame)

    def collect(self):
        """All that comes until it is quiet. @return their payloads"""
        got = []
        while (frame := self.wire.receive(QUIET_S)) is not None:
            self.frames.append(frame)
            got.append(x.payload_of(frame))
        return got


def certificate():
    from cryptography.hazmat.primitives.asymmetric import ec    # pylint: disable=import-outside-toplevel
    key = crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()))
    cert = crypto.X509()
    cert.get_subject().CN = "peer"
    cert.set_serial_number(1)
    cert.set_notBefore(b"20250101000000Z")
    cert.set_notAfter(b"20350101000000Z")
    cert.set_issuer(cert.get_subject())
    cert.set_pubkey(key)
    cert.sign(key, "sha256")
    return cert, key


def handshake(r, cert, key):
    """@return (our key and salt, the gateway's)"""
    ctx = SSL.Context(SSL.DTLS_METHOD)
    ctx.use_certificate(cert)
    ctx.use_privatekey(key)
    ctx.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    ctx.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    conn = SSL.Connection(ctx, None)
    conn.set_connect_state()
    conn.set_ciphertext_mtu(1200)
    while True:
        try:
            conn.do_handshake()
            done = True
        except SSL.WantReadError:
            done = False
        try:
            flight = conn.bio_read(65535)
            at = 0
            while at < len(flight):     # one record a datagram
                n = 13 + struct.unpack("!H", flight[at + 11:at + 13])[0]
                r.send(flight[at:at + n])
                at += n
        except SSL.WantReadError:
            pass
        for payload in r.collect():
            conn.bio_write(payload)
        if done:
            material = conn.export_keying_material(b"EXTRACTOR-dtls_srtp", 60)
            return material[:16] + material[32:46], material[16:32] + material[46:60]


def rtp(seq, ssrc):
    body = bytes((seq * 7 + i) & 255 for i in range(160))
    return struct.pack("!BBHII", 0x80, 0, seq, 160 * seq, ssrc) + body


def sender_report(ssrc, packets):
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, 0xe0000000, 0, 160 * packets, packets, 160 * packets)


def record(gateway, wire):
    """@return (frames, what exchange.json holds)"""
    r = Recorder(gateway, wire)
    cert, key = certificate()
    fingerprint = cert.digest("sha256").decode()
    reply = gateway.set_up(fingerprint)
    r.mac = x.mac_of_port(wire)
    ufrag = re.search(r"a=ice-ufrag:(\S+)", reply)[1].encode()
    pwd = re.search(r"a=ice-pwd:(\S+)", reply)[1].encode()
    user = ufrag + b":" + x.UFRAG.encode()
    r.send(x.check(user, b"wrong" + pwd, b"transaction0"))
    r.collect()
    r.send(x.check(user, pwd, b"transaction1"))
    r.collect()
    ours, theirs = handshake(r, cert, key)
    if not any("xwrtc/dtls" in n for n in gateway.notified):
        gateway.receive("xwrtc/dtls")
    seal = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80))
    opened = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80))
    first, clear, packet = len(r.frames) + 1, [], b""
    for seq in range(65533, 65533 + PACKETS):       # over a roll-over
        plain = rtp(seq & 0xffff, 0x11223344)
        packet = seal.protect(plain)
        r.send(packet)
        r.collect()
        clear.append(plain[12:].hex())
    r.send(packet)                                  # once more: a replay
    r.collect()
    forged = bytearray(seal.protect(rtp(40, 0x11223344)))
    forged[-1] ^= 1
    r.send(bytes(forged))
    r.collect()
    for seq in range(100, 100 + PACKETS):           # from the core
        r.send(rtp(seq, 0x55667788), core=x.CORE_PEER)
        for p in r.collect():
            assert opened.unprotect(p) == rtp(seq, 0x55667788)
    r.send(seal.protect_rtcp(sender_report(0x11223344, PACKETS)))
    assert r.collect() == [sender_report(0x11223344, PACKETS)]
    report = sender_report(0x55667788, PACKETS)     # to the RTCP port of the core side
    r.send(report, core=x.CORE_PEER, port=1)
    assert [opened.unprotect_rtcp(p) for p in r.collect()] == [report]
    r.send(report, core=x.CORE_STRANGER, port=1)
    assert r.collect() == []
    time.sleep(QUIET_S)
    drops = x.counted(gateway)
    return r.frames, {"fingerprint": fingerprint, "reply": reply, "first_srtp": first, "clear": clear, "drops": drops}
