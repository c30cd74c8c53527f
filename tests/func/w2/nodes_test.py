# SPDX-License-Identifier: Apache-2.0
"""Two epcscf at work on one Redis: WICs move between them with their calls, nodes and Redis die (W2-ST-02 to -04)."""
from cluster import *

RR = "<sip:proxy@127.0.0.1:5160;lr;n=1>"


def call_out(t, w, cid):
    i = t.invite(w, cid)
    ok = response(i, 200, "OK", f"Contact: <{CORE_URI};x=1>", body=CORE_SDP)
    t.core.send(ok.replace("Record-Route:", f"Record-Route: {RR}\r\nRecord-Route:", 1), t.ip)
    w.get(200)
    w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.get("ACK")
    written(t)


def from_core(t, method, cid, path, ip, tags=None, cseq=7):
    frm, to = tags or (f"<{BOB}>;tag=b9", f"<{ALICE}>")
    body = {} if method == "BYE" else dict(body="x", ctype="text/plain")
    t.core.send(request(method, "sip:alice@abc.invalid;transport=ws", via=t.core.via, frm=frm, to=to, cid=cid, cseq=cseq,
                        contact="", extra=f"Route: {path}", **body), ip)


OF_CALL = (f"<{BOB}>;tag=ct", f"<{ALICE}>;tag=a1")


@nodes("a WIC comes back at the other node: its registration moves, and the core reaches it by its old and new Path")
def _(redis, a, b):
    w = a.register()
    written(a)
    w.close()
    w2 = b.register(cseq=2)
    a.metric("reg_bindings", 0)
    a.core.none("REGISTER", 0.2)        # nobody de-registers it
    check(b.metrics()["state_adopted"] == 1 and a.metrics()["state_moved"] == 1, (a.metrics(), b.metrics()))
    for cid, path, ip in (("m1", w.path, A), ("m2", w2.path, B), ("m3", w2.path, A), ("m4", w.path, B)):
        from_core(a, "MESSAGE", cid, path, ip)
        m = w2.get("MESSAGE")
        check(m.header("Call-ID") == cid, m)
        w2.send(response(m, 200))
        a.core.get(200)
    check(a.metrics()["state_relayed"] == 2 and b.metrics()["state_relayed"] == 0, a.metrics())
    written(b)
    w2.close()
    a.register(cseq=3)                  # and back again
    b.metric("reg_bindings", 0)
    check(a.metrics()["reg_bindings"] == 1 and a.metrics()["state_adopted"] == 1)


@nodes("the socket a WIC still has at the node it has left is closed")
def _(redis, a, b):
    w = a.register()
    written(a)
    b.register(cseq=2)
    check(w.closed() == 1000, "not closed")
    a.core.none("REGISTER", 0.2)


@nodes("a call moves with its WIC, which hangs up: CSeq and routes are right, the first node gives the context back")
def _(redis, a, b):
    w = a.register()
    call_out(a, w, "c1")
    a.mg.seen.clear()
    w.close()
    w2 = b.register(cseq=2)
    a.metric("calls", 0)
    check(b.metrics()["calls"] == 1 and a.metrics()["iq_contexts_lent"] == 1, (a.metrics(), b.metrics()))
    check([x[0] for x in a.mg.seen].count("sub") == 0, a.mg.seen)
    w2.send(request("BYE", CORE_URI, cid="c1", cseq=3, to=f"<{BOB}>;tag=ct", contact=""))
    bye = a.core.get("BYE")
    check(bye.header("CSeq") == "3 BYE" and bye.header("Route") == RR, bye)
    a.core.send(response(bye, 200), B)
    w2.get(200)
    a.mg.wait("sub")
    a.metric("iq_contexts", 0)
    check(a.metrics()["iq_contexts_lent"] == 0 and b.metrics()["iq_contexts"] == 0 and b.metrics()["calls"] == 0)


def reoffer(a, b, w, cseq, sdp, answer=CORE_SDP):
    """@return the INVITE at the core; answered there"""
    w.send(request("INVITE", CORE_URI, cid="c1", cseq=cseq, to=f"<{BOB}>;tag=ct", body=sdp))
    i = a.core.get("INVITE")
    a.core.send(response(i, 200, "OK", f"Contact: <{CORE_URI};x=1>", body=answer), b.ip)
    return i


