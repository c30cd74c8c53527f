#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 4475, RFC 5118 and faults of other servers over WebSocket, UDP and TCP: the verdict of each message, and a healthy
process behind it.
Header sizes and copies, Content-Length, multipart bodies and long descriptions (threats P1 to P4, P9, P11)."""
from harness import *
from torture_faults import *

UDP_ONLY = {"udp_max_bytes": 65535, "t1_ms": 10000}     # no repetitions in between, nothing that leaves for TCP


# ---- the three ways in ------------------------------------------------------------------------------------

class Near:
    """Where a message is sent from, and the far side it would come out at."""
    def __init__(self, t, wic):
        self.t, self.wic, self.n = t, wic, 0

    def replies(self):
        """What came, until the answer to a question that is sent now: all before it has been worked on."""
        self.n += 1
        ask = f"probe{self.n}x{fresh()}"
        self.send(crlf(request("OPTIONS", self.us, cid=ask, via=self.via, extra="")).encode())
        seen = []
        while True:
            m = self.recv()
            check(m is not None, f"no answer to the question behind it; {[x.start for x in seen]}")
            if m.header("Call-ID") == ask:
                check(m.status == 200, m)
                return seen
            seen.append(m)

    def far_has(self, token):
        """Messages with the token that have come out at the far side."""
        found = []
        while m := self.far.recv(0.05 if not found else 0.01):
            if token in m and m not in found:
                found.append(m)
        return found


class OverWs(Near):
    name, us, via = "ws", "sip:localhost", "SIP/2.0/WS abc.invalid"

    def __init__(self, t, wic):
        super().__init__(t, wic)
        self.far, self.me, self.to = t.core, "sip:alice@home1.example", BOB

    def send(self, data):
        self.wic.s.sendall(frame(data, BINARY))

    def recv(self):
        return self.wic.recv(3)

    def fresh(self):
        """Another connection, with the registration on it."""
        self.wic = self.t.register(self.t.ws(), cseq=100 + self.n)

    def sdp(self, change):
        text = WIC_SDP % "actpass"
        if change:
            text = text.replace("c=IN IP4 0.0.0.0", {"ip6": "c=IN IP6 ::", "both": "c=IN IP4 0.0.0.0",
                                                     "mapped": "c=IN IP6 ::ffff:192.0.2.10"}[change])
        return text.replace("t=0 0", "c=IN IP6 ::\nt=0 0") if change == "both" else text


class OverMw(Near):
    def __init__(self, t, wic):
        super().__init__(t, wic)
        self.far, self.me, self.to = wic, BOB, "sip:alice@abc.invalid;transport=ws"
        self.us = f"sip:{LO}:{MW_PORT}"

    def sdp(self, change):
        text = CORE_SDP
        if change in ("ip6", "both"):
            text = text.replace("IN IP4 127.0.0.1", "IN IP6 2001:db8::20")
        if change == "both":
            text += "c=IN IP4 192.0.2.1\n"
        return text.replace("c=IN IP4 127.0.0.1", "c=IN IP6 ::ffff:192.0.2.10") if change == "mapped" else text


class OverUdp(OverMw):
    name, via = "udp", f"SIP/2.0/UDP {LO}:{CORE_PORT}"

    def send(self, data):
        self.t.core.s.sendto(data, (LO, MW_PORT))

    def recv(self):
        return self.t.core.recv(3)

    def fresh(self):
        pass


class OverTcp(OverMw):
    name, via = "tcp", f"SIP/2.0/TCP {LO}:{CORE_PORT}"

    def __init__(self, t, wic):
        super().__init__(t, wic)
        self.fresh()

    def fresh(self):
        self.s, self.buf = socket.create_connection((LO, MW_PORT)), b""
        self.s.settimeout(3)

    def send(self, data):
        self.s.sendall(data)

    def recv(self):
        try:
            while b"\r\n\r\n" not in self.buf:
                b = self.s.recv(65536)
                if not b:
                    return None
                self.buf += b
            head, rest = self.buf.split(b"\r\n\r\n", 1)
            n = int(re.search(rb"Content-Length: (\d+)", head).group(1))
            while len(rest) < n:
                rest += self.s.recv(65536)
        except OSError:
            return None
        self.buf = rest[n:]
        return Sip((head + b"\r\n\r\n" + rest[:n]).decode(errors="replace"))


# ---- one message --------------------------------------------------------------------------------------------

def question(n, token):
    """The request a response of the sender's answers."""
    if n.name == "ws":
        n.t.core.send(request("MESSAGE", n.to_wic, branch=token, cid=token, via=n.t.core.via, frm=f"<{BOB}>;tag=b1",
                              to=f"<{ALICE}>", extra=f"Route: {n.wic.path}", body="?", ctype="text/plain"))
        return n.wic.get("MESSAGE")
    n.wic.send(request("MESSAGE", BOB, branch=token, cid=token, body="?", ctype="text/plain"))
    return n.t.core.get("MESSAGE")


