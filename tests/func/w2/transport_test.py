#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Transport of epcscf: hostile and slow clients on W2, queues and sizes on Mw, certificates."""
import ssl, warnings
from harness import *

PAD = "X" * 60000
BIG_TO = f'"{PAD}" <{BOB}>'
READ_LITTLE = 4096


def options(i, to=BIG_TO):
    """Answered by epcscf itself (403 before registration), To copied: a large answer for a large question."""
    return request("OPTIONS", "sip:localhost", branch=f"o{i}", cid=f"o{i}", to=to)


def push(w, data, limit_bytes):
    """Send until the other side takes no more or closes. @return bytes sent"""
    n = 0
    w.s.settimeout(2)
    try:
        while n < limit_bytes:
            n += w.s.send(data)
    except OSError:
        pass
    return n


@case("a frame in the same segment as the upgrade request is served")
def _(t):
    w = t.ws(behind=frame(options(1, f"<{BOB}>").encode()))
    check(w.get(None).header("Call-ID") == "o1")


@case("a message half in the segment of the upgrade request is served when the rest came")
def _(t):
    f = frame(options(1, f"<{BOB}>").encode())
    w = t.ws(behind=f[:40])
    w.s.sendall(f[40:])
    check(w.get(None).header("Call-ID") == "o1")


@case("a client that asks and never reads is cut off when its send queue is full (threat W4)")
def _(t):
    w = t.ws(rcvbuf=READ_LITTLE)
    w.s.settimeout(5)
    try:
        for i in range(400):
            w.send(options(i))
    except OSError:
        pass
    t.metric("w2_closed_slow", 1)
    t.metric("w2_connections", 0)
    check(t.rss_mb() < 600, f"{t.rss_mb()} MB")


@case("a WIC that does not read while the core sends to it is closed, and others are served meanwhile (threat W4)")
def _(t):
    slow, other = t.register(t.ws(rcvbuf=READ_LITTLE)), t.register(user="carol")
    before = t.rss_mb()
    for n in range(4000):
        t.core.send(request("MESSAGE", "sip:alice@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>",
                            extra=f"Route: {slow.path}", body="x" * 8000, ctype="text/plain"))
        if n % 40 == 39:
            other.send(request("OPTIONS", f"sip:localhost:{W2_PORT}", frm="<sip:carol@home1.example>;tag=1"))
            other.get(200)
            if t.metrics()["w2_closed_slow"]:
                break
    check(t.metrics()["w2_closed_slow"] == 1 and t.metrics()["w2_connections"] == 1, t.metrics())
    check(t.rss_mb() - before < 100, f"{before} to {t.rss_mb()} MB")


@case("a client that pings and never reads is cut off: pongs have a place in the queue's limit (threats W3, W4)")
def _(t):
    before = t.rss_mb()
    w = t.ws(rcvbuf=READ_LITTLE)
    push(w, frame(b"p" * 125, PING) * 500, 64 << 20)
    t.metric("w2_connections", 0)
    check(t.metrics()["w2_closed_slow"] == 1)
    check(t.rss_mb() - before < 60, f"{before} MB grew to {t.rss_mb()} MB")


@case("pings and pongs count in the rate of messages (threat W3)", w2={"max_messages_per_s": 50})
def _(t):
    w = t.ws()
    w.s.sendall(frame(b"", PONG) * 30 + frame(b"x", PING) * 30)
    check(w.closed() == 1008)
    t.metric("w2_closed_rate", 1)

@case("CRLF CRLF is answered with CRLF; who answers no ping is closed after the second, who does stays (W2-WS-11, RFC 5626 3.5.1)",
      w2={"ping_interval_s": 1})
def _(t):
    silent, alive = t.ws(), t.ws()
    for op in (TEXT, BINARY):
        alive.send(b"\r\n\r\n", op)
        check(alive.frame() == (TEXT, b"\r\n"), "no pong")
    for _ in range(4):
        op, data = alive.frame(5)
        check(op == PING, op)
        alive.send(data, PONG)
    check([silent.frame()[0] for _ in range(2)] == [PING, PING], "pings")
    check(silent.closed(5) == 0, "a close frame for who is not there")
    check(t.metrics()["w2_closed_ping"] == 1, "closed for another reason")
    alive.send(b"\r\n\r\n")
    while (got := alive.frame())[0] == PING:
        pass
    check(got == (TEXT, b"\r\n"), got)


