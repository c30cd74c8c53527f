# SPDX-License-Identifier: Apache-2.0
"""epcscf is killed and comes back: registrations, flow tokens, calls and their contexts (W2-ST-01 to -05)."""
from harness import *

RR = "<sip:proxy@127.0.0.1:5160;lr;n=1>, <sip:proxy@127.0.0.1:5160;lr;n=2>"
KEPT = "Disconnected, Reason = 900"


def written(t):
    """Everything that happened is in the store."""
    t.metric("state_pending", 0)


def call_out(t, w, cid, answered=True):
    i = t.invite(w, cid)
    if answered:
        ok = response(i, 200, "OK", f"Contact: <{CORE_URI};x=1>\nP-Charging-Vector: icid-value=x;term-ioi=far.example", body=CORE_SDP)
        t.core.send(ok.replace("Record-Route:", f"Record-Route: {RR}\r\nRecord-Route:", 1))   # on top of ours
        w.get(200)
        w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct", contact=""))
        t.core.get("ACK")
    return i


def call_in(t, w, cid):
    i = t.invite_in(w, cid, extra=f"Record-Route: {RR}")
    w.send(response(i, 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>", tag="wt", body=WIC_SDP % "active"))
    t.core.get(200)
    return i


def message_in(t, w, cid):
    t.core.send(request("MESSAGE", "sip:alice@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1", cid=cid,
                        to=f"<{ALICE}>", contact="", extra=f"Route: {w.path}", body="x", ctype="text/plain"))


def killed(t, sig=signal.SIGKILL, method=KEPT):
    t.mg.method = method
    t.mg.seen.clear()
    t.restart(sig)


@case("a killed epcscf knows its registrations, and they are reached as soon as their socket is back")
def _(t):
    w = t.register()
    written(t)
    killed(t)
    check(t.metrics()["reg_bindings"] == 1 and t.metrics()["state_restored_bindings"] == 1)
    check(not t.show("registrations")[0]["connected"])
    message_in(t, w, "m1")
    t.core.get(430)
    w2 = t.register(cseq=2)
    t.core.none("REGISTER", 0.2)
    check(t.metrics()["reg_bindings"] == 1 and t.metrics()["reg_reattached"] == 1)
    message_in(t, w, "m2")
    w2.get("MESSAGE")
    w2.send(request("MESSAGE", BOB, cid="m3", body="x", ctype="text/plain"))
    m = t.core.get("MESSAGE")
    check(m.header("Route") == "<sip:orig@home1.example;lr>" and ALICE in m.header("P-Asserted-Identity"), m)


@case("the route set of a subscription survives: our Record-Route has it, under a key that is kept")
def _(t):
    w = t.register()
    w.send(request("SUBSCRIBE", BOB, cid="s1", extra="Event: presence"))
    r = response(t.core.get("SUBSCRIBE"), 200, "OK", f"Contact: <{CORE_URI}>\nExpires: 600")
    t.core.send(r.replace("Record-Route:", f"Record-Route: {RR}\r\nRecord-Route:", 1))
    route = "\n".join(f"Route: {x}" for x in reversed(w.get(200).headers("Record-Route")))
    written(t)
    killed(t)
    w = t.register(cseq=2)
    w.send(request("SUBSCRIBE", CORE_URI, cid="s1", cseq=2, to=f"<{BOB}>;tag=ct", extra=f"{route}\nEvent: presence"))
    check(", ".join(t.core.get("SUBSCRIBE").headers("Route")) == ", ".join(reversed(RR.split(", "))))


@case("a restored registration does not wait for longer than the guard, and its calls end", reg={"guard_s": 1})
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    written(t)
    killed(t)
    check("cause=503" in t.core.get("BYE").header("Reason"))
    t.metric("reg_bindings", 0)
    t.mg.wait("sub")


@case("calls go on over a kill: the gateway keeps their contexts and loses those nobody owns")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    call_in(t, w, "c2")
    call_out(t, w, "c3", answered=False)
    written(t)
    lives = sorted(t.mg.live)
    check(len(lives) == 3, lives)
    killed(t)
    t.mg.wait("census")
    check(t.mg.wait("sub")[1] == str(lives[2]), t.mg.seen)
    m = t.metrics()
    check((m["calls"], m["sip_dialogs"], m["iq_contexts"], m["iq_contexts_kept"], m["iq_contexts_orphaned"]) ==
          (2, 2, 2, 2, 1), m)
    check(sorted(t.mg.live) == lives[:2] and [c["context"] for c in t.show("calls")] == lives[:2])


@case("after a kill the WIC hangs up: target, route set and CSeq are those of the dialog")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    written(t)
    killed(t)
    w = t.register(cseq=2)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    b = t.core.get("BYE")
    t.log_wait(r"call\.end .*far_ioi=far\.example")
    check([x.strip() for x in ", ".join(b.headers("Route")).split(",")] == [x.strip() for x in RR.split(",")][::-1], b)
    check(b.header("CSeq") == "2 BYE")
    t.core.send(response(b, 200))
    w.get(200)
    t.mg.wait("sub")
    t.metric("calls", 0)


@case("after a kill the core hangs up a call of either direction")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    call_in(t, w, "c2")
    written(t)
    killed(t)
    w2 = t.register(cseq=2)
    for cid, frm, to in (("c1", f"<{BOB}>;tag=ct", f"<{ALICE}>;tag=a1"), ("c2", f"<{BOB}>;tag=b1", f"<{ALICE}>;tag=wt")):
        t.core.send(request("BYE", "sip:alice@abc.invalid;transport=ws", cid=cid, cseq=7, via=t.core.via, frm=frm, to=to,
                            contact="", extra=f"Route: {w.path}"))
        w2.send(response(w2.get("BYE"), 200))
        t.core.get(200)
    t.metric("calls", 0)
    t.metric("iq_contexts", 0)


def bye_in(t, w, cid, cseq=7, frm=f"<{BOB}>;tag=ct", to=f"<{ALICE}>;tag=a1"):
    t.core.send(request("BYE", "sip:alice@abc.invalid;transport=ws", cid=cid, cseq=cseq, via=t.core.via, frm=frm, to=to,
                        contact="", extra=f"Route: {w.path}\nReason: Q.850;cause=16"))


@case("the core hangs up while the WIC is away: 200 at once, media released, and the WIC is told when it is back")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.close()
    until(lambda: not t.show("registrations")[0]["connected"], "connection lost")
    bye_in(t, w, "c1")
    t.core.get(200)
    t.mg.wait("sub")
    t.metric("calls", 0)
    w2 = t.register(cseq=2)
    b = w2.get("BYE")
    check(b.header("CSeq") == "1 BYE" and b.header("From") == f"<{BOB}>;tag=ct", b)
    check(b.header("Reason") == "Q.850;cause=16", b)
    w2.send(response(b, 200))


@case("the same after a kill: the call of a WIC that is not back yet is ended by the core")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    written(t)
    killed(t)
    before = t.metrics()["state_puts"]
    bye_in(t, w, "c1")
    t.core.get(200)
    t.mg.wait("sub")
    check(t.metrics()["calls"] == 0 and t.metrics()["state_puts"] == before, "a call that ends is written once")
    w2 = t.register(cseq=2)
    w2.send(response(w2.get("BYE"), 200))


@case("a BYE of our own after a kill has the next CSeq of each direction")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(request("INFO", CORE_URI, cid="c1", cseq=5, to=f"<{BOB}>;tag=ct", contact="", body="x", ctype="text/plain"))
    t.core.send(response(t.core.get("INFO"), 200))
    w.get(200)
    t.core.send(request("INFO", "sip:alice@abc.invalid;transport=ws", cid="c1", cseq=40, via=t.core.via,
                        frm=f"<{BOB}>;tag=ct", to=f"<{ALICE}>;tag=a1", contact="", extra=f"Route: {w.path}", body="x",
                        ctype="text/plain"))
    w.send(response(w.get("INFO"), 200))
    t.core.get(200)
    written(t)
    killed(t)
    w = t.register(cseq=2)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{t.dir}/s.sock")
        s.sendall(f"kick {ALICE}\n".encode())
        s.recv(100)
    core, wic = t.core.get("BYE"), w.get("BYE")
    check(core.header("CSeq") == "6 BYE" and core.start == f"BYE {CORE_URI};x=1 SIP/2.0", core)
    check(core.header("From") == f"<{ALICE}>;tag=a1" and core.header("To") == f"<{BOB}>;tag=ct", core)
    check(wic.header("CSeq") == "41 BYE" and wic.header("From") == f"<{BOB}>;tag=ct", wic)


@case("a re-offer after a kill is converted as before, and a refresh stays the same to the byte (W2-SIP-31)")
def _(t):
    w = t.register()
    before = call_out(t, w, "c1")
    written(t)
    killed(t)
    w = t.register(cseq=2)
    w.send(request("INVITE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", body=WIC_SDP % "actpass"))
    again = t.core.get("INVITE")
    check(again.body == before.body, f"{before.body}\n{again.body}")
    t.core.send(response(again, 200, "OK", f"Contact: <{CORE_URI}>", body=CORE_SDP.replace("30100", "30200")))
    check("a=ice-ufrag:abcd" in w.get(200).body)
    check("30200" in t.mg.wait("mod")[2])


@case("what was reserved for a refused offer is given back as soon as the gateway listens, after a kill, too (W2-SIP-34)", media={"video": ["VP8"]})
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    audio = WIC_SDP % "actpass"
    video = audio[audio.index("m=audio"):].replace("m=audio 9 UDP/TLS/RTP/SAVPF 0", "m=video 9 UDP/TLS/RTP/SAVPF 96").replace(
        "mid:0", "mid:1") + "a=rtpmap:96 VP8/90000\n"

    def offers(n, sdp):
        w.send(request("INVITE", CORE_URI, cid="c1", cseq=n, to=f"<{BOB}>;tag=ct", body=sdp))
    offers(2, audio + video)
    t.core.send(response(t.core_get("INVITE", "c1", 2), 488, "Not Acceptable Here"))
    w.get(488)
    offers(3, audio)
    t.core.send(response(t.core_get("INVITE", "c1", 3), 200, "OK", f"Contact: <{CORE_URI}>", body=CORE_SDP))
    w.get(200)
    w.send(request("ACK", CORE_URI, cid="c1", cseq=3, to=f"<{BOB}>;tag=ct", contact=""))
    written(t)
    answer, held = t.mg.answer, []
    t.mg.answer = lambda *a: (held.append(a), t.mg.note("held")) if a[1] == "*" else answer(*a)
    comes_back = threading.Thread(target=killed, args=(t,))
    comes_back.start()
    t.mg.wait("held")       # until it has told its contexts nothing is asked of it
    w = t.register(cseq=2)
    offers(4, audio + video)
    w.get(488)
    t.mg.answer = answer
    answer(*held[-1])
    comes_back.join()
    offers(5, audio + video)
    t.core_get("INVITE", "c1", 5)
    told = t.mg.wait("mod")[2]
    check(len(re.findall(r"ST=2\{[^}]*L\{[^}]*m=audio 0 ", told)) == 2 and "m=video $" in told, told)


@case("a context the gateway has lost meanwhile ends its call on both sides")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    call_out(t, w, "c2")
    written(t)
    t.mg.live.pop(min(t.mg.live))
    killed(t)
    b = t.core.get("BYE")
    check(b.header("Call-ID") == "c1" and "cause=503" in b.header("Reason"), b)
    t.metric("calls", 1)
    check(t.show("calls")[0]["call_id"] == "c2")


@case("hundreds of contexts nobody owns are found and given back one by one")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    written(t)
    ours = set(t.mg.live)
    t.mg.live.update({n: True for n in range(50000, 50400)})
    killed(t)
    until(lambda: set(t.mg.live) == ours, f"orphans subtracted, left are {len(t.mg.live)}", 10)
    check(t.metrics()["iq_contexts_orphaned"] == 400 and t.metrics()["calls"] == 1, t.metrics())


@case("a gateway that restarted, too, has no call left, and both sides are told")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    written(t)
    t.mg.live.clear()
    killed(t, method='Restart, Reason = "901 Cold Boot"')
    check("cause=503" in t.core.get("BYE").header("Reason"))
    t.metric("calls", 0)
    check(t.metrics()["iq_contexts"] == 0)


@case("a clean stop loses nothing, whatever has just happened")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    killed(t, signal.SIGTERM)
    m = t.metrics()
    check(m["reg_bindings"] == 1 and m["calls"] == 1 and m["state_not_restored"] == 0, m)
    w = t.register(cseq=2)
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.get("BYE")


@case("what ended before the kill does not come back")
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    w.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
    t.core.send(response(t.core.get("BYE"), 200))
    w.get(200)
    w.send(request("REGISTER", "sip:home1.example", cid="regalice", cseq=9, frm=f"<{ALICE}>;tag=f1", to=f"<{ALICE}>",
                   extra="Expires: 0", contact='<sip:alice@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:alice>"'
                   ";reg-id=1"))
    t.core.send(response(t.core.get("REGISTER"), 200))
    w.get(200)
    written(t)
    killed(t)
    m = t.metrics()
    check(m["reg_bindings"] == 0 and m["calls"] == 0 and m["state_not_restored"] == 0, m)


@case("records nobody can read are left out and counted, the rest comes back")
def _(t):
    t.register()
    t.register(user="carol")
    written(t)
    t.p.send_signal(signal.SIGKILL)
    t.p.wait(10)
    import sqlite3
    db = sqlite3.connect(f"{t.dir}/state.db")
    db.execute("UPDATE state SET value = substr(value, 1, 30) WHERE kind = 1 AND CAST(key AS TEXT) LIKE '%carol%'")
    db.execute("INSERT INTO state VALUES(1, 'x', x'09', 0), (2, '5', x'0101000000', 0), (2, '6', x'', 0)")
    db.commit()
    db.close()
    killed(t)
    m = t.metrics()
    check(m["state_restored_bindings"] == 1 and m["state_not_restored"] == 4, m)
    check(t.show("registrations")[0]["impu"] == ALICE)


@case("with backend none nothing survives, and the gateway is cleared", state={"backend": "none"})
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    killed(t)
    t.mg.wait("sub")
    check(t.metrics()["reg_bindings"] == 0 and t.metrics()["calls"] == 0 and not t.mg.live)


REDIS_PORT = 6390


@case("registrations and calls survive in a real Redis", start=False)
def _(t):
    if not shutil.which("redis-server"):
        print("SKIP no redis-server here")
        return
    d = tempfile.mkdtemp(prefix="w2gw-redis-")
    redis = subprocess.Popen(["redis-server", "--port", str(REDIS_PORT), "--bind", LO, "--save", "", "--dir", d],
                             stdout=subprocess.PIPE, text=True)
    try:
        for line in redis.stdout:
            if "Ready to accept connections" in line:
                break
        t = Rig({"state": {"backend": "redis", "redis_address": f"{LO}:{REDIS_PORT}"}})
        try:
            w = t.register()
            call_out(t, w, "c1")
            written(t)
            killed(t)
            check(t.metrics()["state_restored_bindings"] == 1 and t.metrics()["state_restored_calls"] == 1)
            w2 = t.register(cseq=2)
            w2.send(request("BYE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", contact=""))
            t.core.send(response(t.core.get("BYE"), 200))
            w2.get(200)
            t.metric("calls", 0)
            killed(t, signal.SIGTERM)
            check(t.metrics()["calls"] == 0 and t.metrics()["reg_bindings"] == 1)
        finally:
            wrong = t.stop()
            check(not wrong, wrong)
    finally:
        redis.terminate()
        redis.wait(10)
        shutil.rmtree(d, ignore_errors=True)


@case("a session's interval goes on over a restart: nobody refreshes it, it is released (W2-SIP-39)", mw={"min_se_s": 1})
def _(t):
    w = t.register()
    t.core.send(response(t.invite(w, "c1"), 200, "OK", f"Contact: <{CORE_URI}>\nSession-Expires: 5", body=CORE_SDP))
    w.get(200)
    written(t)
    killed(t)
    check("cause=408" in t.core.get("BYE", 15).header("Reason"), "another cause")


run()