def headers_for_answer(asked, cseq=None):
    keep = ("via", "from", "to", "call-id", "cseq")
    lines = [l for l in asked.split("\r\n\r\n", 1)[0].split("\r\n")[1:] if l.split(":")[0].lower() in keep]
    if cseq:
        lines = ["CSeq: " + cseq if l.lower().startswith("cseq:") else l for l in lines]
    return "\n".join(l + (";tag=a1" if l.lower().startswith("to:") and ";tag=" not in l else "") for l in lines)


def fill(n, m, token):
    """The bytes of a message for this way in."""
    text = m.text
    if "@ANSWER" in text:
        asked = question(n, token)
        text = re.sub(r"@ANSWER(?: CSEQ=([^@]+))?@", lambda x: headers_for_answer(asked, x.group(1)), text)
    route = "" if n.name == "ws" else f"Route: {n.wic.path}\n"
    head, _, body = text.partition("\n\n")
    start, rest = head.split("\n", 1)
    if not start.startswith("SIP/2.0 "):
        rest = route + rest
    body = re.sub(r"@SDP ?(\w*)@", lambda x: n.sdp(x.group(1)), body)
    for a, b in (("@VIA@", f"{n.via};branch=z9hG4bK{token};rport"), ("@VIA0@", n.via), ("@CID@", token),
                 ("@TO@", n.to), ("@ME@", n.me)):
        start, rest, body = start.replace(a, b), rest.replace(a, b), body.replace(a, b)
    rest, body = rest.rstrip("\n"), crlf(body)
    if "content-length" not in rest.lower():
        rest += f"\nContent-Length: {len(body.encode())}"
    return (crlf(f"{start}\n{rest}\n\n") + body).encode()


def judge(n, m, verdict, token):
    n.send(fill(n, m, token))
    if isinstance(verdict, Waits):
        n.s.settimeout(0.2)
        try:
            check(n.s.recv(1) is None, "an answer or an end")
        except TimeoutError:
            pass
        n.fresh()
        return
    if isinstance(verdict, Closed):
        codes = []
        while x := n.recv():
            if token in x or not x.header("Call-ID"):   # answers to those before may still come
                codes.append(x.status)
        check(not codes or codes[0] in verdict.codes, f"got {codes}")
        check(codes or not verdict.codes, "no answer before the end")
        n.fresh()
        return
    if isinstance(verdict, Passes):
        got = []
        end = time.monotonic() + 2
        while not got and time.monotonic() < end:
            got = n.far_has(token)
        check(got, f"nothing came out, the sender got {[x.start for x in n.replies()]}")
        for w in verdict.words:
            w = w.replace("@CID@", token)
            check(w in got[0], f"no {w[:60]!r} in\n{got[0][:1500]}")
        if got[0].method not in ("", "ACK"):
            back = response(got[0], 404, "Not Found")
            n.far.send(back)
    replies = n.replies()
    finals = [x.status for x in replies if token in x and x.status >= 200]
    if isinstance(verdict, Refused):
        check(finals and finals[0] in verdict.codes, f"got {finals}")
        check(not n.far_has(token), "and yet it came out")
    if isinstance(verdict, Dropped):
        check(not finals and not n.far_has(token), f"got {finals}")


def all_over(t, way):
    wic = t.register()
    n = way(t, wic)
    n.to_wic = "sip:alice@abc.invalid;transport=ws"
    failed = []
    for m in MESSAGES:
        try:
            judge(n, m, m.on.get(n.name, m.verdict), f"t{fresh()}")
            check(t.p.poll() is None, "the process has ended")
        except (AssertionError, OSError, EOFError) as e:
            failed.append(f"{m.section} {m.name}: {e}")
            n.fresh()
    check(not failed, f"{len(failed)} of {len(MESSAGES)}:\n" + "\n".join(failed))


@case("RFC 4475, RFC 5118 and faults others had, over WebSocket (threats P1, P4)", mw=UDP_ONLY)
def _(t):
    all_over(t, OverWs)


@case("RFC 4475, RFC 5118 and faults others had, over UDP (threats P1, P4)", mw=UDP_ONLY)
def _(t):
    all_over(t, OverUdp)


@case("RFC 4475, RFC 5118 and faults others had, over TCP (threats P1, P4)", mw=UDP_ONLY)
def _(t):
    all_over(t, OverTcp)


