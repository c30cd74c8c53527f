#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The WAF of two nodes on one Redis: what one has given the other takes, once, and what one ends is ended."""
import sqlite3

from cluster import *
from waf_client import *

GUESTS = dict(guest_impus=["sip:guest{1..3}@home1.example"])


def both(a, b, *args, **k):
    """The users are a matter of the operator: each node has its file."""
    for t in (a, b):
        ctl(t, *args, **k)


def everywhere(a, b, token, is_active):
    for t in (a, b):
        until(lambda: Browser(t).introspect(token)["active"] == is_active, f"{t.ip}: active is {is_active}")


def alice(a, b, **k):
    both(a, b, "add", "alice", "--domain", "home1.example", "--password-stdin", password=PASSWORD + "\n")
    return Browser(a, **k)


def register(t, token, cid, status=200, instance="alice", user="alice"):
    w = t.ws(tls=ssl.create_default_context(cafile=f"{t.dir}/c.crt"))
    w.send(request("REGISTER", "sip:home1.example", cid=cid, frm=f"<sip:{user}@home1.example>;tag=f1",
                   to=f"<sip:{user}@home1.example>", extra=f"Authorization: Bearer {token}\nExpires: 3600",
                   contact=f'<sip:{user}@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:{instance}>";reg-id=1'))
    if status == 200:
        t.core.send(response(t.core.get("REGISTER"), 200, "OK", f"Contact: <sip:{user}@abc.invalid;transport=ws>;expires=3600\n"
                             f"Service-Route: <sip:orig@home1.example;lr>\nP-Associated-URI: <sip:{user}@home1.example>"), t.ip)
    w.get(status)
    return w


@nodes("a code of one node is redeemed at the other, once; the session and the form are known at both", **web())
def _(redis, a, b):
    w = alice(a, b)
    url = w.authorize_url()
    w.request("GET", url)
    form = {"csrf": w.csrf, "login": "alice", "password": PASSWORD, "action": "login"}
    code = w.at(b).request("POST", url, form).query()["code"]
    k = w.at(a).redeem(code).json()
    check(claims(k["access_token"])["sub"] == "alice")
    everywhere(a, b, k["access_token"], True)
    k2 = w.at(b).redeem(w.request("GET", w.authorize_url()).query()["code"]).json()
    for t in (a, b):                                          # the key sets are the same
        keys = w.at(t).request("GET", "/.well-known/jwks.json").json()["keys"]
        check(len({x["kid"] for x in keys}) == len(keys) == 2, keys)
    invalid_grant(w.at(b).redeem(code))                       # the second time: the first is taken back, the other lives
    everywhere(a, b, k["access_token"], False)
    everywhere(a, b, k2["access_token"], True)


@nodes("of many who redeem one code at both nodes at once at most one gets a grant, and of refreshes too", **web())
def _(redis, a, b):
    w = alice(a, b)
    w.login()

    def race(ask):
        got, threads = [], []
        for n in range(8):
            twin = Browser((a, b)[n % 2])
            twin.verifier = w.verifier
            threads.append(threading.Thread(target=lambda twin=twin: got.append(ask(twin))))
        for x in threads:
            x.start()
        for x in threads:
            x.join(30)
        check(len(got) == 8 and all(x.status in (200, 400) for x in got), [x.status for x in got])
        return [x.json() for x in got if x.status == 200]
    for _ in range(3):
        code = w.request("GET", w.authorize_url()).query()["code"]
        won = race(lambda t: t.redeem(code))
        check(len(won) <= 1, len(won))
        for k in won:
            everywhere(a, b, k["access_token"], False)        # and it was reused, so that is taken back
        k = w.redeem(w.request("GET", w.authorize_url()).query()["code"]).json()
        won = race(lambda t: t.refresh(k["refresh_token"]))
        check(len(won) <= 1, len(won))
        everywhere(a, b, k["access_token"], False)


@nodes("a refresh token goes from node to node; a sign-out at one ends the registration at the other, for ever", **web())
def _(redis, a, b):
    w = alice(a, b)
    k = w.sign_in()
    k2 = w.at(b).refresh(k["refresh_token"])
    check(k2.status == 200, k2.body)
    k2 = k2.json()
    register(b, k2["access_token"], "r1")
    check(w.at(a).request("POST", "/oauth/revoke", {"client_id": "wic", "token": k2["refresh_token"]}).status == 200)
    r = a.core.get("REGISTER")
    check(r.header("Expires") == "0", r)
    a.core.send(response(r, 200), b.ip)
    for t in (a, b):
        invalid_grant(w.at(t).refresh(k2["refresh_token"]))
        check('name="password"' in w.request("GET", w.authorize_url()).body)
        for n, token in enumerate((k["access_token"], k2["access_token"])):
            register(t, token, f"again{n}", 401)
    b.restart(signal.SIGKILL)                                 # it was away: it asks what was revoked
    b.metric("state_reachable", 1)
    b.metric("waf_tokens_revoked", 2)
    register(b, k2["access_token"], "later", 401)


