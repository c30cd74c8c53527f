# SPDX-License-Identifier: Apache-2.0
"""Addresses of the rig, SIP messages and descriptions, checks and waits."""
import random, time

LO = "127.0.0.1"
W2_PORT, MW_PORT, CORE_PORT, IQ_PORT, MG_PORT = 8180, 5170, 5160, 2954, 2955
CORE_URI = f"sip:bob@{LO}:{CORE_PORT}"
ALICE, BOB = "sip:alice@home1.example", "sip:bob@home1.example"
HEAD = (f"GET /w2 HTTP/1.1\r\nHost: localhost:{W2_PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: sip\r\n\r\n").encode()
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

WIC_SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 0
c=IN IP4 0.0.0.0
a=ice-ufrag:Yx3d
a=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0
a=fingerprint:sha-256 11:22
a=setup:%s
a=mid:0
a=rtcp-mux
"""
CORE_SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 30100 RTP/AVP 0
"""
DATA_CORE_LOCAL = """v=0
c=IN IP4 127.0.0.1
m=application 30000 UDP/DTLS/SCTP webrtc-datachannel
a=sctp-port:5000
a=fingerprint:sha-256 33:44
a=setup:active
"""
MSRP_CORE_LOCAL = """v=0
c=IN IP4 127.0.0.1
m=message 30000 TCP/MSRP *
a=path:msrp://127.0.0.1:30000/s1;tcp
"""
CHANNEL_LOCAL = """v=0
c=IN IP4 -
m=application - UDP/DTLS/SCTP webrtc-datachannel
a=dcmap:%s subprotocol="msrp"
a=dcsa:%s path:msrps://gw.invalid:2855/s1;dc
"""
DATA_ACCESS_LOCAL = """v=0
c=IN IP4 127.0.0.1
m=application 40000 UDP/DTLS/SCTP webrtc-datachannel
a=sctp-port:5000
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=ice-lite
a=candidate:1 1 UDP 2130706431 127.0.0.1 40000 typ host
a=fingerprint:sha-256 AA:BB
a=setup:passive
"""
ACCESS_LOCAL = """v=0
c=IN IP4 127.0.0.1
m=audio 40000 UDP/TLS/RTP/SAVPF 0
a=rtpmap:0 PCMU/8000
a=rtcp-mux
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host
a=fingerprint:sha-256 11:22
a=setup:passive
a=ice-lite
"""
CORE_LOCAL = "v=0\nc=IN IP4 127.0.0.1\nm=audio 30000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"


def check(ok, what="condition does not hold"):
    if not ok:
        raise AssertionError(what)


def until(test, what, timeout=5):
    """Wait for a state that gives no event of its own; returns what test() returned."""
    end = time.monotonic() + timeout
    while True:
        v = test()
        if v:
            return v
        check(time.monotonic() < end, f"not within {timeout} s: {what}")
        time.sleep(0.02)


class Sip(str):
    """One SIP message with CRLF line ends."""
    @property
    def start(self): return self.split("\r\n", 1)[0]
    @property
    def status(self): return int(self.split(" ", 2)[1]) if self.startswith("SIP/2.0 ") else 0
    @property
    def method(self): return "" if self.status else self.split(" ", 1)[0]
    @property
    def body(self): return self.split("\r\n\r\n", 1)[1]

    def headers(self, name):
        lines = self.split("\r\n\r\n", 1)[0].split("\r\n")[1:]
        return [l.split(":", 1)[1].strip() for l in lines if l.split(":")[0].strip().lower() == name.lower()]

    def header(self, name):
        return (self.headers(name) + [""])[0]

    def is_a(self, what):
        """what: a method, a status number, or None for any."""
        return what is None or (self.status == what if isinstance(what, int) else self.method == what)


def crlf(text):
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def build(start, headers, extra, body, ctype):
    body = crlf(body)
    lines = [start, *headers, *(l for l in extra.strip().split("\n") if l)]
    if body:
        lines.append("Content-Type: " + ctype)
    lines.append(f"Content-Length: {len(body.encode())}")
    return Sip("\r\n".join(lines) + "\r\n\r\n" + body)


def fresh():
    return f"{random.randrange(1 << 40):x}"


def request(method, uri, branch=None, cid=None, cseq=1, via="SIP/2.0/WS abc.invalid", frm=f"<{ALICE}>;tag=a1",
            to=f"<{BOB}>", contact="<sip:alice@abc.invalid;transport=ws>", extra="", body="",
            ctype="application/sdp"):
    h = [f"Via: {via};branch=z9hG4bK{branch or fresh()};rport", "Max-Forwards: 70", "From: " + frm, "To: " + to,
         f"Call-ID: {cid or fresh()}", f"CSeq: {cseq} {method}"]
    return build(f"{method} {uri} SIP/2.0", h + (["Contact: " + contact] if contact else []), extra, body, ctype)


def response(req, status, reason="Text", extra="", tag="ct", body="", ctype="application/sdp"):
    h = []
    for line in req.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
        name = line.split(":")[0].strip().lower()
        if name in ("via", "from", "call-id", "cseq", "record-route"):
            h.append(line)
        elif name == "to":
            h.append(line if ";tag=" in line or not tag or status == 100 else f"{line};tag={tag}")
    return build(f"SIP/2.0 {status} {reason}", h, extra, body, ctype)