@case("every subsection has its message")
def _(t):
    have = {m.section for m in MESSAGES}
    want = [f"4475 3.1.1.{i}" for i in range(1, 14)] + [f"4475 3.1.2.{i}" for i in range(1, 20)] + ["4475 3.2.1"] + \
        [f"4475 3.3.{i}" for i in range(1, 16)] + ["4475 3.4.1"] + \
        [f"5118 4.{i}" for i in (1, 2, 3, 4, "5.1", "5.2", 6, 7, 8, 9, "10.1", "10.2")]
    check(len(want) == 49 + 12 and not set(want) - have, set(want) - have)


# ---- sizes (threats P2, P3, P9) ----------------------------------------------------------------------------

NAMES = ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Route", "Record-Route", "Accept", "Allow",
         "Supported", "Require", "Proxy-Require", "Authorization", "P-Preferred-Identity", "Expires", "Privacy",
         "Content-Type", "Content-Disposition", "Event", "Session-Expires", "User-Agent", "X-Unknown"]


def verdict_of(w, data):
    """What becomes of a message: "400", "out", "closed 1002" ... The connection is asked whether it still serves."""
    w.s.sendall(frame(data))
    w.send(request("OPTIONS", "sip:localhost", cid="after"))
    got = "none"
    try:
        while True:
            op, raw = w.frame(5)
            if op == CLOSE:
                return f"closed {int.from_bytes(raw[:2], 'big')}"
            m = Sip(raw.decode(errors="replace"))
            if m.header("Call-ID") == "after":
                return got
            if m.status >= 200:
                got = str(m.status)
    except TimeoutError:
        raise AssertionError("neither an answer nor an end")
    except (OSError, EOFError):
        return "closed 0"


