# SPDX-License-Identifier: Apache-2.0
"""The operator's commands against a real epcscf: show, kick, drain, trace."""
from harness import *

W2GWCTL = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "w2gwctl")
SECRET = "0123456789abcdef-s3cret"


def ctl(t, *args, status=0):
    """Run w2gwctl. @return its output"""
    p = subprocess.run([W2GWCTL, *args, "--socket", f"{t.dir}/s.sock"], capture_output=True, text=True, timeout=20)
    check(p.returncode == status, f"{args}: status {p.returncode}: {p.stdout}{p.stderr}")
    return p.stdout + p.stderr


def table(t, what):
    return json.loads(ctl(t, "cscf", "show", what, "--json"))


class Trace:
    """w2gwctl cscf trace, from the moment it listens."""
    def __init__(self, t, *args, begin=r"tracing|WIC"):
        self.p = subprocess.Popen([W2GWCTL, "cscf", "trace", *args, "--socket", f"{t.dir}/s.sock"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.seen = ""
        self.wait(begin)

    def wait(self, pattern):
        """Read until the pattern was seen."""
        while not re.search(pattern, self.seen):
            line = self.p.stdout.readline()
            check(line, f"trace ended without {pattern!r}: {self.seen}")
            self.seen += line
        return self.seen

    def end(self):
        self.p.send_signal(signal.SIGINT)
        self.seen += self.p.communicate(timeout=10)[0]
        check(self.p.returncode == 0, self.p.returncode)
        return self.seen


def answer_call(t, w, cid):
    """A call out of the WIC, answered. @return the INVITE the core got"""
    i = t.invite(w, cid)
    t.core.send(response(i, 200, "OK", f"Contact: <{CORE_URI}>", body=CORE_SDP))
    w.get(200)
    w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.get("ACK")
    return i


# ---- show ------------------------------------------------------------------------------------------------

@case("show tells registrations, connections, calls and dialogs that belong together")
def _(t):
    w = t.register()
    answer_call(t, w, "c1")
    r, c, d = table(t, "registrations"), table(t, "connections"), table(t, "dialogs")
    check([x["impu"] for x in r] == [ALICE] and r[0]["connected"] and r[0]["calls"] == 1, r)
    check([x["connection"] for x in c if x["impu"] == ALICE] == [r[0]["connection"]], c)
    check(d[0]["call_id"] == "c1" and d[0]["core_tag"] == "ct" and d[0]["w2_tag"] == "a1" and
          d[0]["w2_cseq"] == 1 and d[0]["core_target"] == CORE_URI, d)
    check(table(t, "calls")[0]["state"] == "up")
    check(table(t, "core")[0]["entry"] == f"{LO}:{CORE_PORT}" and table(t, "core")[0]["in_use"])
    check(t.metrics()["sip_dialogs"] == 1)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    check(t.metrics()["sip_dialogs"] == 0 and table(t, "dialogs") == [])


@case("a table longer than a page is shown whole", w2={"max_connections_per_source": 1000})
def _(t):
    sockets = [t.ws() for _ in range(300)]
    t.metric("w2_connections", 300)
    check(len(table(t, "connections")) == 300)
    check(len(set(x["connection"] for x in table(t, "connections"))) == 300)
    check(len(t.show("connections")) == 300 and len(t.show("connections 256")) == 44)
    check(len(sockets) == 300)


@case("what a stranger wrote cannot command the terminal of the operator")
def _(t):
    w = t.register()
    trace = Trace(t)
    w.send(request("MESSAGE", BOB, extra="Subject: \x1b[2J\x07 \x9b2J", body="\x1b]0;x", ctype="text/plain"))
    w.send(request("OPTIONS", f"sip:localhost:{W2_PORT}", extra="User-Agent: end"))
    w.get(200)
    seen = trace.wait(r"SIP/2.0 200")
    trace.end()
    check("\\x1b[2J\\x07" in seen and "\\x1b]0;x" in seen, seen)
    check(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", seen), repr(seen))


@case("wrong commands end with usage and status 2, a refusal with 1")
def _(t):
    check("drain" in ctl(t, "cscf", "--help"))
    for bad in (("cscf",), ("cscf", "show"), ("cscf", "show", "nothing"), ("cscf", "drain", "maybe"), ("nobody",),
                ("cscf", "trace", "what")):
        ctl(t, *bad, status=2)
    check("no such user" in ctl(t, "cscf", "kick", "sip:nobody@home1.example", status=1))
    check("unknown command" in t.show("nothing")["error"])


# ---- kick ------------------------------------------------------------------------------------------------

@case("kick of a user ends registration, call and socket; others stay")
def _(t):
    w, other = t.register(), t.register(user="carol")
    answer_call(t, w, "c1")
    check('"registrations": 1' in ctl(t, "cscf", "kick", ALICE, "--json"))
    check("cause=503" in t.core.get("BYE").header("Reason"))
    w.get("BYE")
    check(w.closed() == 1008)
    check([x["impu"] for x in table(t, "registrations")] == ["sip:carol@home1.example"])
    t.core.send(request("MESSAGE", "sip:carol@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                        to="<sip:carol@home1.example>", contact="", extra=f"Route: {other.path}", body="x",
                        ctype="text/plain"))
    other.get("MESSAGE")


@case("kick of a connection closes the socket and keeps the registration for its return")
def _(t):
    w = t.register()
    ctl(t, "cscf", "kick", table(t, "registrations")[0]["connection"])
    check(w.closed() == 1008)
    t.log_wait(r"reg\.connection_lost")
    r = table(t, "registrations")
    check(len(r) == 1 and not r[0]["connected"], r)
    t.register()
    check(table(t, "registrations")[0]["connected"])


# ---- drain -----------------------------------------------------------------------------------------------

@case("drain refuses what is new with 503 and Retry-After and lets the rest go on until it is empty")
def _(t):
    w, new = t.register(), t.ws()
    answer_call(t, w, "c1")
    check('"draining": true' in ctl(t, "cscf", "drain", "on", "--json"))
    refused = Ws(wait=False)
    while b"\r\n\r\n" not in refused.buf:
        refused.more(5)
    check(b" 503 " in refused.buf and b"Retry-After:" in refused.buf, refused.buf)
    new.send(request("REGISTER", "sip:home1.example", frm="<sip:dave@home1.example>;tag=1",
                     to="<sip:dave@home1.example>", contact="<sip:dave@abc.invalid;transport=ws>"))
    check(new.get(503).header("Retry-After"))
    w.send(request("INVITE", BOB, cid="c2", body=WIC_SDP % "actpass"))
    check(w.get(503).header("Retry-After"))
    t.register(w, cseq=2)                      # a refresh is nothing new
    check('"empty": false' in ctl(t, "cscf", "drain", "--json"))
    waiter = subprocess.Popen([W2GWCTL, "cscf", "drain", "--wait", "--json", "--socket", f"{t.dir}/s.sock"],
                              stdout=subprocess.PIPE, text=True)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    t.log_wait(r"drain\.empty")
    check('"empty": true' in waiter.communicate(timeout=10)[0])
    ctl(t, "cscf", "drain", "off")
    t.register(new, user="dave")
    check(t.metrics()["sip_refused_draining"] == 2 and t.metrics()["w2_refused_draining"] == 1)


# ---- trace -----------------------------------------------------------------------------------------------

@case("a trace shows both sides of a call and no credential of any kind")
def _(t):
    trace = Trace(t)
    w = t.register(extra=f"X-App: Bearer {SECRET}")
    w.send(request("MESSAGE", BOB, extra=f'Authorization: Digest username="alice", realm="h", nonce="{SECRET}", '
                   f'uri="sip:h", response="{SECRET}"\nProxy-Authorization: Bearer {SECRET}',
                   body=f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}\r\na=ice-pwd:{SECRET}\r\n", ctype="text/plain"))
    m = t.core.get("MESSAGE")
    t.core.send(response(m, 200, extra=f'Authentication-Info: nextnonce="{SECRET}"'))
    w.get(200)
    t.invite(w, "c1")
    seen = trace.wait(r"-> mw[^\n]*\nINVITE")
    trace.end()
    check(SECRET not in seen and '"r"' not in seen and "0p4Kq9s8d7f6g5h4j3k2l1z0" not in seen, seen)
    for part in ("REGISTER sip:", "username=\"alice\"", "response=***", "a=ice-pwd:***", "a=crypto:***", "<- w2", "-> mw",
                 "<- mw", "-> w2", "Bearer ***"):
        check(part in seen, f"{part} is not in {seen}")


@case("the ladder has an arrow for each message and each procedure of the gateway")
def _(t):
    w = t.register()
    trace = Trace(t, "--ladder", "--call", "c1")
    answer_call(t, w, "c1")
    t.invite(w, "c2")
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    lines = trace.wait(r"200 BYE[^\n]*\n[^\n]*200 BYE").split("\n")
    trace.end()
    def row(text):
        return next((n for n, l in enumerate(lines) if re.search(text, l)), None)
    order = [row(x) for x in (r"\|-+INVITE SDP-+>\|", r"Add, Add-*>", r"<-+Reply", r"\| +\|-+INVITE SDP-+>\|",
                              r"\| +\|<-+200 INVITE SDP", r"Modify, Modify", r"\d   \|<-+200 INVITE SDP", r"\|-+ACK", r"BYE")]
    check(None not in order and order == sorted(order), f"{order}\n" + "\n".join(lines))
    check(len(set(len(l) for l in lines[1:-1] if l)) == 1, "columns: " + "\n".join(lines))


@case("why tells what a call has done, while it lasts and afterwards, and what became of it")
def _(t):
    w = t.register()
    answer_call(t, w, "c1")
    t.invite(w, "c2")
    text = ctl(t, "why", "c1", "--agw", f"{t.dir}/none")
    order = [text.find(x) for x in ("c1", "INVITE SDP", "Add, Add", "200 INVITE SDP", "Modify, Modify", "could not be asked")]
    check(-1 not in order and order == sorted(order), text)
    check("which one? c1" in ctl(t, "why", ALICE, status=1))
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    t.metric("calls", 1)
    j = json.loads(ctl(t, "why", "c1", "--json", "--agw", f"{t.dir}/none"))
    check(j["end"] and j["left_out"] == 0 and [(s["side"], s["label"]) for s in j["steps"][:3]] ==
          [("w2", "INVITE SDP"), ("w2", "100 INVITE"), ("iq", "Add, Add")] and "BYE" in [s["label"] for s in j["steps"]], j)
    check("no such call" in ctl(t, "why", "c3", status=1))


@case("the steps of a call that lasts are kept, whoever sends INVITEs and however many calls end", records={"recent_calls": 4})
def _(t):
    w, stranger = t.register(), t.ws()
    answer_call(t, w, "c1")
    for n in range(8):
        stranger.send(request("INVITE", BOB, cid=f"s{n}", frm="<sip:mallory@home1.example>;tag=1", body=WIC_SDP % "actpass"))
        stranger.get(403)
        i = t.invite(w, f"e{n}")
        t.core.send(response(i, 486))
        t.core.get("ACK")
        w.get(486)
        t.metric("calls", 1)
    why = json.loads(ctl(t, "why", "c1", "--json", "--agw", f"{t.dir}/none"))["recent"]
    check([s["label"] for s in why["steps"][:2]] == ["INVITE SDP", "100 INVITE"], why)
    check("no such call" in ctl(t, "why", "s7", status=1) and "486 INVITE" in ctl(t, "why", "e7"))


PAGE = {"web": {"admin_listen": f"{LO}:9091"},
        "iq": {"gateways": [{"name": "g", "address": f"{LO}:{MG_PORT}", "telemetry": "/tmp/w2gw-page.sock"}]}}


class Telemetry(threading.Thread):
    """Greets like DPDK and answers each question with the next of its answers; None: never."""
    def __init__(self, path, *answers):
        super().__init__(daemon=True)
        if os.path.exists(path):
            os.unlink(path)
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(path)
        self.s.listen()
        self.answers, self.asked, self.held = list(answers), [], []
        self.start()

    def run(self):
        for answer in self.answers:
            c = self.s.accept()[0]
            c.send(b'{"version":"DPDK 22.11.0","pid":1,"max_output_len":16384}')
            self.asked.append(c.recv(1000).decode())
            if answer:
                c.send(answer.encode())
            self.held.append(c)


def page(path, at=("", "/"), method="GET"):
    """at: cookie and place of a session. @return (status, head, body) of the operator's page"""
    cookie, path = at[0], path if path.startswith("/") else at[1] + path
    s = socket.create_connection((LO, 9091))
    s.settimeout(10)
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: {LO}:9091\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
    d = b""
    while b := s.recv(65536):
        d += b
    head, body = d.decode().split("\r\n\r\n", 1)
    return int(head.split()[1]), head, body


def sign_in(t):
    """@return cookie and place of the session, and the link they came of"""
    link = json.loads(ctl(t, "cscf", "page", "--json"))["link"]
    check(link.startswith(f"http://{LO}:9091/?key="), link)
    status, head, _ = page(link.split(":9091")[1])
    check(status == 303 and "HttpOnly; SameSite=Strict" in head, head)
    cookie, path = re.search(r"Set-Cookie: (w2gw-admin=\w{32}); Path=(/\w{16}/);", head).groups()
    check(f"Location: {path}\r\n" in head, head)
    return (cookie, path), link.split(":9091")[1]


@case("the operator's pages are on loopback, off by default, and open by a link of the control socket that works once",
      web={"admin_listen": f"{LO}:9091"})
def _(t):
    for path in ("/", "/why?call=c1", "/?key=", "/?key=" + "0" * 32):
        check(page(path)[0] == 403, path)
        check(page(path, ("w2gw-admin=" + "0" * 32, "/"))[0] == 403, path)
    at, link = sign_in(t)
    check(page(link)[0] == 403, "the link works twice")
    check(page("", at)[0] == 200 and page("why?call=nobody", at)[0] == 404 and page("x", at)[0] == 404 and page("style.css", at)[0] == 200)
    check(page("", at, "POST")[0] == 405 and page("why?call=%zz", at)[0] == 400)
    for path in ("/", "/why?call=nobody", "/style.css", at[1][:-2] + "x/"):     # a cookie alone, as another port of the host gets none
        check(page(path, at)[0] == 403, path)
    check(page("", ("", at[1]))[0] == 403, "the place alone")
    check(sign_in(t)[0] == at, "a second window has ended the first")
    for path in ("/why?call=1", f"{link}"):    # never where subscribers are
        check("Ladder" not in t.http(path) and " 303 " not in t.http(path), path)


@case("without web.admin_listen there is no page and no link")
def _(t):
    check("admin_listen" in ctl(t, "cscf", "page", status=1))
    try:
        check(not page("/"), "somebody listens")
    except ConnectionRefusedError:
        pass


@case("why as a page: causes, legs, ladder of a call, by number, Call-ID or user; afterwards what became of it; nothing of a stranger is markup",
      **PAGE)
def _(t):
    legs = {f"{side}_1": {"context": 101, "stream": 1, "side": side, "media": "rtp", "mode": "sendreceive", "way": "open", "local": "192.0.2.1:20000",
                          "consent": "none", "checks": 0, "pair_1": "<b>"} for side in ("access", "core")}
    agw = Telemetry("/tmp/w2gw-page.sock", *[json.dumps({"/w2gw/context": x}) for x in (legs, legs, {"error": "none"})], None)
    w = t.register()
    evil = "c<script>1"
    answer_call(t, w, evil)
    at = sign_in(t)[0]
    row = table(t, "calls")[0]
    status, head, body = page("", at)
    check(f'href="why?call={row["id"]}"' in body and "c&#60;script&#62;1" in body and "<script" not in body, body)
    check("default-src 'none'" in head, head)
    for who in (row["id"], "sip%3Aalice%40home1.example"):
        status, head, body = page(f"why?call={who}", at)
        order = [body.find(x) for x in ("no connectivity check of the browser", "<svg", "INVITE SDP", "Add, Add", "200 INVITE SDP", "Legs",
                                        "&#60;b&#62;", "call_id", "c&#60;script&#62;1")]
        check(status == 200 and -1 not in order and order == sorted(order) and "<script" not in body, (order, body))
    check(agw.asked == ["/w2gw/context,101"] * 2, agw.asked)
    check("has no context 101" in page("why?call=c%3Cscript%3E1", at)[2], "a context that is gone")
    check("could not be asked" in page(f"why?call={row['id']}", at)[2], "a gateway that does not answer")
    t.invite(w, "c2")
    check(page("why?call=sip%3Aalice%40home1.example", at)[2].count("why?call=") == 2, "no choice")
    w.send(request("BYE", CORE_URI, cid=evil, cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    t.metric("calls", 1)
    body = page("why?call=c%3Cscript%3E1", at)[2]
    check("The call is over" in body and "BYE from the WIC" in body and "<svg" in body, body)


@case("epcscf stops while a page waits for its gateway", **PAGE)
def _(t):
    agw = Telemetry("/tmp/w2gw-page.sock", None)
    answer_call(t, t.register(), "c1")
    cookie, place = sign_in(t)[0]
    s = socket.create_connection((LO, 9091))
    s.sendall(f"GET {place}why?call=c1 HTTP/1.1\r\nHost: {LO}\r\nCookie: {cookie}\r\n\r\n".encode())
    until(lambda: agw.asked, "the question")
    t.restart(signal.SIGTERM)
    s.settimeout(5)
    check(b" 200 " not in s.recv(65536), "an answer")


@case("a trace of a user follows his calls where they do not name him, and nobody else's")
def _(t):
    w, other = t.register(), t.register(user="carol")
    trace = Trace(t, "--json", "--user", "sip:ALICE@home1.example", begin=r"tracing")
    other.send(request("MESSAGE", BOB, cid="m1", frm="<sip:carol@home1.example>;tag=1", body="x", ctype="text/plain"))
    t.core.get("MESSAGE")
    w.send(request("MESSAGE", BOB, cid="m2", body="x", ctype="text/plain"))
    m = t.core.get("MESSAGE")
    t.core.send(response(m, 200))
    w.get(200)
    calls = [json.loads(l).get("call") for l in trace.wait(r"SIP/2.0 200[\s\S]*SIP/2.0 200").split("\n") if '"call"' in l]
    trace.end()
    check(set(calls) == {"m2"} and len(calls) == 4, calls)


@case("a slow reader loses messages, is told how many, and costs no memory")
def _(t):
    s = socket.socket(socket.AF_UNIX)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(f"{t.dir}/s.sock")
    s.sendall(b"trace\n")
    check(s.recv(100).startswith(b'{"tracing":true}'))
    w = t.register()
    before = t.rss_mb()
    for n in range(200):
        w.send(request("OPTIONS", f"sip:localhost:{W2_PORT}", body="x" * 20000, ctype="text/plain"))
        w.get(200)
    check(t.metrics()["trace_dropped"] > 50, t.metrics()["trace_dropped"])
    check(t.rss_mb() - before < 8, f"{before} to {t.rss_mb()} MB")
    f = s.makefile("rb")
    while b'{"dropped":' not in (line := f.readline()):
        check(line, "end of stream")
        w.send(request("OPTIONS", f"sip:localhost:{W2_PORT}"))
        w.get(200)
    s.close()
    f.close()
    w.send(request("OPTIONS", f"sip:localhost:{W2_PORT}"))
    w.get(200)


@case("a trace is kept as a capture that Wireshark reads as SIP")
def _(t):
    w = t.register()
    path = f"{t.dir}/trace.pcap"
    trace = Trace(t, "--ladder", "--write", path)
    answer_call(t, w, "c1")
    trace.wait("ACK[^\n]*\n[^\n]*ACK")
    trace.end()
    data = open(path, "rb").read()
    check(data[:4] == b"\xd4\xc3\xb2\xa1" and data[20:24] == b"\xfc\0\0\0", data[:24])
    check(os.stat(path).st_mode & 0o777 == 0o600)
    if shutil.which("tshark"):
        p = subprocess.run(["tshark", "-r", path, "-Y", "sip", "-T", "fields", "-e", "sip.CSeq.method", "-e", "sip.Call-ID"],
                           capture_output=True, text=True, timeout=60)
        check(p.stdout.split("\n").count("INVITE\tc1") >= 4 and "ACK\tc1" in p.stdout, p.stdout + p.stderr)


@case("the ninth trace is refused, and a trace that ends makes room")
def _(t):
    traces = [Trace(t) for _ in range(8)]
    p = subprocess.run([W2GWCTL, "cscf", "trace", "--socket", f"{t.dir}/s.sock"], capture_output=True, text=True, timeout=10)
    check(p.returncode == 1 and "too many" in p.stderr, p)
    for x in traces:
        x.end()
    def has_room():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{t.dir}/s.sock")
            s.sendall(b"trace\n")
            return b"tracing" in s.recv(100)
    until(has_room, "room for a trace")


run()