@case("a message above the limit is answered 513 when it is a request, and the connection stays")
def _(t):
    w = t.ws()
    w.send(request("MESSAGE", BOB, cid="big", body="x" * 70000, ctype="text/plain"))
    r = w.get(513)
    check(r.header("Call-ID") == "big" and "tag=" in r.header("To") and r.header("CSeq") == "1 MESSAGE", r)
    w.send(options(2, f"<{BOB}>"))
    check(w.get(None).header("Call-ID") == "o2")
    check(t.metrics()["w2_refused_too_big"] == 1)


@case("a message above the limit that is no request is closed with 1009")
def _(t):
    for text in ("x" * 70000, response(options(1, f"<{BOB}>"), 200, body="x" * 70000), "x" * 140000):
        w = t.ws()
        w.send(text)
        check(w.closed() == 1009)
    t.metric("w2_closed_too_big", 3)
    t.metric("w2_connections", 0)


@case("a request above the limit in fragments gets its 513 too")
def _(t):
    w = t.ws()
    data = request("MESSAGE", BOB, body="x" * 70000, ctype="text/plain").encode()
    for at in range(0, len(data), 10000):
        w.s.sendall(frame(data[at:at + 10000], CONTINUATION if at else TEXT, fin=at + 10000 >= len(data)))
    w.get(513)


@case("65 fragments are too many: 1009")
def _(t):
    w = t.ws()
    w.s.sendall(b"".join(frame(b"x", CONTINUATION if i else TEXT, fin=False) for i in range(65)))
    check(w.closed() == 1009)
    t.metric("w2_closed_too_big", 1)


@case("a message begun and never completed is closed with 1008 (threat W4)", w2={"message_s": 1})
def _(t):
    half = frame(options(1, f"<{BOB}>").encode())[:60]
    for begin in (half, frame(b"OPT", TEXT, fin=False), frame(b"12345", PING)[:8]):
        w = t.ws()
        w.s.sendall(begin)
        check(w.closed() == 1008)
    w = t.ws()
    w.s.sendall(frame(b"OPT", TEXT, fin=False) + frame(b"x", PING))     # a ping does not end the message around it
    check(w.closed() == 1008)
    t.metric("w2_closed_stalled", 4)


@case("a message in time is not closed by the deadline of the one before", w2={"message_s": 1})
def _(t):
    w = t.ws()
    for i in range(4):
        f = frame(options(i, f"<{BOB}>").encode())
        w.s.sendall(f[:50])
        w.s.sendall(f[50:])
        check(w.get(None).header("Call-ID") == f"o{i}")
        w.none(timeout=0.4)


@case("a head that never ends, and one that comes by drops, are closed by the deadline (threat W4)", w2={"handshake_s": 1})
def _(t):
    silent, half = Ws(head=b"", wait=False), Ws(head=b"GET /w2 HTTP/1.1\r\n", wait=False)
    drops = Ws(head=b"G", wait=False)
    end = time.monotonic() + 5
    try:
        while time.monotonic() < end:
            drops.s.sendall(b"x")
            drops.s.settimeout(0.05)
            try:
                if drops.s.recv(1) == b"":
                    break
            except TimeoutError:
                pass
    except OSError:
        pass
    check(time.monotonic() < end, "fed by drops it stays")
    check(silent.closed(3) == 0 and half.closed(3) == 0)


@case("a client that does not end after its close frame is left after a while", w2={"max_connections": 1})
def _(t):
    w = t.ws()
    w.send(b"\x03\xe8", CLOSE)
    check(w.frame()[0] == CLOSE)
    until(reopens, "the place is free again", 6)


def reopens():
    try:
        Ws().close()
        return True
    except (OSError, EOFError, AssertionError):     # HTTP 503 as long as it is taken
        return False


@case("a web client that asks and never reads loses its place (threat W4)", w2={"handshake_s": 1, "max_connections": 1000})
def _(t):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect((LO, W2_PORT))
    s.settimeout(1)
    try:
        for _ in range(60000):
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    except OSError:
        pass
    t.metric("w2_closed_slow", 1)


def big_message(cid, n=3000):
    return request("MESSAGE", BOB, cid=cid, body="y" * n, ctype="text/plain")


def tcp_get(c, buf=b""):
    """One SIP message of a stream. @return (message, what is left)"""
    while b"\r\n\r\n" not in buf:
        buf += c.recv(65536)
    head, rest = buf.split(b"\r\n\r\n", 1)
    n = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(rest) < n:
        rest += c.recv(65536)
    return Sip((head + b"\r\n\r\n" + rest[:n]).decode()), rest[n:]