@case("every header from 1 octet to 60 kB: an answer or a close with a code, never silence (threat P2)", mw=UDP_ONLY)
def _(t):
    w = t.ws()
    base = request("OPTIONS", "sip:localhost", cid="size", extra="")
    for name in NAMES:
        for n in (1, 100, 5000, 60000):
            for value in ("x" * n, '"' * n, "<" * n, "," * n, ";=" * (n // 2), "9" * n):
                lines = [l for l in base.split("\r\n\r\n")[0].split("\r\n") if not l.startswith(name + ":")]
                got = verdict_of(w, ("\r\n".join([*lines, f"{name}: {value}"]) + "\r\n\r\n").encode())
                check(got in ("400", "403", "420", "closed 1002"), f"{name} with {n} of {value[:2]}: {got}")
                if got.startswith("closed"):
                    w = t.ws()


@case("a header that comes 2, 200, 300 or 10000 times (threat P2)", mw=UDP_ONLY)
def _(t):
    base = request("OPTIONS", "sip:localhost", cid="n", extra="").replace("\r\n\r\n", "\r\n")
    for name in NAMES:
        for n in (2, 200, 300, 10000):
            w = t.ws()
            value = {"Via": "SIP/2.0/WS x.invalid;branch=z9hG4bKa", "Contact": "<sip:a@b>", "Route": "<sip:a@b;lr>",
                     "Record-Route": "<sip:a@b;lr>"}.get(name, "1")
            got = verdict_of(w, (base + f"{name}: {value}\r\n" * n + "\r\n").encode())
            check(got in (("200", "400", "403", "420") if n < 250 else ("513", "closed 1009", "closed 1002")),
                  f"{name} {n} times: {got}")
            w.close()


@case("Content-Length in every wrong form (threat P2)", mw=UDP_ONLY)
def _(t):
    w = t.register()
    head = request("MESSAGE", BOB, cid="len", ctype="text/plain").split("Content-Length")[0]
    for v in ("-1", "2147483648", "4294967296", "4294967300", "18446744073709551620", "0x4", "4.0", "4 4", "4,4", "+4",
              "four", "", "3", "5", "99999999999999999999999999"):
        got = verdict_of(w, f"{head}Content-Length: {v}\r\n\r\nbody".encode())
        check(got in ("400", "513"), f"{v!r}: {got}")
    for text in (f"{head}Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
                 f"{head}l: 4\r\nContent-Length: 4\r\n\r\nbody"):
        check(verdict_of(w, text.encode()) == "400")
    t.core.none("MESSAGE", 0.1)
    for good in ("4", "004", " 4 "):
        w.send(f"{head}Content-Length:{good}\r\n\r\nbody".replace("z9hG4bK", "z9hG4bK" + fresh()))
        check(t.core.get("MESSAGE").body == "body")


@case("TCP without Content-Length, or with one that cannot be believed: 400, then the end")
def _(t):
    for line in ("", "Content-Length: -1\r\n", "Content-Length: x\r\n", "Content-Length: 1\r\nl: 2\r\n"):
        c = socket.create_connection((LO, MW_PORT))
        c.settimeout(5)
        head = request("OPTIONS", f"sip:{LO}:{MW_PORT}", via=f"SIP/2.0/TCP {LO}:{CORE_PORT}").split("Content-Length")[0]
        c.sendall(f"{head}{line}\r\n".encode())
        data = b""
        while b := c.recv(65536):
            data += b
        check(data.startswith(b"SIP/2.0 400 "), (line, data))
    check(t.show("counters")["mw_closed_framing"] == 4)


def part(boundary, text, ctype="application/sdp"):
    return f"--{boundary}\nContent-Type: {ctype}\n\n{text}\n"


@case("multipart bodies, well made and not, are refused with 415 in calls (threat P3)")
def _(t):
    w = t.register()
    sdp = WIC_SDP % "actpass"
    nested = sdp
    for i in range(100):
        nested = part(f"n{i}", nested, f"multipart/mixed;boundary=n{i - 1}") + f"--n{i}--\n"
    for ctype, body in (("multipart/mixed;boundary=b", part("b", sdp) + "--b--\n"),
                        ("multipart/mixed;boundary=b", part("b", sdp)), ("multipart/mixed", part("b", sdp)),
                        ('multipart/mixed;boundary=""', part("", sdp)), ("multipart/mixed;boundary=", part("", sdp)),
                        (f'multipart/mixed;boundary="{"b" * 71}"', part("b" * 71, sdp)),
                        ('multipart/mixed;boundary="b', part("b", sdp)), ("multipart/mixed;boundary=n99", nested),
                        ("multipart/mixed;boundary=b", "--b\n" * 5000)):
        w.send(request("INVITE", BOB, cid="mp", body=body, ctype=ctype))
        r = w.get(415)
        check("application/sdp" in r.header("Accept"), r)
    t.core.none("INVITE", 0.1)
    w.send(request("MESSAGE", BOB, cid="mp", body=nested, ctype="multipart/mixed;boundary=n99"))
    until(lambda: t.core.recv(1), "outside of calls bodies are none of our business")


@case("descriptions of any size and number of lines: refused or taken, at once (threat P9)", mw=UDP_ONLY)
def _(t):
    w = t.register()
    base = WIC_SDP % "actpass"
    line = "m=audio 9 UDP/TLS/RTP/SAVPF 0\nc=IN IP4 0.0.0.0\na=mid:%d\n"
    for n, body in enumerate((base + "a=x\n" * 15000, base + "a=" + "x" * 60000 + "\n",
                              base + "".join(line % i for i in range(1, 900)),
                              base + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n" * 1200,
                              base + "a=fmtp:0 " + "x=1;" * 14000 + "\n", base.replace("SAVPF 0", "SAVPF" + " 0" * 30000),
                              base + "a=rtpmap:255 x/1\na=rtpmap:-1 x/1\na=rtpmap:99999999999 x/8000\n" * 700,
                              "v=0\n" * 16000, "\n" * 60000, "v=0\no=" + "1" * 60000 + "\n")):
        w.send(request("INVITE", BOB, cid=f"sdp{n}", body=body))
        def result():
            m = w.recv(0.05)
            if m and m.status >= 200:
                return m
            m = t.core.recv(0.05)
            return m if m and m.method == "INVITE" else None
        r = until(result, f"description {n}")
        check(r.status in (0, 400, 404, 413, 488, 503, 513), r.start)
        if r.method == "INVITE":
            t.core.send(response(r, 404, "Not Found"))
            w.get(404)
    until(lambda: t.show("counters")["calls"] == 0, "no call is left")


@case("signs that command a terminal do not reach the log (threat P11)", log={"level": "debug"})
def _(t):
    evil = "\x1b[2J\x1b]0;owned\x07<script>"
    for m in (request("MESSAGE", BOB, cid="log" + evil), request("OPTIONS", BOB, frm=f'"{evil}" <{ALICE}>;tag=1'),
              request("FROB" + evil, BOB), request("MESSAGE", "sip:" + evil, cid="x")):
        w = t.ws()
        w.send(m)
        w.recv(3)       # an answer, or the end
    head = HEAD.replace(b"\r\n\r\n", b"\r\nOrigin: https://" + evil.encode() + b"\r\n\r\n")
    s = socket.create_connection((LO, W2_PORT))
    s.sendall(head)
    s.settimeout(3)
    check(s.recv(100).startswith(b"HTTP/1.1 400"))
    check("\x1b" not in t.log() and "\x07" not in t.log())


run()
