#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The edge of epcscf under pressure: rates of sources and users, overload that refuses new work first, storms, TLS."""
import ssl
from harness import *

NO_LIMITS = {"max_connections_per_source": 100000, "max_connections": 100000}


def http(head, tls=None):
    """The answer to a request head. b"": closed without one"""
    s = socket.create_connection((LO, W2_PORT))
    s.settimeout(5)
    data = b""
    try:
        if tls:
            s = tls.wrap_socket(s, server_hostname="localhost")
        s.sendall(head)
        while b := s.recv(65536):
            data += b
    except OSError:
        pass
    s.close()
    return data


def message(cid=None, **k):
    return request("MESSAGE", BOB, cid=cid, body="hello", ctype="text/plain", **k)


def load(t, state, timeout=10):
    """Wait for a load state: 0 normal, 1 high, 2 overload. Asked over the control socket: it is never refused."""
    until(lambda: t.show("counters")["overload_state"] == state, f"load state {state}", timeout)


def flat(t, shut):
    """Nothing is let in."""
    until(lambda: t.show("counters")["overload_admit_percent"] == (0 if shut else 100), "admitted", 10)


# ---- rates ----------------------------------------------------------------------------------------------

@case("a source that connects too often is turned away, and let in again later", w2={"connections_per_s_source": 2})
def _(t):
    let_in = sum(http(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") != b"" for _ in range(30))
    check(19 <= let_in <= 25, f"{let_in} of 30")
    check(t.show("counters")["w2_refused_rate_source"] == 30 - let_in)
    until(lambda: http(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "let in again")


@case("sources of one prefix share a rate", w2={"connections_per_s_prefix": 2})
def _(t):
    let_in = 0
    for i in range(30):
        s = socket.socket()
        s.bind((f"127.0.0.{i + 2}", 0))
        s.settimeout(5)
        s.connect((LO, W2_PORT))
        try:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let_in += s.recv(10) != b""
        except OSError:
            pass
        s.close()
    check(19 <= let_in <= 25, f"{let_in} of 30")
    check(t.show("counters")["w2_refused_rate_prefix"] == 30 - let_in)


@case("connections of one source have a limit, those of another have their own", w2={"max_connections_per_source": 3})
def _(t):
    for _ in range(3):
        t.ws()
    check(http(HEAD) == b"")
    other = socket.socket()
    other.bind(("127.0.0.9", 0))
    other.settimeout(5)
    other.connect((LO, W2_PORT))
    other.sendall(HEAD)
    check(b" 101 " in other.recv(1000))
    t.sockets.pop(0).close()
    until(lambda: b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE)), "a place is free again")
    other.close()


@case("a node that is full says so with HTTP 503 and Retry-After", w2={"max_connections": 2})
def _(t):
    held = [t.ws(), t.ws()]
    for head in (HEAD, b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n"):
        answer = http(head)
        check(answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer, answer)
    check(t.show("counters")["w2_refused_full"] == 1)
    held[0].close()
    until(lambda: b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE)), "a place is free again")


@case("connections beyond the limit are told so up to a number, and dropped above it", w2={"max_connections": 1})
def _(t):
    t.ws()
    silent = [socket.create_connection((LO, W2_PORT)) for _ in range(64)]
    until(lambda: http(HEAD) == b"", "dropped")
    check(t.show("counters")["w2_refused_limit"] > 0)
    for s in silent:
        s.close()
    until(lambda: http(HEAD).startswith(b"HTTP/1.1 503 "), "told again")


@case("a user above the rate gets 503 with Retry-After, on whatever connection; another user does not",
      w2={"requests_per_s_user": 2})
def _(t):
    w, bob = t.register(), t.register(user="bob")
    for i in range(24):
        w.send(message(f"m{i}"))
    r = w.get(503)
    check(5 <= int(r.header("Retry-After")) <= 10, r)
    bob.send(message("bobs"))
    until(lambda: t.core.get("MESSAGE").header("Call-ID") == "bobs", "bob's message")
    again = t.register(t.ws(), cseq=2)      # the same instance over a new connection: the same user
    for i in range(4):
        again.send(message(f"n{i}"))
    again.get(503)
    check(t.show("counters")["rate_refused_source"] == 0)


@case("requests above the rate of a source are refused, those inside a dialog are not", w2={"requests_per_s_source": 2})
def _(t):
    w = t.register()
    for i in range(40):
        w.send(message(f"m{i}"))
    r = w.get(503)
    check(5 <= int(r.header("Retry-After")) <= 10, r)
    w.send(request("INFO", BOB, cid="d1", to=f"<{BOB}>;tag=x"))
    check(t.core.get("INFO").header("Call-ID") == "d1")
    check(t.show("counters")["rate_refused_source"] > 0)


