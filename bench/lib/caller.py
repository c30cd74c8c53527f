# SPDX-License-Identifier: Apache-2.0
"""Calls at eimsagw as its peers make them: H.248 as the IMS-ALG, ICE and DTLS as the browser. Used by duel and pktgen."""
import hashlib
import hmac
import os
import re
import socket
import struct
import time
import zlib

from OpenSSL import SSL, crypto
from cryptography.hazmat.primitives.asymmetric import ec

PATIENCE_S = 15


class CallError(Exception):
    """The gateway refused or did not answer."""


def stun_check(user, pwd):
    def attribute(kind, value):
        return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)
    body = attribute(0x0006, user) + attribute(0x0024, struct.pack("!I", 1845501695)) + attribute(0x802a, b"\1" * 8) + \
        attribute(0x0025, b"")
    transaction = os.urandom(12)
    head = struct.pack("!HHI", 1, len(body) + 24, 0x2112a442) + transaction
    body += attribute(0x0008, hmac.new(pwd, head + body, hashlib.sha1).digest())
    head = struct.pack("!HHI", 1, len(body) + 8, 0x2112a442) + transaction
    return head + body + attribute(0x8028, struct.pack("!I", zlib.crc32(head + body) ^ 0x5354554e))


class Caller:
    """
    iq: a UDP socket bound to the controller's address, gateway: (ip, port) of its Iq end; access_socket: bound UDP socket that
    is the browser of every call; core: (ip, port) that is the phone of every call.
    """
    UFRAG, PWD = "duelduel", "duelpasswordduelpassword"

    def __init__(self, iq, gateway, access_socket, core):
        self.iq, self.gateway, self.socket, self.core = iq, gateway, access_socket, core
        self.access, self.me = access_socket.getsockname(), iq.getsockname()[0]
        self.iq.settimeout(PATIENCE_S)
        self.tid, self.checks, self.certificate = 0, [], make_certificate()
        self.keys = []      # of each call: (what we seal with, what the gateway seals with), master key and salt in hexadecimal
        self.fingerprint = self.certificate[0].digest("sha256").decode()

    def receive(self, wanted):
        while True:
            try:
                data, peer = self.iq.recvfrom(65535)
            except socket.timeout:
                raise CallError(f"eimsagw: no {wanted} on Iq") from None
            text = data.decode()
            request = re.search(r"\bT=(\d+)\{C=(\w+|-)\{(SC|N)=(\S+?)\{", text)
            if request:
                tid, context, command, term = request.groups()
                body = f"{command}={term}" + ("{SV{V=3,PF=ThreeGIq/2}}" if command == "SC" else "")
                self.iq.sendto(f"!/3 [{self.me}]:2944 P={tid}{{C={context}{{{body}}}}}".encode(), peer)
            if wanted in text:
                return text

    def request(self, body):
        self.tid += 1
        self.iq.sendto(f"!/3 [{self.me}]:2944 T={self.tid}{{{body}}}".encode(), self.gateway)
        text = self.receive(f"P={self.tid}{{")
        if "ER=" in text:
            raise CallError(text)
        return text

    def call(self, _):
        reply = self.request("""C=${A=ip/$/$/${M{ST=1{O{MO=SR,ipdc/realm="access"},L{
v=0
c=IN IP4 $
m=audio $ UDP/TLS/RTP/SAVPF 0
a=rtcp-mux
a=ice-ufrag:$
a=ice-pwd:$
a=candidate:$
a=fingerprint:sha-256 $
a=setup:passive
},R{
v=0
c=IN IP4 %s
m=audio %d UDP/TLS/RTP/SAVPF 0
a=rtcp-mux
a=ice-ufrag:%s
a=ice-pwd:%s
a=fingerprint:sha-256 %s
a=setup:active
}}},E=7{xwrtc/dtls{ST=1}},SG{mgastuns/astuns{ST=1}}},A=ip/$/$/${M{ST=1{O{MO=SR,ipdc/realm="core"},L{
v=0
c=IN IP4 $
m=audio $ RTP/AVP 0
},R{
v=0
c=IN IP4 %s
m=audio %d RTP/AVP 0
}}}}}""" % (*self.access, self.UFRAG, self.PWD, self.fingerprint, *self.core))
        ports = [int(p) for p in re.findall(r"m=audio (\d+)", reply)]
        addresses = re.findall(r"c=IN IP4 (\S+)", reply)
        user = (re.search(r"a=ice-ufrag:(\S+)", reply)[1] + ":" + self.UFRAG).encode()
        gateway = (addresses[0], ports[0])
        self.checks.append((gateway, user, re.search(r"a=ice-pwd:(\S+)", reply)[1].encode()))
        self.check(self.checks[-1:], True)
        self.handshake(gateway)
        return addresses[1], ports[1]

    def check(self, which, wait):
        """Consent; the first one of a call also opens it."""
        for gateway, user, pwd in which:
            end = time.monotonic() + PATIENCE_S
            self.socket.settimeout(0.2)
            while True:
                self.socket.sendto(stun_check(user, pwd), gateway)
                try:
                    if not wait or self.socket.recv(2048)[:2] == b"\x01\x01":
                        break
                except socket.timeout:
                    if time.monotonic() > end:
                        raise CallError("eimsagw does not answer checks") from None

    def keep(self, _):
        self.check(self.checks, False)

    def handshake(self, gateway):
        ctx = SSL.Context(SSL.DTLS_METHOD)
        ctx.use_certificate(self.certificate[0])
        ctx.use_privatekey(self.certificate[1])
        ctx.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        ctx.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
        conn = SSL.Connection(ctx, None)
        conn.set_connect_state()
        conn.set_ciphertext_mtu(1200)
        self.socket.settimeout(PATIENCE_S)
        while True:
            try:
                conn.do_handshake()
                done = True
            except SSL.WantReadError:
                done = False
            try:
                flight, at = conn.bio_read(65535), 0
                while at < len(flight):
                    n = 13 + struct.unpack("!H", flight[at + 11:at + 13])[0]
                    self.socket.sendto(flight[at:at + n], gateway)
                    at += n
            except SSL.WantReadError:
                pass
            if done:
                self.keys.append(srtp_keys(conn))
                self.receive("xwrtc/dtls")
                return
            data = self.socket.recv(65535)
            if 20 <= data[0] <= 63:
                conn.bio_write(data)


def srtp_keys(conn):
    """RFC 5764 4.2; we are the DTLS client."""
    k = conn.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (16 + 14))
    return (k[:16] + k[32:46]).hex(), (k[16:32] + k[46:]).hex()


def make_certificate():
    key = crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()))
    cert = crypto.X509()
    cert.get_subject().CN = "duel"
    cert.set_serial_number(1)
    cert.gmtime_adj_notBefore(-3600)
    cert.gmtime_adj_notAfter(86400)
    cert.set_issuer(cert.get_subject())
    cert.set_pubkey(key)
    cert.sign(key, "sha256")
    return cert, key