@nodes("a user who is locked at one node loses what he has at both", **web())
def _(redis, a, b):
    w = alice(a, b)
    until(lambda: redis.ask("HEXISTS", "w2gw:waf:u:a", "alice") == ["1"], "a has told of alice")
    k = w.at(b).sign_in()
    ctl(a, "lock", "alice")
    everywhere(a, b, k["access_token"], False)
    invalid_grant(w.at(b).refresh(k["refresh_token"]))
    check('name="password"' in w.request("GET", w.authorize_url()).body)


@nodes("users who are locked, changed or deleted at a node in the moment they were added there lose what they have at the other", **web())
def _(redis, a, b):
    logins = [f"u{n}" for n in range(4)]
    for x in logins:
        ctl(b, "add", x, "--domain", "home1.example", "--password-stdin", password=PASSWORD)
    tokens = [Browser(b).sign_in(login=x)["access_token"] for x in logins]
    ctl(a, "add", "first", "--domain", "home1.example", "--password-stdin", password=PASSWORD)
    until(lambda: redis.ask("HEXISTS", "w2gw:waf:u:a", "first") == ["1"], "a tells of its users")
    db = sqlite3.connect(f"{a.dir}/users.db", timeout=10)
    n = db.execute("SELECT value FROM counter").fetchone()[0]       # all of it in one step: the node cannot look in between
    for x, stamp, locked in (("u0", n + 2, 1), ("u1", n + 4, 0), ("u2", n + 5, 0)):
        db.execute("INSERT INTO user(login, hash, impi, locked, stamp, added) VALUES(?1, '*', ?1, ?2, ?3, ?4)",
                   (x, locked, stamp, n + (1 if x == "u0" else 3 if x == "u1" else 5)))
    db.execute("INSERT INTO gone(login, stamp) VALUES('u3', ?1)", (n + 6,))
    db.execute("UPDATE counter SET value=?1", (n + 6,))
    db.commit()
    db.close()
    for x, is_active in ((0, False), (1, False), (3, False), (2, True)):
        everywhere(a, b, tokens[x], is_active)


def passwd(t, login="alice"):
    ctl(t, "passwd", login, "--password-stdin", password="another " + PASSWORD + "\n")


@nodes("a change of the password at one node ends codes, grants and sessions of both, also where the files count differently",
       **web())
def _(redis, a, b):
    for _ in range(3):
        ctl(b, "add", "x", "--domain", "x.example", "--password-stdin", password=PASSWORD)
        ctl(b, "del", "x")
    w = alice(a, b)
    until(lambda: redis.ask("HEXISTS", "w2gw:waf:u:b", "alice") == ["1"], "b has told of alice")
    k = w.sign_in()
    code = w.request("GET", w.authorize_url()).query()["code"]
    verifier = w.verifier
    passwd(b)
    invalid_grant(w.at(b).refresh(k["refresh_token"]))        # the step itself sees the change, whether the clock has or not
    everywhere(a, b, k["access_token"], False)
    w.verifier = verifier
    invalid_grant(w.at(a).redeem(code))
    check('name="password"' in w.request("GET", w.authorize_url()).body)
    k = w.at(b).sign_in(password="another " + PASSWORD)       # what is granted behind it stays, also at the other
    code = w.at(a).request("GET", w.authorize_url()).query()["code"]
    check(w.redeem(code).status == 200 and w.refresh(k["refresh_token"]).status == 200)


@nodes("a change while Redis does not answer is told as soon as it does", **web())
def _(redis, a, b):
    w = alice(a, b)
    k = w.at(b).sign_in()
    until(lambda: redis.ask("HEXISTS", "w2gw:waf:u:a", "alice") == ["1"], "a has told of alice")
    redis.p.send_signal(signal.SIGSTOP)
    passwd(a)
    before = a.metrics()["waf_store_away"]
    until(lambda: a.metrics()["waf_store_away"] > before, "a could not tell")
    redis.p.send_signal(signal.SIGCONT)
    everywhere(a, b, k["access_token"], False)
    invalid_grant(w.refresh(k["refresh_token"]))


@nodes("a user who was changed while a node was down has nothing when it is back; users are told a few at a time", **web())
def _(redis, a, b):
    w = alice(a, b)
    k = w.sign_in()
    until(lambda: redis.ask("HEXISTS", "w2gw:waf:u:b", "alice") == ["1"], "b has told of alice")
    b.p.kill()
    b.p.wait(10)
    passwd(b)
    db = sqlite3.connect(f"{b.dir}/users.db")
    db.executemany("INSERT INTO user(login, hash, impi, stamp) VALUES(?1, '*', ?1, ?2)", [(f"u{n}", 100 + n) for n in range(500)])
    db.execute("UPDATE counter SET value=700")
    db.commit()
    db.close()
    asked = int(re.search(r"cmdstat_eval:calls=(\d+)", "\n".join(redis.ask("INFO", "commandstats"))).group(1))
    b.start()
    everywhere(a, a, k["access_token"], False)
    until(lambda: redis.ask("HLEN", "w2gw:waf:u:b") == ["501"], "b has told of all")
    more = int(re.search(r"cmdstat_eval:calls=(\d+)", "\n".join(redis.ask("INFO", "commandstats"))).group(1)) - asked
    check(16 <= more < 100, more)


