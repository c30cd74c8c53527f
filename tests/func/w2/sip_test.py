# SPDX-License-Identifier: Apache-2.0
"""SIP between W2 and Mw: what a WIC may not do to the core, to others and to the process (threats P5, P7, P8)."""
from harness import *

CORE_CONTACT = f"Contact: <{CORE_URI}>"
WIC_CONTACT = "Contact: <sip:alice@abc.invalid;transport=ws>"
DIGEST = 'Digest username="bob", realm="home1.example", nonce="", uri="sip:home1.example", response=""'
DONE = 'integrity-protected="auth-done"'


def register_request(user="bob", cid=None, cseq=1, contact=None, extra="", host="abc.invalid", expires=3600):
    uri = f"sip:{user}@home1.example"
    contact = contact or f'<sip:{user}@{host};transport=ws>;+sip.instance="<urn:uuid:{user}>";reg-id=1'
    return request("REGISTER", "sip:home1.example", cid=cid, cseq=cseq, via=f"SIP/2.0/WS {host}",
                   frm=f"<{uri}>;tag=f1", to=f"<{uri}>", contact=contact, extra=f"Expires: {expires}\n{extra}")


def core_request(t, w, method, extra="", body="hi", user="alice", **k):
    return request(method, f"sip:{user}@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                   to=f"<sip:{user}@home1.example>", contact=f"<{CORE_URI}>", extra=f"Route: {w.path}\n{extra}",
                   body=body, ctype="text/plain", **k)