@nodes("a call whose node has died is refreshed, held and resumed by both sides; what its gateway would have to be told gets 488")
def _(redis, a, b):
    w = a.register()
    call_out(a, w, "c1")
    a.p.kill()
    a.p.wait(10)
    w2 = b.register(cseq=2)
    b.metric("calls", 1)
    a.mg.seen.clear()
    same = WIC_SDP % "actpass"
    for cseq, direction, back in ((2, "sendrecv", "sendrecv"), (3, "sendonly", "recvonly"), (4, "sendrecv", "sendrecv")):
        i = reoffer(a, b, w2, cseq, f"{same}a={direction}\n", f"{CORE_SDP}a={back}\n")
        check(direction == "sendrecv" or f"a={direction}" in i.body, i)
        r = w2.get(200)
        check("a=fingerprint" in r.body and (back == "sendrecv" or f"a={back}" in r.body), r)
        w2.send(request("ACK", CORE_URI, cid="c1", cseq=cseq, to=f"<{BOB}>;tag=ct", contact=""))
        a.core.get("ACK")
    a.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", via=a.core.via, frm=OF_CALL[0], to=OF_CALL[1], cid="c1",
                        cseq=7, contact=f"<{CORE_URI}>", extra=f"Route: {w.path}", body=CORE_SDP + "a=sendonly\n"), B)
    i = w2.get("INVITE")
    check("a=sendonly" in i.body, i)
    w2.send(response(i, 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>",
                     body=WIC_SDP % "active" + "a=recvonly\n"))
    check("a=recvonly" in a.core.get(200).body)
    a.core.send(request("ACK", "sip:alice@abc.invalid;transport=ws", via=a.core.via, frm=OF_CALL[0], to=OF_CALL[1], cid="c1",
                        cseq=7, extra=f"Route: {w.path}"), B)
    w2.get("ACK")
    for cseq, sdp, answer in ((5, same.replace("ufrag:", "ufrag:new"), CORE_SDP), (6, same, CORE_SDP.replace("30100", "30200"))):
        reoffer(a, b, w2, cseq, sdp, answer)
        a.core.get("ACK")               # the core's answer is taken, and nothing has changed for it
        r = w2.get(488)
        check("another node" in r.header("Warning"), r)
        w2.send(request("ACK", CORE_URI, cid="c1", cseq=cseq, to=f"<{BOB}>;tag=ct", contact=""))
    check(not a.mg.seen and b.metrics()["calls"] == 1, a.mg.seen)
    a.mg.method = "Disconnected, Reason = 900"
    a.lines = []
    a.reader.join(10)
    a.start()
    a.mg.wait("census")
    w2.send(request("BYE", CORE_URI, cid="c1", cseq=9, to=f"<{BOB}>;tag=ct", contact=""))
    a.core.send(response(a.core.get("BYE"), 200), B)
    w2.get(200)
    until(lambda: not a.mg.live, "the context is given back")


@nodes("the core hangs up a call that has moved: the node it knows passes the BYE on")
def _(redis, a, b):
    w = a.register()
    call_out(a, w, "c1")
    w.close()
    w2 = b.register(cseq=2)
    a.metric("calls", 0)
    from_core(a, "BYE", "c1", w.path, A, OF_CALL)
    m = w2.get("BYE")
    check(m.header("CSeq") == "7 BYE" and ";tag=ct" in m.header("From"), m)
    w2.send(response(m, 200))
    a.core.get(200)
    a.mg.wait("sub")
    b.metric("calls", 0)


@nodes("what the gateway says of a moved call reaches the node that has it")
def _(redis, a, b):
    w = a.register()
    call_out(a, w, "c1")
    w.close()
    b.register(cseq=2)
    a.metric("iq_contexts_lent", 1)
    a.mg.live.clear()
    a.mg.register()                     # it has restarted
    check("cause=503" in a.core.get("BYE").header("Reason"))
    b.metric("calls", 0)
    a.metric("iq_contexts_lent", 0)