@nodes("a person has sixteen codes, all have as many as configured; what ends first gives way", **web(max_sessions=20))
def _(redis, a, b):
    def kept():
        return len(redis.ask("KEYS", "w2gw:waf:c:*"))
    w = alice(a, b)
    w.login()
    for n in range(16):
        code = w.at((a, b)[n % 2]).request("GET", w.authorize_url()).query()["code"]
    check(kept() == 16 and redis.ask("HLEN", "w2gw:waf:p:alice") == ["17"])
    check(w.redeem(code).status == 200)
    ctl(b, "add", "bob", "--domain", "home1.example", "--password-stdin", password=PASSWORD)
    bob = Browser(b)
    bob.login("bob")
    for n in range(5):
        bob.request("GET", bob.authorize_url()).query()["code"]
    check(kept() == 20 and redis.ask("ZCARD", "w2gw:waf:a:c") == ["20"])


@nodes("of revoked tokens a node that was away reads all pages, however many end in the same second", **web())
def _(redis, a, b):
    end = int(time.time()) + 3000
    for n in range(0, 1300, 100):
        redis.ask("ZADD", "w2gw:waf:r", *[x for i in range(n, n + 100) for x in (str(end + (i > 1200)), f"jti{i}")])
    redis.ask("ZADD", "w2gw:waf:r", "1", "over")
    b.restart(signal.SIGKILL)
    b.metric("waf_tokens_revoked", 1300)


@nodes("an IMPU of the pool is given once over all nodes, and comes back with the sign-out", **web(**GUESTS))
def _(redis, a, b):
    seen, last = [], None
    for n in range(3):
        last = Browser((a, b)[n % 2])
        last.k = last.sign_in(action="guest")
        seen += last.k["impu"]
    check(sorted(seen) == [f"sip:guest{n}@home1.example" for n in (1, 2, 3)], seen)
    for t in (a, b):
        r = Browser(t).login(action="guest")
        check(r.status == 503 and "taken" in r.note(), r.body)
    k = last.at(b).refresh(last.k["refresh_token"]).json()
    check(k["impu"] == last.k["impu"], k)
    last.at(a).request("POST", "/oauth/revoke", {"client_id": "wic", "token": k["access_token"]})
    check(Browser(b).sign_in(action="guest")["impu"] == last.k["impu"])
    invalid_grant(last.refresh(k["refresh_token"]))


@nodes("a token is in use on one connection over all nodes, unless its own instance moves (W2-TOK-20)", **web())
def _(redis, a, b):
    token = alice(a, b).sign_in()["access_token"]
    register(a, token, "r1")
    register(b, token, "r2", 403, instance="thief")
    w = register(b, token, "r3")
    a.metric("reg_bindings", 0)
    register(a, token, "r4", 403, instance="thief")
    a.core.none("REGISTER", 0.1)
    w.close()


@nodes("an IMPU of the pool is registered by one instance over all nodes, until it lets go (W2-TOK-08)", **web(**GUESTS))
def _(redis, a, b):
    g = Browser(a)
    k = g.sign_in(action="guest")
    other = g.refresh(k["refresh_token"]).json()["access_token"]     # another token for the same IMPU
    w = register(a, k["access_token"], "r1", user="guest1", instance="one")
    register(b, other, "r2", 403, user="guest1", instance="two")
    w.send(request("REGISTER", "sip:home1.example", cid="r1", cseq=2, frm="<sip:guest1@home1.example>;tag=f1",
                   to="<sip:guest1@home1.example>", extra=f"Authorization: Bearer {k['access_token']}\nExpires: 0",
                   contact='<sip:guest1@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:one>";reg-id=1'))
    a.core.send(response(a.core.get("REGISTER"), 200), A)
    w.get(200)
    a.metric("reg_bindings", 0)
    register(b, other, "r3", user="guest1", instance="two")


@nodes("without Redis nothing is granted and that is said; what runs goes on, and it works again afterwards", **web(**GUESTS))
def _(redis, a, b):
    w = alice(a, b)
    k = w.sign_in()
    register(a, k["access_token"], "r1")
    code = w.request("GET", w.authorize_url()).query()["code"]
    redis.stop()
    away = [w.redeem(code), w.refresh(k["refresh_token"]),
            w.request("POST", "/oauth/revoke", {"client_id": "wic", "token": k["refresh_token"]})]
    check([x.status for x in away] == [503] * 3 and away[0].json() == {"error": "temporarily_unavailable"}, away[0].body)
    check(w.request("GET", w.authorize_url()).query()["error"] == "temporarily_unavailable")
    for fields in ({}, {"action": "guest"}):
        check(Browser(b).login(**fields).query()["error"] == "temporarily_unavailable")
    check(a.metrics()["waf_store_away"] >= 4 and a.metrics()["reg_bindings"] == 1, a.metrics())
    for value in (0, 1):
        for t in (a, b):
            t.metric("state_reachable", value)
        if value == 0:
            redis.start()
    k = Browser(b).sign_in()
    until(lambda: Browser(a).introspect(k["access_token"])["active"], "a knows the keys of b again", 10)


run()