# ---- overload -------------------------------------------------------------------------------------------

def overloaded(t, w, limit):
    """The core leaves so many MESSAGEs unanswered that nothing new is let in. @return the MESSAGEs"""
    for i in range(limit):
        w.send(message(f"load{i}"))
    held = [t.core.get("MESSAGE") for _ in range(limit)]
    load(t, 2)
    flat(t, True)
    return held


def call_out(t, w):
    """An answered call "c1". @return To of its dialog"""
    i = t.invite(w, "c1")
    t.core.send(response(i, 200, "OK", f"Contact: <{CORE_URI}>", body=CORE_SDP))
    to = w.get(200).header("To")
    w.send(request("ACK", CORE_URI, cid="c1", to=to))
    t.core.get("ACK")
    return to


def relax(t, held):
    for m in held:
        t.core.send(response(m, 200, "OK"))
    load(t, 0)


@case("overload refuses new requests and connections, and nothing that was there before (threat P8)",
      overload={"transactions": 10}, mw={"t1_ms": 10000})
def _(t):
    w, idle = t.register(), t.ws()
    to = call_out(t, w)
    held = overloaded(t, w, 10)

    for m in (message("new"), request("SUBSCRIBE", BOB, cid="new", extra="Event: presence"),
              request("INVITE", BOB, cid="new", body=WIC_SDP % "actpass"), request("FROB", BOB, cid="new")):
        w.send(m)
        r = w.get(503)
        check(r.header("Call-ID") == "new" and 5 <= int(r.header("Retry-After")) <= 10, r)
    idle.send(request("REGISTER", "sip:home1.example", frm="<sip:eve@home1.example>;tag=1",
                      to="<sip:eve@home1.example>", extra="Expires: 3600",
                      contact="<sip:eve@abc.invalid;transport=ws>"))
    idle.get(503)
    answer = http(HEAD)
    check(answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer, answer)
    check(b" 200 " in http(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

    t.register(w, cseq=2)                                           # a refresh
    w.send(request("INFO", CORE_URI, cid="c1", cseq=5, to=to))     # in the dialog
    t.core.send(response(t.core.get("INFO"), 200, "OK"))
    w.get(200)
    w.send(request("INVITE", "urn:service:sos", cid="sos", to="<urn:service:sos>", body=WIC_SDP % "actpass"))
    until(lambda: get(w, None, 5, "WIC").header("Call-ID") == "sos", "an answer to the emergency call")
    w.send(request("BYE", CORE_URI, cid="c1", cseq=6, to=to))
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    w.get(200)
    c = t.show("counters")
    check(c["overload_refused"] == 5 and c["overload_refused_connections"] == 1, c)
    relax(t, held)
    check(b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE)))
    w.send(message("after"))
    t.core.get("MESSAGE")


@case("the answer to a challenge and a de-registration pass an overload",
      overload={"transactions": 10}, mw={"t1_ms": 10000})
def _(t):
    w, other = t.register(), t.ws()
    overloaded(t, w, 10)
    t.register(other, user="bob")       # with the response of a digest
    t.core.none("MESSAGE", 0.1)
    w.send(request("REGISTER", "sip:home1.example", cseq=2, cid="regalice", frm=f"<{ALICE}>;tag=f1", to=f"<{ALICE}>",
                   extra="Expires: 0",
                   contact='<sip:alice@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:alice>";reg-id=1'))
    check(t.core.get("REGISTER").header("Expires") == "0")


@case("the core's new requests get 503 without Retry-After, its probes and priority calls are served",
      overload={"transactions": 10}, mw={"t1_ms": 10000})
def _(t):
    w = t.register()
    overloaded(t, w, 10)
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", branch="i1", cid="i1", via=t.core.via,
                        frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}",
                        body=CORE_SDP))
    r = t.core.get(503)
    check(not r.header("Retry-After") and ";tag=" in r.header("To"), r)
    t.core.send(request("ACK", "sip:alice@abc.invalid;transport=ws", branch="i1", cid="i1", via=t.core.via,
                        frm=f"<{BOB}>;tag=b1", to=r.header("To"), extra=f"Route: {w.path}"))
    t.core.send(request("OPTIONS", f"sip:{LO}:{MW_PORT}", cid="probe", via=t.core.via))
    check(t.core.get(200).header("Call-ID") == "probe")
    w.none("ACK", 0.2)
    m = t.invite_in(w, "prio", extra="Resource-Priority: wps.0\n")
    check(m.header("Call-ID") == "prio")


@case("a repeated request that was refused gets the same answer", overload={"transactions": 10}, mw={"t1_ms": 10000})
def _(t):
    w = t.register()
    overloaded(t, w, 10)
    m = message("same", branch="same")
    tags = set()
    for _ in range(3):
        w.send(m)
        tags.add(w.get(503).header("To"))
    check(len(tags) == 1, tags)