def listen(host, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((host, port))
    s.settimeout(0.7)
    return s


def silent(s):
    try:
        check(False, "it got " + s.recv(9999).decode()[:60])
    except TimeoutError:
        pass
    s.close()


# ---- credentials ----------------------------------------------------------------------------------------

@case("no spelling of credentials brings integrity-protected of a WIC to the core")
def _(t):
    w = t.ws()
    for auth in (f"Authorization: Basic x\nAuthorization: {DIGEST}, {DONE}",
                 f"Authorization:\nAuthorization: {DIGEST}, {DONE}",
                 f"Authorization: {DIGEST}\nAuthorization: {DIGEST}, {DONE}",
                 f"Authorization: {DIGEST}, x=<, {DONE}, y=>",
                 f'Authorization: {DIGEST}, foo", {DONE}, x="',
                 f'Proxy-Authorization: {DIGEST}, foo", {DONE}, x="',
                 f'Authorization: {DIGEST}, opaque="{"o" * 5000}"'):
        w.send(register_request(extra=auth))
        w.get(400)
    t.core.none("REGISTER", 0.3)


@case("what is well-formed goes on without what only we may say")
def _(t):
    w = t.ws()
    for auth, want in ((f"Authorization: {DIGEST}, {DONE}, zone=1", DIGEST), ("Authorization: Basic x", "")):
        w.send(register_request(extra=auth + f"\nProxy-Authorization: Bearer x\nProxy-Authorization: {DIGEST}, {DONE}"))
        r = t.core.get("REGISTER")
        check(r.header("Authorization") == want, r)
        check(r.headers("Proxy-Authorization") == [DIGEST], r)
        t.core.send(response(r, 403))
        w.get(403)


@case("a bearer token does not leave W2 in any header of any request")
def _(t):
    w = t.register()
    w.send(request("MESSAGE", BOB, extra=f"Authorization: {DIGEST}\nAuthorization: Bearer secret\n"
                   "Proxy-Authorization: Bearer secret", body="x", ctype="text/plain"))
    check("secret" not in t.core.get("MESSAGE"))


# ---- transactions belong to a connection ---------------------------------------------------------------

@case("a response counts only from where the request went")
def _(t):
    w, e = t.register(), t.register(user="eve")
    i = t.invite(w, "c1", branch="i1")
    for x in (e, t.ws(), w):
        x.send(response(i, 200, "OK", "Contact: <sip:evil@e.invalid>", body=CORE_SDP))
    w.none(200, 0.4)
    t.metric("sip_stray_response", 3)
    m = t.invite_in(w, "c2")
    e.send(response(m, 200, "OK", WIC_CONTACT, tag="at", body=WIC_SDP % "active"))
    t.core.none(200, 0.4)


@case("CANCEL and ACK count only from where the INVITE came from")
def _(t):
    w, e = t.register(), t.register(user="eve")
    i = t.invite(w, "c1", branch="i1")
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    cancel = request("CANCEL", BOB, branch="i1", cid="c1")
    e.send(cancel)
    e.get(481)
    stranger = t.ws()
    stranger.send(cancel)
    stranger.get(403)
    t.core.none("CANCEL", 0.4)
    w.send(cancel)
    w.get(200)
    t.core.get("CANCEL")


@case("the same branch on two connections makes two transactions")
def _(t):
    a, b = t.register(), t.register(user="bob")
    for w, user in ((a, "alice"), (b, "bob")):
        w.send(request("MESSAGE", BOB, branch="same", frm=f"<sip:{user}@home1.example>;tag=1", body="x",
                       ctype="text/plain"))
        m = t.core.get("MESSAGE")
        check(m.header("P-Asserted-Identity") == f"<sip:{user}@home1.example>", m)


# ---- where requests go ------------------------------------------------------------------------------------

@case("a WIC does not choose where in the network its requests go")
def _(t):
    w, udp = t.register(), listen("127.0.0.9", 7777)
    tcp = socket.create_server(("127.0.0.9", 2222))
    tcp.settimeout(0.7)
    evil = "Route: <sip:127.0.0.9:7777;lr>"
    for k in ({"to": "<sip:x@y>;tag=none", "extra": evil}, {"extra": evil}):
        w.send(request("MESSAGE", BOB, body="hi", ctype="text/plain", **k))
        check(t.core.get("MESSAGE").headers("Route") == ["<sip:orig@home1.example;lr>"])
    w.send(request("INFO", "sip:x@127.0.0.9:2222;transport=tcp", to="<sip:x@y>;tag=none"))
    t.core.get("INFO")
    w.send(request("ACK", "sip:x@127.0.0.9:7777", to="<sip:x@y>;tag=none", extra=evil))
    t.core.get("ACK")
    silent(udp)
    try:
        tcp.accept()
        check(False, "connection to an address of the WIC's choice")
    except TimeoutError:
        pass


@case("where the core gives no Service-Route the configured one leads to the entry point (W2-REG-42)",
      reg={"service_route": "<sip:orig@scscf1.home1.example;lr>"})
def _(t):
    w, udp = t.register(service_route=False), listen("127.0.0.9", 7777)
    w.send(request("MESSAGE", "sip:x@127.0.0.9:7777", body="hi", ctype="text/plain"))
    check(t.core.get("MESSAGE").headers("Route") == ["<sip:orig@scscf1.home1.example;lr>"], "not by that route")
    silent(udp)


@case("requests within a call take the route set the core has made, early and confirmed")
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    rr = [f"<sip:p1@{LO}:{CORE_PORT};lr>", "<sip:p2@far.example;lr>"]
    over = "\n".join(f"Record-Route: {r}" for r in reversed(rr))     # above our own entries
    t.core.send(response(i, 183, "Progress", CORE_CONTACT, tag="e1"))
    m = response(i, 180, "Ringing", CORE_CONTACT, tag="e2")
    t.core.send(m.replace("Record-Route", over + "\r\nRecord-Route", 1))
    w.get(180)
    evil = "Route: <sip:127.0.0.9:7777;lr>"
    w.send(request("INFO", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=e2", extra=evil))
    check(t.core.get("INFO").headers("Route") == rr)
    m = response(i, 200, "OK", CORE_CONTACT, tag="e2", body=CORE_SDP)
    t.core.send(m.replace("Record-Route", over + "\r\nRecord-Route", 1))
    w.get(200)
    w.send(request("ACK", CORE_URI, cid="c1", to=f"<{BOB}>;tag=e2", extra=evil))
    check(t.core.get("ACK").headers("Route") == rr)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=3, to=f"<{BOB}>;tag=e2", extra=evil))
    check(t.core.get("BYE").headers("Route") == rr)
    t.metric("iq_contexts", 0)


# ---- memory ---------------------------------------------------------------------------------------------

@case("who is not registered leaves nothing behind")
def _(t):
    w = t.ws()
    for k in range(100):
        w.send(request("INVITE", BOB, to=f'"{"X" * 20000}" <sip:x@y>', branch=f"s{k}"))
        w.get(403)
    check(t.metrics()["sip_transactions"] == 0)


@case("a connection has a limited number of transactions, and they end with it")
def _(t):
    w, stranger = t.register(), t.ws()
    t.metric("sip_transactions", 1)     # the REGISTER on Mw, for Timer K
    for k in range(80):
        w.send(request("MESSAGE", BOB, body="x", ctype="text/plain", branch=f"m{k}"))
    w.get(503)
    check(t.metrics()["sip_txn_refused"] == 16)
    for k in range(8):
        stranger.send(register_request(cseq=k + 1))
    stranger.get(503)
    check(t.metrics()["sip_txn_refused"] == 20)
    before = t.metrics()["sip_transactions"]
    stranger.close()
    t.metric("sip_transactions", before - 4)


# ---- registration ---------------------------------------------------------------------------------------

@case("a REGISTER without the core's consent changes nothing of a registration")
def _(t):
    w = t.register()
    w.send(register_request("alice", cid="regalice", cseq=5))
    r = t.core.get("REGISTER")
    e = t.ws()
    e.send(register_request("alice", contact='<sip:evil@evil.invalid>;+sip.instance="<urn:uuid:alice>";reg-id=1'))
    x = t.core.get("REGISTER")
    t.core.send(response(r, 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\n"
                         "Service-Route: <sip:orig@home1.example;lr>"))
    w.get(200)
    t.core.send(response(x, 403))
    e.get(403)
    check(t.metrics()["reg_bindings"] == 1)
    t.core.send(core_request(t, w, "MESSAGE"))
    w.get("MESSAGE")


@case("without the core's consent there is no binding")
def _(t):
    w = t.ws()
    for k in range(20):
        w.send(register_request(f"u{k}", cid=f"r{k}"))
        t.core.send(response(t.core.get("REGISTER"), 401, extra='WWW-Authenticate: Digest realm="x", nonce="n"'))
        w.get(401)
    check(t.show("registrations") == [])


@case("a 200 is not relayed when there is no room for the binding", reg={"max_bindings": 1})
def _(t):
    a, b = t.ws(), t.ws()
    a.send(register_request("alice"))
    b.send(register_request("bob"))
    for x in (t.core.get("REGISTER"), t.core.get("REGISTER")):
        user = "alice" if "alice" in x.header("To") else "bob"
        t.core.send(response(x, 200, "OK", f"Contact: <sip:{user}@abc.invalid;transport=ws>;expires=3600\n"
                             "Service-Route: <sip:orig@home1.example;lr>"))
    check(sorted([a.get(None).status, b.get(None).status]) == [200, 503])


@case("when the guard ends during a REGISTER its 200 makes the binding again", reg={"guard_s": 1})
def _(t):
    w = t.register()
    w.close()
    t.log_wait("reg.connection_lost")
    n = t.ws()
    n.send(register_request("alice", cid="regalice", cseq=2))
    r = t.core.get("REGISTER")
    n.path = r.header("Path")
    t.log_wait("reg.removed")
    t.core.send(response(r, 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\n"
                         "Service-Route: <sip:orig@home1.example;lr>"))
    n.get(200)
    t.core.send(core_request(t, n, "MESSAGE"))
    n.get("MESSAGE")


@case("a 200 that comes behind the loss of the connection leaves the guard running", reg={"guard_s": 1})
def _(t):
    w = t.register()
    w.send(register_request("alice", cid="regalice", cseq=2))
    r = t.core.get("REGISTER")
    w.close()
    t.log_wait("reg.connection_lost")
    t.core.send(response(r, 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\n"
                         "Service-Route: <sip:orig@home1.example;lr>"))
    t.log_wait("reg.removed")


@case("Contact: * with Expires 0 goes to the core, and what the core lists no more goes")
def _(t):
    w = t.register()
    w.send(register_request("alice", contact="*"))
    w.get(400)
    w.send(register_request("alice", contact="*", expires=0))
    r = t.core.get("REGISTER")
    check(r.header("Contact") == "*")
    t.core.send(response(r, 200, "OK"))
    w.get(200)
    check(t.metrics()["reg_bindings"] == 0)


@case("a REGISTER on its way when the process stops is given back")
def _(t):
    t.ws().send(register_request())
    t.core.get("REGISTER")


# ---- CANCEL ---------------------------------------------------------------------------------------------

@case("a CANCEL is repeated until it is answered", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    i = t.invite(w, "c1", branch="i1")
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    for _ in range(3):
        c = t.core.get("CANCEL")
    check(c.header("Via") == i.header("Via"))
    t.core.send(response(c, 200, "OK"))
    t.core.none("CANCEL", 0.5)


@case("64*T1 behind the CANCEL a silent INVITE counts as cancelled", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    i = t.invite(w, "c1", branch="i1")
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    w.get(487, 6)
    t.metric("calls", 0)


# ---- header fields ----------------------------------------------------------------------------------------

FOREIGN = ("Remote-Party-ID: <sip:ceo@home1.example>;screen=yes\nDiversion: <sip:x@y>\nX-Internal-Route: 1\n"
           "P-Asserted-Identity : <sip:bank@home1.example>\nP-Charging-Vector: icid-value=x\nPath: <sip:x>\n"
           "Record-Route: <sip:x>\nP-Visited-Network-ID: x\nHistory-Info: <sip:x>;index=1")
PANI = "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1;network-provided;np"


def check_clean(m):
    for name in ("Remote-Party-ID", "Diversion", "X-Internal-Route", "History-Info"):
        check(not m.headers(name), m)
    check(m.headers("P-Access-Network-Info") == ["3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1"], m)
    check("bank@" not in m and "icid-value=x" not in m and "<sip:x>" not in m, m)


@case("header fields of a WIC reach the core only from a list (threat P5)", mw={"pass_headers": ["x-tenant"]})
def _(t):
    w = t.ws()
    w.send(register_request(extra=FOREIGN + "\n" + PANI))
    r = t.core.get("REGISTER")
    check_clean(r)
    t.core.send(response(r, 403))
    t.register(w)
    w.send(request("MESSAGE", BOB, extra=f"{FOREIGN}\n{PANI}\nX-Tenant: 7\nReply-To: <sip:r@home1.example>", body="x",
                   ctype="text/plain"))
    m = t.core.get("MESSAGE")
    check_clean(m)
    check(m.header("X-Tenant") == "7" and m.header("Reply-To"), m)
    check(t.metrics()["sip_header_stripped"] == 18)
    check_clean(t.invite(w, "c1", extra=f"{FOREIGN}\n{PANI}"))


FORGED = {"P-Asserted-Identity": "<sip:forged@x>", "P-Charging-Vector": "icid-value=forged", "P-Visited-Network-ID": "forged",
          "P-Charging-Function-Addresses": "ccf=forged", "P-Associated-URI": "<sip:forged@x>", "P-Called-Party-ID": "<sip:forged@x>",
          "P-Access-Network-Info": "IEEE-802.11;network-provided", "P-User-Database": "<aaa://forged.x>", "Path": "<sip:forged@x;lr>",
          "Service-Route": "<sip:forged@x;lr>", "Route": "<sip:forged@x;lr>", "Record-Route": "<sip:forged@x;lr>",
          "History-Info": "<sip:forged@x>;index=1", "Feature-Caps": "*;+g.3gpp.forged", "Restoration-Info": "forged"}
SPELLINGS = ("%s: %s", "%s:%s", "%s \t: %s", "%s:\n %s", "%s:\n\t \n %s")


@case("what only the network says is not brought to the core by any way to write it, nor hidden in a URI (threat P5)")
def _(t):
    w = t.ws()

    def forms():
        for spelling in SPELLINGS:
            for case_of in (str, str.lower, str.upper, str.swapcase):
                yield "\n".join(spelling % (case_of(name), value) for name, value in FORGED.items())
    for n, extra in enumerate(forms()):
        w.send(register_request(cid=f"r{n}", extra=extra))
        r = t.core.get("REGISTER")
        check("forged" not in r and "network-provided" not in r, f"{extra}\n\n{r}")
        t.core.send(response(r, 403))
        w.get(403)
    t.register(w)
    for n, extra in enumerate(forms()):
        w.send(request("MESSAGE", BOB, cid=f"m{n}", extra=extra, body="x", ctype="text/plain"))
        m = t.core.get("MESSAGE")
        check("forged" not in m and "network-provided" not in m, f"{extra}\n\n{m}")
        t.core.send(response(m, 200))
        w.get(200)
    w.send(request("MESSAGE", BOB + "?P-Asserted-Identity=%3Csip:forged@x%3E&Route=%3Csip:forged@x%3E", cid="u1", body="x", ctype="text/plain"))
    m = w.recv() if not (m := t.core.recv(0.3)) else m
    check(m.status == 400 or "\r\nP-Asserted-Identity: <sip:forged" not in m, m)


@case("responses of a WIC bring the list only, and what the network says of it")
def _(t):
    w = t.register()
    t.core.send(core_request(t, w, "SUBSCRIBE", "Record-Route: <sip:p1@far.example;lr>\nEvent: x\n"
                             'P-Charging-Vector: icid-value="i7";orig-ioi=far.example\n'
                             "P-Called-Party-ID: <sip:alice@home1.example>"))
    m = w.get("SUBSCRIBE")
    check(not m.headers("P-Charging-Vector"), m)
    w.send(response(m, 200, "OK", f"{FOREIGN}\nWWW-Authenticate: Digest realm=x\n{WIC_CONTACT}\nExpires: 60"))
    r = t.core.get(200)
    for name in ("Remote-Party-ID", "X-Internal-Route", "WWW-Authenticate", "Path"):
        check(not r.headers(name), r)
    check(r.headers("P-Asserted-Identity") == [f"<{ALICE}>"], r)
    check(r.header("P-Charging-Vector") == 'icid-value="i7";orig-ioi=far.example;term-ioi=home1.example', r)
    rr = r.headers("Record-Route")
    check(len(rr) == 3 and rr[2] == "<sip:p1@far.example;lr>" and
          rr == [re.sub(";w2rs=[^>]*", "", x) for x in m.headers("Record-Route")], rr)


@case("P-Asserted-Identity stays hidden behind any way to write Privacy")
def _(t):
    w = t.register()
    for privacy, seen in (("Privacy: user;id", False), ("Privacy: session\nPrivacy: critical;ID", False),
                          ("Privacy: none", True)):
        t.core.send(core_request(t, w, "MESSAGE", privacy + "\nP-Asserted-Identity: <sip:secret@home1.example>"))
        m = w.get("MESSAGE")
        check(("secret" in m) == seen, m)
        w.send(response(m, 200, "OK"))
        t.core.get(200)


# ---- coming back ------------------------------------------------------------------------------------------

@case("a WIC that comes back has its pending call (W2-REG-67)")
def _(t):
    w = t.register()
    i = t.invite(w, "c1", branch="i1")
    t.core.send(response(i, 180, "Ringing"))
    w.get(180)
    w.close()
    t.log_wait("reg.connection_lost")
    n = t.register(cseq=2)
    n.get(180)
    t.core.send(response(i, 200, "OK", CORE_CONTACT, body=CORE_SDP))
    n.get(200)
    n.send(request("ACK", CORE_URI, cid="c1", to=f"<{BOB}>;tag=ct"))
    t.core.get("ACK")
    check(t.metrics()["calls"] == 1)


@case("an answer that came while the WIC was away is waiting for it")
def _(t):
    w = t.register()
    i = t.invite(w, "c1", branch="i1")
    w.send(request("MESSAGE", BOB, cid="m1", body="x", ctype="text/plain"))
    m = t.core.get("MESSAGE")
    w.close()
    t.log_wait("reg.connection_lost")
    t.core.send(response(m, 200, "OK"))
    t.core.send(response(i, 486, "Busy"))
    n = t.register(cseq=2)
    got = {x.header("Call-ID"): x.status for x in (n.get(None), n.get(None))}
    check(got == {"m1": 200, "c1": 486}, got)
    n.send(request("ACK", BOB, branch="i1", cid="c1", to=f"<{BOB}>;tag=ct"))


@case("a call to a WIC that comes back is answered over the new connection")
def _(t):
    w = t.register()
    i = t.invite_in(w, "c1")
    w.send(response(i, 180, "Ringing", WIC_CONTACT, tag="at"))
    t.core.get(180)
    w.close()
    t.log_wait("reg.connection_lost")
    n = t.register(cseq=2)
    n.send(response(i, 200, "OK", WIC_CONTACT, tag="at", body=WIC_SDP % "active"))
    t.core.get(200)


# ---- small things -----------------------------------------------------------------------------------------

@case("a 420 names what is not understood")
def _(t):
    w = t.register()
    w.send(request("MESSAGE", BOB, extra="Proxy-Require: path, foo\nProxy-Require: bar", body="x", ctype="text/plain"))
    check(w.get(420).headers("Unsupported") == ["foo", "bar"])


@case("a 2xx to INVITE behind its transaction reaches the WIC without a description", mw={"t1_ms": 50})
def _(t):
    w = t.register()
    i = t.invite(w, "c1", branch="i1")
    ok = response(i, 200, "OK", CORE_CONTACT, body=CORE_SDP)
    t.core.send(ok)
    w.get(200)
    w.send(request("ACK", CORE_URI, cid="c1", to=f"<{BOB}>;tag=ct"))
    t.core.get("ACK")
    time.sleep(3.6)                     # Timer M
    t.core.send(ok)
    m = w.get(200)
    check(not m.body and m.headers("Via")[0].startswith("SIP/2.0/WS abc.invalid"), m)


@case("OPTIONS to us is answered to who is registered")
def _(t):
    w = t.register()
    w.send(request("OPTIONS", "sip:localhost"))
    check(w.get(200).header("Allow"))


run()