@nodes("a node is killed: its WICs are taken in by the other, calls are ended by either side, the gateway is cleaned up")
def _(redis, a, b):
    w, c = a.register(), a.register(user="carol")
    call_out(a, w, "c1")
    call_out(a, w, "c2")
    a.p.kill()
    a.p.wait(10)
    for n in range(100):                # until its lease ends b believes in it
        from_core(a, "MESSAGE", f"m{n}", w.path, B)
        if a.core.recv(0.1):
            break
    check(n < 99, "430 when nobody has it")
    w2 = b.register(cseq=2)
    b.register(user="carol", cseq=2)
    check(b.metrics()["calls"] == 2 and b.metrics()["reg_bindings"] == 2, b.metrics())
    from_core(a, "BYE", "c1", w.path, B, OF_CALL)       # the name of both nodes leads to the one that lives
    w2.send(response(w2.get("BYE"), 200))
    a.core.get(200)
    b.metric("calls", 1)
    written(b)
    a.mg.seen.clear()
    a.mg.method = "Disconnected, Reason = 900"
    contexts = sorted(a.mg.live)
    a.lines = []
    a.reader.join(10)
    a.start()                           # the first one's context is an orphan, the second's lent
    a.mg.wait("census")
    until(lambda: sorted(a.mg.live) == contexts[1:], "the orphan goes, the lent one stays")
    check(a.metrics()["calls"] == 0 and a.metrics()["reg_bindings"] == 0, a.metrics())
    w2.send(request("BYE", CORE_URI, cid="c2", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    a.core.send(response(a.core.get("BYE"), 200), B)
    w2.get(200)
    until(lambda: not a.mg.live, "no context is left")


@nodes("a killed node that comes back has what is still its own", reg={"guard_s": 30})
def _(redis, a, b):
    w = a.register()
    a.register(user="carol")
    call_out(a, w, "c1")
    a.mg.method = "Disconnected, Reason = 900"
    a.restart(signal.SIGKILL)
    m = a.metrics()
    check(m["state_restored_bindings"] == 2 and m["state_restored_calls"] == 1, m)
    b.register(user="carol", cseq=2)
    a.metric("reg_bindings", 1)
    w2 = a.register(cseq=2)
    w2.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    a.core.get("BYE")


@nodes("each node subscribes for the WICs it has, and its NOTIFYs come to itself", reg={"subscribe": True})
def _(redis, a, b):
    a.register()
    sub = a.core.get("SUBSCRIBE")
    check(sub.header("Contact") == f"<sip:{A}:{MW_PORT}>" and f"<sip:{NAME}:{MW_PORT}>" in sub.header("From"), sub)
    a.core.send(response(sub, 200, "OK", f"Contact: <{CORE_URI}>\nExpires: 600"), A)
    written(a)
    b.register(cseq=2)
    subs = {}
    while len(subs) < 2:
        m = a.core.get("SUBSCRIBE")
        subs[m.header("Contact")] = m
    check(subs[f"<sip:{A}:{MW_PORT}>"].header("Expires") == "0", "a is still subscribed")
    check(";tag=" not in subs[f"<sip:{B}:{MW_PORT}>"].header("To"), "b has made no dialog of its own")


@nodes("two nodes are asked for the same WIC at once: the last 2xx of the core decides, and one keeps it")
def _(redis, a, b):
    for n, has_order in enumerate((True, True, False, False, True, True)):
        sockets = {A: a.ws(), B: b.ws()}
        asked = {}
        for ip, w in sockets.items():
            w.send(request("REGISTER", "sip:home1.example", cid=f"r{n}{ip}", frm=f"<{ALICE}>;tag=f1", to=f"<{ALICE}>",
                           extra="Expires: 600", contact='<sip:alice@abc.invalid;transport=ws>;'
                           '+sip.instance="<urn:uuid:alice>";reg-id=1'))
            asked[ip] = a.core.get("REGISTER")
        for ip in (A, B) if n % 2 else (B, A):
            a.core.send(response(asked[ip], 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>;expires=600\n"
                                 "Service-Route: <sip:orig@home1.example;lr>\nP-Associated-URI: <sip:alice@home1.example>"),
                        ip)
            if has_order:
                sockets[ip].get(200)
                then = time.time() + 0.002      # epochs count milliseconds
                until(lambda: time.time() >= then, "the next epoch")
        for w in () if has_order else sockets.values():
            w.get(200)
        written(a, b)
        until(lambda: a.metrics()["reg_bindings"] + b.metrics()["reg_bindings"] == 1, "one node has it")
        winner = b if n % 2 else a
        check(not has_order or winner.metrics()["reg_bindings"] == 1, n)
    a.core.none("REGISTER", 0.2)


@nodes("without Redis each node goes on; when it is back, empty, the newer registration wins and the older call ends")
def _(redis, a, b):
    w = a.register()
    call_out(a, w, "c1")
    redis.stop()
    a.metric("state_reachable", 0)
    b.register(user="carol")            # nobody is held up
    w2 = b.register(cseq=2)             # b cannot know of a
    check(a.metrics()["reg_bindings"] == 1 and b.metrics()["reg_bindings"] == 2)
    from_core(a, "MESSAGE", "m1", w.path, B)
    a.core.get(430)                     # nor can anybody be asked
    redis.start()
    bye = a.core.get("BYE", 15)
    check("cause=503" in bye.header("Reason"), bye)
    a.metric("reg_bindings", 0)
    check(b.metrics()["reg_bindings"] == 2, b.metrics())
    a.mg.wait("sub")
    written(a, b)
    from_core(a, "MESSAGE", "m2", w2.path, A)
    w2.send(response(w2.get("MESSAGE"), 200))
    a.core.get(200)
    a.core.none("REGISTER", 0.1)


run()