@case("a request above 1300 bytes goes by TCP, once, with TCP in its Via; short ones stay on UDP", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    t.core.tcp().settimeout(5)
    w.send(big_message("m1"))
    c, _ = t.core.listener.accept()
    c.settimeout(5)
    m, rest = tcp_get(c)
    check(m.header("Via").startswith("SIP/2.0/TCP ") and len(m.body) == 3000, m)
    w.send(request("MESSAGE", BOB, cid="m2", body="short", ctype="text/plain"))
    check(t.core.get("MESSAGE").header("Via").startswith("SIP/2.0/UDP "))
    c.settimeout(0.6)       # retransmissions of m1 would come at 50, 150, 350 ms
    try:
        check(not rest and not c.recv(1), "sent again over TCP")
    except TimeoutError:
        pass
    c.sendall(response(m, 200, "OK").encode())
    check(w.get(200).header("Call-ID") == "m1")
    check(t.metrics()["mw_long_by_tcp"] == 1 and t.metrics()["mw_long_by_udp"] == 0)


@case("CANCEL and ACK follow a long INVITE over TCP, from the address of mw.bind (RFC 3261 9.1, 17.1.1.3)",
      mw={"bind": f"127.0.0.5:{MW_PORT}"})
def _(t):
    w = t.ws()
    t.core.send = lambda text, ip=None: t.core.s.sendto(crlf(text).encode(), ("127.0.0.5", MW_PORT))
    t.register(w)
    t.core.tcp().settimeout(5)
    w.send(request("INVITE", BOB, branch="i1", cid="c1", extra="Subject: " + "y" * 2000, body=WIC_SDP % "actpass"))
    c, source = t.core.listener.accept()
    c.settimeout(5)
    check(source[0] == "127.0.0.5", f"the connection comes from {source[0]}")
    i, rest = tcp_get(c)
    c.sendall(crlf(response(i, 180, "Ringing")).encode())
    w.get(180)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    m, rest = tcp_get(c, rest)
    check(m.method == "CANCEL" and m.header("Via") == i.header("Via"), m)
    c.sendall(crlf(response(m, 200, "OK") + response(i, 487, "Request Terminated")).encode())
    w.get(487)
    m, rest = tcp_get(c, rest)
    check(m.method == "ACK" and m.header("Via") == i.header("Via"), m)
    t.core.none("CANCEL", 0.3)


@case("a core without TCP gets long requests by UDP", mw={"t1_ms": 500})
def _(t):
    w = t.register()
    w.send(big_message("m1"))
    m = t.core.get("MESSAGE")
    check(m.header("Via").startswith("SIP/2.0/UDP ") and len(m.body) == 3000, m)
    t.core.send(response(m, 200, "OK"))
    check(w.get(200).header("Call-ID") == "m1")
    w.send(big_message("m2"))
    check(t.core.get("MESSAGE").header("Call-ID") == "m2")
    check(t.metrics()["mw_long_by_udp"] == 1, "the second went by UDP at once")


@case("mw.udp_max_bytes says what is long", mw={"udp_max_bytes": 65535})
def _(t):
    w = t.register()
    t.core.tcp()
    w.send(big_message("m1"))
    t.core.get("MESSAGE")
    check(t.metrics()["mw_long_by_tcp"] == 0)


def blackhole():
    """A listener whose queue is full: connections hang in SYN."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((LO, CORE_PORT))
    s.listen(0)
    held = []
    for _ in range(4):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex((LO, CORE_PORT))
        held.append(c)
    return s, held


@case("what waits for a TCP connection has a limit, and goes back to UDP when nobody answers", mw={"t1_ms": 10000})
def _(t):
    w = t.register()
    hole = blackhole()
    before = t.rss_mb()
    for i in range(40):
        w.send(big_message(f"m{i}", 60000))
    t.metric("mw_long_by_tcp", 17, 4)       # 1 MB of 60 kB each
    check(t.rss_mb() - before < 60, f"{before} MB grew to {t.rss_mb()} MB")
    t.metric("mw_long_by_udp", 17, 10)
    hole[0].close()


@case("a full table of Mw connections refuses the next one and keeps listening", w2={"max_connections": 1})
def _(t):
    held = [socket.create_connection((LO, MW_PORT)) for _ in range(1024 + 20)]
    until(lambda: t.show("counters")["mw_refused_limit"] > 0, "refused")
    for c in held:
        c.close()
    t.core.tcp()

    def served():
        with socket.create_connection((LO, MW_PORT)) as c:
            c.settimeout(2)
            c.sendall(request("OPTIONS", f"sip:{LO}:{MW_PORT}", via=f"SIP/2.0/TCP {LO}:{CORE_PORT}").encode())
            try:
                return c.recv(100).startswith(b"SIP/2.0 ")
            except OSError:
                return False
    until(served, "served again", 10)


# ---- TLS ----------------------------------------------------------------------------------------------

def tls():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def alive(w, n):
    w.send(options(n, f"<{BOB}>"))
    return w.get(None).header("Call-ID") == f"o{n}"


def certificate(w):
    return w.s.getpeercert(binary_form=True)


def new_pair(t):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=renewed", "-keyout", f"{t.dir}/c.key", "-out", f"{t.dir}/c.crt"],
                   check=True, capture_output=True)


@case("SIGHUP loads a new certificate: open connections go on, new ones see it (threat W9)", w2={"insecure_ws": False})
def _(t):
    old = t.ws(tls=tls())
    first = certificate(old)
    check(alive(old, 1))
    new_pair(t)
    t.p.send_signal(signal.SIGHUP)
    t.log_wait(r" tls\.reloaded ")
    check(alive(old, 2), "the open connection")
    new = t.ws(tls=tls())
    check(certificate(new) == ssl.PEM_cert_to_DER_cert(open(f"{t.dir}/c.crt").read()) != first)
    check(alive(new, 3) and alive(old, 4))
    w = t.register(old)     # and it is a connection like any other
    check(t.invite(w, "c1").method == "INVITE")


def via_of_us(t, w):
    """What a request of ours to a WIC is marked with."""
    t.core.send(request("MESSAGE", "sip:alice@abc.invalid;transport=ws", via=t.core.via, cid="m1", contact="", body="x",
                        frm=f"<{BOB}>;tag=b9", to=f"<{ALICE}>", ctype="text/plain", extra=f"Route: {w.path}"))
    m = w.get("MESSAGE")
    return m.header("Via").split()[0], "transport=wss" in str(m)


@case("our Via to a WIC says WSS over TLS, WS in the lab; no URI says wss (W2-WS-06)", w2={"insecure_ws": False})
def _(t):
    check(via_of_us(t, t.register(t.ws(tls=tls()))) == ("SIP/2.0/WSS", False))


@case("our Via to a WIC says WS without TLS (W2-WS-06)")
def _(t):
    check(via_of_us(t, t.register()) == ("SIP/2.0/WS", False))


@case("SIGHUP with a pair that cannot be used keeps the old one", w2={"insecure_ws": False})
def _(t):
    old = t.ws(tls=tls())
    first = certificate(old)
    for name in ("c.key", "c.crt"):
        good = open(f"{t.dir}/{name}").read()
        with open(f"{t.dir}/{name}", "w") as f:
            f.write("no PEM\n")
        seen = len(t.lines)
        t.p.send_signal(signal.SIGHUP)
        until(lambda: any("tls.reload_failed" in (l or "") for l in t.lines[seen:]), "tls.reload_failed")
        new = t.ws(tls=tls())
        check(certificate(new) == first and alive(new, 1) and alive(old, 2))
        with open(f"{t.dir}/{name}", "w") as f:
            f.write(good)


@case("a TLS handshake that does not end is cut off; TLS 1.1 is refused (threat W9)", w2={"insecure_ws": False, "handshake_s": 1})
def _(t):
    silent = Ws(head=b"", wait=False)
    c = tls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)     # that it is deprecated is the point
        c.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        c.maximum_version = ssl.TLSVersion.TLSv1_1
    c.set_ciphers("ALL:@SECLEVEL=0")
    try:
        Ws(tls=c, wait=False)
        raise AssertionError("TLS 1.1 was accepted")
    except (ssl.SSLError, OSError):
        pass
    check(silent.closed(3) == 0)
    check(t.show("counters")["w2_tls_failed"] == 2)


@case("a frame behind the upgrade request, a slow reader and a close code over TLS", w2={"insecure_ws": False})
def _(t):
    w = t.ws(tls=tls(), behind=frame(options(1, f"<{BOB}>").encode()))
    check(w.get(None).header("Call-ID") == "o1")
    w.send("x" * 140000)
    check(w.closed() == 1009)
    slow = t.ws(tls=tls(), rcvbuf=READ_LITTLE)
    push(slow, frame(b"p" * 125, PING) * 500, 64 << 20)
    until(lambda: t.show("counters")["w2_connections"] == 0, "cut off")
    check(t.show("counters")["w2_closed_slow"] == 1)


run()