@case("a flood that comes at once is refused above the limit before any measurement", overload={"transactions": 5})
def _(t):
    w = t.register()
    w.s.sendall(b"".join(frame(message(f"f{i}").encode()) for i in range(40)))
    held = [t.core.get("MESSAGE") for _ in range(5)]
    for _ in range(35):
        w.get(503)
    t.core.none("MESSAGE", 0.1)
    relax(t, held)
    for _ in held:
        w.get(200)


@case("who comes back before its Retry-After is read later; who has a call, or waits, is read at once",
      overload={"transactions": 10, "retry_after_s": 30, "hold_ms": 5000}, mw={"t1_ms": 10000})
def _(t):
    w, calm, hasty = t.register(), t.register(user="bob"), t.register(user="carol")
    to = call_out(t, w)
    held = overloaded(t, w, 10)
    for who, n in ((calm, 1), (hasty, 2), (w, 3)):
        for i in range(n):
            who.send(message(f"n{i}"))
            check(who.get(503).header("Call-ID") == f"n{i}")
    check(t.metrics()["w2_held"] == 1)
    sos = request("INVITE", "urn:service:sos", to="<urn:service:sos>", body=WIC_SDP % "actpass")
    calm.send(sos)
    calm.get(380)
    w.send(request("INFO", CORE_URI, cid="c1", cseq=5, to=to))
    t.core.send(response(t.core.get("INFO"), 200, "OK"))
    w.get(200)
    hasty.send(sos)
    hasty.none(None, 0.3)
    relax(t, held)
    hasty.get(380, 15)
    hasty.send(message("late"))
    check(t.core.get("MESSAGE").header("Call-ID") == "late")
    w.close()
    hasty.close()
    until(lambda: t.metrics()["w2_connections"] == 1, "both are gone")


@case("a client that is not read is still closed with its node", overload={"transactions": 1, "retry_after_s": 30})
def _(t):
    w, hasty = t.register(), t.register(user="carol")
    overloaded(t, w, 1)
    for i in range(2):
        hasty.send(message(f"n{i}"))
        hasty.get(503)
    t.metric("w2_held", 1)
    hasty.send(message("unread"))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{t.dir}/s.sock")
        s.sendall(b"kick sip:carol@home1.example\n")
        s.recv(100)
    check(hasty.closed() is not None)
    until(lambda: t.metrics()["w2_connections"] == 1, "it is gone")


@case("the process takes all files it may have, and says when those are few")
def _(t):
    row = next(x for x in open(f"/proc/{t.p.pid}/limits") if x.startswith("Max open files")).split()
    check(row[3] == row[4], row)
    p = subprocess.run(["prlimit", "--nofile=100:500", sys.argv[1], "-c", f"{t.dir}/c.yaml"], capture_output=True, text=True, timeout=20)
    check(p.returncode == 1 and "files.few limit=500 needed=10256" in p.stderr, p.stderr)      # its address is taken


@case("requests to gateways that wait for a reply are overload", overload={"iq_requests": 2})
def _(t):
    w = t.register()
    t.mg.silent = True
    for i in range(2):
        w.send(request("INVITE", BOB, cid=f"c{i}", body=WIC_SDP % "actpass"))
    load(t, 2)
    flat(t, True)
    w.send(request("INVITE", BOB, cid="c9", body=WIC_SDP % "actpass"))
    check(w.get(503).header("Call-ID") == "c9")


@case("one pause of the process is no overload, a loop that always lags is", overload={"lag_ms": 50})
def _(t):
    t.p.send_signal(signal.SIGSTOP)
    time.sleep(1)       # how long it stands still is the test
    t.p.send_signal(signal.SIGCONT)
    c = t.show("counters")
    check(c["overload_state"] < 2, c)
    end = time.monotonic() + 15
    while t.show("counters")["overload_state"] < 2:
        check(time.monotonic() < end, "the lag is not noticed")
        t.p.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        t.p.send_signal(signal.SIGCONT)
    load(t, 0, 15)
    check(t.show("counters")["overload_entered"] > 0)
    t.log_wait(r"overload\.state.*state=overload")


# ---- storms ---------------------------------------------------------------------------------------------

def steady(t, storm, rounds=4):
    """The memory of later rounds is that of the first ones: nothing stays."""
    storm()
    first = t.rss_mb()
    for _ in range(rounds):
        storm()
    check(t.rss_mb() < first + 8, f"{first} MB grew to {t.rss_mb()} MB")


@case("connect, send, close without reading: memory stays what it is (threat P8)", w2=NO_LIMITS)
def _(t):
    hello = frame(request("REGISTER", "sip:home1.example", extra="Expires: 3600").encode())
    kinds = [b"", HEAD[:30], HEAD, HEAD + hello, HEAD + hello[:100], HEAD + frame(b"x", fin=False)]

    def storm():
        for i in range(600):
            s = socket.create_connection((LO, W2_PORT))
            s.sendall(kinds[i % len(kinds)])
            s.close()
        until(lambda: t.show("counters")["w2_connections"] == 0, "all gone", 10)
        while t.core.recv(0.01):
            pass
    steady(t, storm)
    check(t.register())


@case("REGISTER and INVITE floods of strangers cost no memory (threat P8)", w2=NO_LIMITS)
def _(t):
    def storm():
        w = Ws()
        for i in range(300):
            w.send(request("REGISTER", "sip:home1.example", extra="Expires: 3600",
                           contact="<sip:alice@abc.invalid;transport=ws>"))
            w.send(request("INVITE", BOB, body=WIC_SDP % "actpass"))
            w.get(403)
        w.close()
        until(lambda: t.show("counters")["w2_connections"] == 0, "gone", 10)
        while t.core.recv(0.01):
            pass
    steady(t, storm, 3)


@case("1000 idle connections are left alone until their time is over, the rest is served (threats P8, W4)",
      w2={**NO_LIMITS, "handshake_s": 2})
def _(t):
    before = t.rss_mb()
    idle = [socket.create_connection((LO, W2_PORT)) for _ in range(1000)]
    check(t.register(), "somebody else is served meanwhile")
    check((t.rss_mb() - before) < 30, f"{t.rss_mb() - before} MB for 1000 connections")
    for s in idle:
        s.settimeout(8)
        check(s.recv(1) == b"")
        s.close()


# ---- TLS ------------------------------------------------------------------------------------------------

def tls(server_name="localhost"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def s_client(text, *options):
    """What openssl s_client and the server say."""
    p = subprocess.run(["openssl", "s_client", "-connect", f"{LO}:{W2_PORT}", *options], input=text, text=True,
                       capture_output=True, timeout=20)
    return p.stdout + p.stderr


@case("no renegotiation, no compression, no old version, no plain HTTP on the TLS port (threat W9)", w2={"insecure_ws": False})
def _(t):
    said = s_client("R\n", "-tls1_2")
    check("RENEGOTIATING" in said and re.search(r"no renegotiation|handshake failure", said), said[-600:])
    said = s_client("", "-tls1_3")
    check("TLSv1.3" in said and "Compression: NONE" in said, said)
    said = s_client("", "-tls1_2", "-cipher", "NULL:EXPORT:RC4:3DES:@SECLEVEL=0")
    check("Cipher is (NONE)" in said or "no cipher" in said, said)
    check(b" 101 " not in http(HEAD) and b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE), tls()))


@case("whatever name a client asks for, it gets the one certificate (threat W9)", w2={"insecure_ws": False})
def _(t):
    for name in ("other.example", "x" * 63 + "." + "y" * 63, "a.b.c.d.e.f.g.h", "xn--55qx5d"):
        with socket.create_connection((LO, W2_PORT)) as s, tls().wrap_socket(s, server_hostname=name) as c:
            check(c.getpeercert(binary_form=True))
    for name in ("-", "%00", "..", "\u00e9\u00e9"):
        s_client("", "-servername", name)
    check(b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE), tls()))


def pair(directory, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", str(days), "-subj", "/CN=x", "-keyout", f"{directory}/c.key", "-out",
                    f"{directory}/c.crt"], check=True, capture_output=True)


@case("a certificate that ends soon is told of in the log and in a metric (threat W9)", w2={"insecure_ws": False})
def _(t):
    check(t.show("counters")["tls_certificate_days"] in (824, 825), "self-signed")
    for days, event in ((3, "tls.certificate_ends"), (365, None)):
        pair(t.dir, days)
        t.p.send_signal(signal.SIGHUP)
        until(lambda: t.show("counters")["tls_certificate_days"] in (days - 1, days), f"{days} days")
        if event:
            t.log_wait(re.escape(event) + r".*days=[23]")


@case("a storm of TLS handshakes, some of them broken, leaves nothing behind (threat W9)", w2={"insecure_ws": False, **NO_LIMITS})
def _(t):
    context = tls()

    def storm():
        for i in range(60):
            s = socket.create_connection((LO, W2_PORT))
            if i % 3 == 0:
                context.wrap_socket(s, server_hostname="localhost").close()
            else:
                s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" if i % 3 == 1 else random.randbytes(300))
                s.close()
    steady(t, storm)
    check(b" 101 " in http(HEAD + frame(b"\x03\xe8", CLOSE), tls()))


run()
