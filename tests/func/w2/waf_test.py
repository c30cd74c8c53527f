#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The embedded WWSF and WAF over TLS: the whole code flow with PKCE, every refusal, headers, hostile requests."""
import base64, html, http.client, os, re, ssl, subprocess, urllib.parse
from waf_client import *

# ---- the flow -----------------------------------------------------------------------------------------

@case("a user signs in: code, state and iss, a token with his identities, refresh, sign-out", **web())
def _(t):
    add(t)
    b = Browser(t)
    q = b.login().query()
    check(q["state"] == "st&=1" and q["iss"] == ISSUER and len(q["code"]) == 43, q)
    a = b.redeem(q["code"])
    check(a.status == 200 and a["Cache-Control"] == "no-store", f"{a.status} {a.body}")
    k = a.json()
    check(k["impi"] == "alice@home1.example" and k["impu"] == ["sip:alice@home1.example"], k)
    check(k["token_type"] == "Bearer" and 590 <= k["expires_in"] <= 600 and k["scope"] == "ims", k)
    c = claims(k["access_token"])
    check(c["iss"] == ISSUER and c["aud"] == "localhost" and c["sub"] == "alice" and c["client_id"] == "wic" and
          c["impi"] == "alice@home1.example" and c["impu"] == ["sip:alice@home1.example"] and
          c["waf_id"] == c["wwsf_id"] == "localhost" and c["exp"] - c["iat"] == 600, c)
    check(b.introspect(k["access_token"])["impi"] == "alice@home1.example")
    k2 = b.refresh(k["refresh_token"]).json()
    check(k2["refresh_token"] != k["refresh_token"] and claims(k2["access_token"])["jti"] != c["jti"])
    a = b.request("POST", "/oauth/revoke", {"client_id": "wic", "token": k2["refresh_token"]})
    check(a.status == 200, a.body)
    invalid_grant(b.refresh(k2["refresh_token"]))
    for token in (k["access_token"], k2["access_token"]):
        check(b.introspect(token) == {"active": False})
    check("name=\"password\"" in b.request("GET", b.authorize_url()).body)      # the session went with it


@case("the token verifies by the published key set", **web())
def _(t):
    add(t)
    b = Browser(t)
    token = b.sign_in()["access_token"]
    meta = b.request("GET", "/.well-known/oauth-authorization-server")
    check(meta["Access-Control-Allow-Origin"] == "*")
    m = meta.json()
    check(m["issuer"] == ISSUER and m["code_challenge_methods_supported"] == ["S256"], m)
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"):
        check(m[name].startswith(ISSUER + "/"), m[name])
    keys = b.request("GET", m["jwks_uri"][len(ISSUER):]).json()["keys"]
    check(len(keys) == 1 and keys[0]["kty"] == "EC" and "d" not in keys[0], keys)
    dec = lambda s: base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
    head, body, sig = token.split(".")
    check(json.loads(dec(head)) == {"alg": "ES256", "typ": "at+jwt", "kid": keys[0]["kid"]}, dec(head))
    point = b"\x04" + dec(keys[0]["x"]) + dec(keys[0]["y"])
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point
    ints = b""
    for part in (dec(sig)[:32], dec(sig)[32:]):
        n = part.lstrip(b"\0")
        n = b"\0" + n if n[0] & 0x80 else n
        ints += b"\x02" + bytes([len(n)]) + n
    for name, data in (("k.der", spki), ("s.der", b"\x30" + bytes([len(ints)]) + ints), ("d", f"{head}.{body}".encode())):
        open(f"{t.dir}/{name}", "wb").write(data)
    p = subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{t.dir}/k.der", "-keyform", "DER", "-signature",
                        f"{t.dir}/s.der", f"{t.dir}/d"], capture_output=True, text=True)
    check(p.returncode == 0, p.stdout + p.stderr)
    check(os.stat(f"{t.dir}/keys.json").st_mode & 0o777 == 0o600 and os.stat(f"{t.dir}/users.db").st_mode & 0o777 == 0o600)


@case("who is signed in gets a code without a password, unless the client asks for one", **web())
def _(t):
    add(t)
    b = Browser(t)
    b.login()
    k = b.redeem(b.request("GET", b.authorize_url()).query()["code"]).json()
    check(claims(k["access_token"])["sub"] == "alice")
    check('name="password"' in b.request("GET", b.authorize_url(prompt="login")).body)
    q = Browser(t).request("GET", b.authorize_url(prompt="none")).query()
    check(q["error"] == "login_required" and q["iss"] == ISSUER, q)


@case("grants survive a restart", **web())
def _(t):
    add(t)
    b = Browser(t)
    k = b.sign_in()
    t.p.kill()
    t.p.wait()
    t.reader.join(10)
    t.lines.clear()
    t.p = subprocess.Popen([sys.argv[1], "-c", f"{t.dir}/c.yaml"], stderr=subprocess.PIPE, text=True, errors="replace")
    t.reader = threading.Thread(target=t.read, daemon=True)
    t.reader.start()
    t.log_wait(r" ready ", 20)
    check(b.introspect(k["access_token"])["active"])
    k2 = b.refresh(k["refresh_token"])
    check(k2.status == 200, k2.body)
    invalid_grant(b.refresh(k["refresh_token"]))


def register(t, token, cid, status=200):
    """Alice registers with her token over a new WebSocket."""
    tls = ssl.create_default_context(cafile=f"{t.dir}/c.crt")
    w = t.ws(tls=tls)
    w.send(request("REGISTER", "sip:home1.example", cid=cid, frm=f"<{ALICE}>;tag=f1", to=f"<{ALICE}>",
                   contact='<sip:alice@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:alice>";reg-id=1',
                   extra=f"Authorization: Bearer {token}\nExpires: 3600"))
    if status == 200:
        t.core.send(response(t.core.get("REGISTER"), 200, "OK", "Contact: <sip:alice@abc.invalid;transport=ws>;expires=3600\n"
                             f"Service-Route: <sip:orig@home1.example;lr>\nP-Associated-URI: <{ALICE}>"))
    w.get(status)
    return w


@case("after a kill a sign-out ends the registration its token made, and the token is refused ever after (W2-TOK-19)", **web())
def _(t):
    add(t)
    b = Browser(t)
    k = b.sign_in()
    register(t, k["access_token"], "r1")
    until(lambda: t.show("counters")["state_pending"] == 0, "written")
    t.restart(signal.SIGKILL)
    check(t.show("counters")["reg_bindings"] == 1)
    b.request("POST", "/oauth/revoke", {"client_id": "wic", "token": k["refresh_token"]})
    r = t.core.get("REGISTER")
    check(r.header("Expires") == "0" and "auth-done" in r.header("Authorization"), r)
    t.core.send(response(r, 200))
    until(lambda: t.show("counters")["reg_bindings"] == 0, "no binding is left")
    for n in range(2):
        register(t, k["access_token"], f"again{n}", 401)
        t.core.none("REGISTER", 0.1)
        t.restart(signal.SIGKILL)


# ---- refusals -----------------------------------------------------------------------------------------

@case("a wrong name, a wrong password and a locked user look the same (threat W8)", **web())
def _(t):
    add(t)
    add(t, "eve")
    ctl(t, "lock", "eve")
    seen = set()
    for login, password in (("alice", "wrong"), ("nobody", PASSWORD), ("eve", PASSWORD), ("eve", "x" * 256)):
        b = Browser(t)
        a = b.login(login, password)
        body = a.body.replace(f'value="{login}"', "").replace(b.csrf, "").replace(html.escape(b.verifier), "")
        seen.add((a.status, a.note(), re.sub(r"action=\"[^\"]*", "", body)))
    check(len(seen) == 1, seen)
    check(metric(t, "waf_login_failed") == 4)
    check(PASSWORD not in t.log() and "x" * 256 not in t.log())


@case("a code is for one client, one redirect URI, one verifier, once", **web())
def _(t):
    add(t)
    b = Browser(t)
    b.login()
    fresh = lambda **k: b.request("GET", b.authorize_url(**k)).query()["code"]
    invalid_grant(b.redeem(fresh(), code_verifier="A" * 43))
    invalid_grant(b.redeem(fresh(), code_verifier=""))
    invalid_grant(b.redeem(fresh(), redirect_uri="https://app.example/cb?x=1"))
    invalid_grant(b.redeem(fresh(), client_id="native", redirect_uri="com.example.phone:/cb"))
    invalid_grant(b.redeem("x" * 43))
    code = fresh()
    invalid_grant(b.redeem(code, code_verifier="A" * 43))     # a failed attempt spends it
    invalid_grant(b.redeem(code))
    code = fresh()
    k = b.redeem(code).json()
    invalid_grant(b.redeem(code))                             # and a second use takes back the first
    check(b.introspect(k["access_token"]) == {"active": False})
    invalid_grant(b.refresh(k["refresh_token"]))
    check(metric(t, "waf_reused") == 1)


@case("an expired code is refused", **web(code_s=1))
def _(t):
    add(t)
    b = Browser(t)
    code = b.login().query()["code"]
    end = int(time.time()) + 2        # the clock of the WAF counts whole seconds
    until(lambda: time.time() >= end, "the code's end", 5)
    invalid_grant(b.redeem(code))


@case("a refresh token used twice ends the grant, its tokens too", **web())
def _(t):
    add(t)
    b = Browser(t)
    k = b.sign_in()
    k2 = b.refresh(k["refresh_token"]).json()
    invalid_grant(b.refresh(k["refresh_token"]))
    invalid_grant(b.refresh(k2["refresh_token"]))
    check(b.introspect(k2["access_token"]) == {"active": False})
    check(metric(t, "waf_reused") == 1 and metric(t, "waf_tokens_revoked") == 2)
    k = b.sign_in()
    a = b.token(grant_type="refresh_token", refresh_token=k["refresh_token"], client_id="native")
    invalid_grant(a)                                          # of another client: refused, not revoked
    check(b.refresh(k["refresh_token"]).status == 200)


@case("a client that refreshes without end is told to slow down", **web())
def _(t):
    add(t)
    b = Browser(t)
    k = b.sign_in()
    for _ in range(7):
        k = b.refresh(k["refresh_token"]).json()
    a = b.refresh(k["refresh_token"])
    check(a.status == 429 and a["Retry-After"], a.body)


@case("codes and refresh tokens that are none are slowed down, per client and source", **web())
def _(t):
    add(t)
    b = Browser(t)
    k = b.sign_in()
    for n in range(51):
        invalid_grant(b.redeem(f"c{n}") if n % 2 else b.refresh(f"t{n}"))
    a = b.refresh(k["refresh_token"])
    check(a.status == 429 and 1 <= int(a["Retry-After"]) <= 10, a.body)
    invalid_grant(b.token(grant_type="refresh_token", refresh_token="x", client_id="native"))
    until(lambda: b.refresh(k["refresh_token"]).status == 200, "after a second it is served again")


@case("no redirect to where nobody vouches for (threat W8)", **web())
def _(t):
    b = Browser(t)
    for over in ({"redirect_uri": "https://evil.example/"}, {"redirect_uri": PAGE + "x"}, {"redirect_uri": PAGE + "?a"},
                 {"redirect_uri": ISSUER}, {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": None},
                 {"client_id": "nobody"}, {"client_id": None}, {"client_id": "rs"}):
        a = b.request("GET", b.authorize_url(**over))
        check(a.status == 400 and not a["Location"], f"{over}: {a.status}")
    url = b.authorize_url()
    a = b.request("GET", url + "&redirect_uri=https://evil.example/")     # given twice
    check(a.status == 400 and not a["Location"])


@case("a request that is wrong in itself goes back to the client with an error", **web())
def _(t):
    b = Browser(t)
    for over, error in (({"response_type": "token"}, "unsupported_response_type"), ({"response_type": None}, "invalid_request"),
                        ({"code_challenge": None}, "invalid_request"), ({"code_challenge": "x" * 42}, "invalid_request"),
                        ({"code_challenge_method": "plain"}, "invalid_request"), ({"scope": "admin"}, "invalid_scope"),
                        ({"code_challenge_method": None}, "invalid_request"), ({"request": "x"}, "request_not_supported"),
                        ({"response_mode": "fragment"}, "invalid_request")):
        a = b.request("GET", b.authorize_url(**over))
        q = a.query()
        check(q["error"] == error and q["iss"] == ISSUER and q["state"] == "st&=1" and a["Location"].startswith(PAGE + "?"),
              f"{over}: {q}")
    a = b.request("GET", b.authorize_url(redirect_uri="https://app.example/cb?x=1", scope="admin"))
    check(a["Location"].startswith("https://app.example/cb?x=1&error=invalid_scope"), a["Location"])
    a = b.request("GET", b.authorize_url(state="x\r\nSet-Cookie: a=b", scope="admin"))
    check("a" not in b.cookies and "%0D%0A" in a["Location"], a["Location"])


@case("a form from elsewhere is refused: token, origin, cookie (threat W8)", **web())
def _(t):
    add(t)
    b = Browser(t)
    check(b.login(csrf=None).status == 403)
    check(b.login(csrf="0" * 64).status == 403)
    other = Browser(t)
    other.request("GET", other.authorize_url())
    check(b.login(csrf=other.csrf).status == 403)                       # a token of the attacker's own browser
    url = b.authorize_url()
    b.request("GET", url)
    form = {"csrf": b.csrf, "login": "alice", "password": PASSWORD, "action": "login"}
    check(b.request("POST", url, form, {"Origin": "https://evil.example"}).status == 403)
    check(b.request("POST", url, form, {"Origin": "null"}).status == 403)
    check(b.request("POST", url, form, {"Sec-Fetch-Site": "cross-site"}).status == 403)
    check(b.request("POST", url, urllib.parse.urlencode(form), {"Content-Type": "text/plain"}).status == 400)
    check(metric(t, "waf_csrf_refused") == 6 and metric(t, "waf_logins") == 0)
    check(b.request("POST", url, form, {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}).status == 303)


@case("a locked, deleted or changed user loses what was granted", **web())
def _(t):
    for what in ("lock", "passwd", "del"):
        add(t)
        b = Browser(t)
        k = b.sign_in()
        ctl(t, what, "alice", *(["--password-stdin"] if what == "passwd" else []), password="other\n")
        until(lambda: not b.introspect(k["access_token"])["active"], f"{what} takes the token back")
        invalid_grant(b.refresh(k["refresh_token"]))
        check('name="password"' in b.request("GET", b.authorize_url()).body)
        if what != "del":
            ctl(t, "del", "alice")
    check(metric(t, "waf_grants") == 0)


@case("guessing is slowed down per name, and per source (threat W8)", **web())
def _(t):
    add(t)
    b = Browser(t)
    for i in range(6):
        a = b.login("alice", f"wrong{i}")
        check(a.status == 403, f"{i}: {a.status}")
    a = b.login()
    check(a.status == 429 and int(a["Retry-After"]) >= 1, a.status)         # the right one is not even looked at
    check(b.login("nobody").status == 403)                                  # other names are free
    for i in range(20):
        a = b.login(f"n{i}", "")
        if a.status == 429:
            break
    a = b.login("other", "x")
    check(a.status == 429 and metric(t, "waf_login_limited") >= 2, a.status)
    check(b.token(grant_type="refresh_token", refresh_token="x").status == 429)


@case("a crowd that signs in at once is served or told to come again, and nobody else waits", **web())
def _(t):
    add(t)
    url = Browser(t).authorize_url()
    first = Browser(t)
    first.request("GET", url)
    results = []

    def one():
        b = Browser(t)
        b.cookies, b.csrf = dict(first.cookies), first.csrf
        results.append(b.request("POST", url, {"csrf": first.csrf, "login": "alice", "password": "wrong"}).status)
    threads = [threading.Thread(target=one) for _ in range(40)]
    for x in threads:
        x.start()
    check(Browser(t).request("GET", "/healthz").status == 200)
    for x in threads:
        x.join(60)
    check(len(results) == 40 and set(results) <= {403, 429, 503} and results.count(403) < 20, results)


@case("clients with a secret must show it, and only some may introspect", **web())
def _(t):
    b = Browser(t)
    basic = lambda s: {"Authorization": "Basic " + base64.b64encode(s.encode()).decode()}
    for form, headers in (({"client_id": "rs"}, {}), ({"client_id": "rs", "client_secret": "wrong"}, {}), ({}, {}),
                          ({}, basic("rs:wrong")), ({}, basic("rs")), ({}, {"Authorization": "Basic !!"}),
                          ({"client_id": "wic"}, basic("rs:s3cret")), ({"client_id": "wic", "client_secret": "x"}, {})):
        a = b.request("POST", "/oauth/introspect", {"token": "x", **form}, headers)
        check(a.status == 401 and a.json()["error"] == "invalid_client" and a["WWW-Authenticate"], f"{form}: {a.status}")
    a = b.request("POST", "/oauth/introspect", {"token": "x", "client_id": "wic"})
    check(a.status == 403, a.status)
    for token in ("x", "", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 9000):
        check(b.introspect(token) == {"active": False})


@case("pages of other origins may read tokens only when they are a client's", **web())
def _(t):
    b = Browser(t)
    for origin, allowed in ((ISSUER, True), ("https://app.example", True), ("https://evil.example", False), ("null", False)):
        a = b.request("POST", "/oauth/token", {"client_id": "wic", "grant_type": "x"}, {"Origin": origin})
        check(a["Access-Control-Allow-Origin"] == (origin if allowed else ""), f"{origin}: {a.headers}")


# ---- guests -------------------------------------------------------------------------------------------

@case("guests get an IMPU of the pool until none is left, and give it back", **web(guest_impus=["sip:guest{1..2}@home1.example"]))
def _(t):
    a, b, c = Browser(t), Browser(t), Browser(t)
    ka, kb = a.sign_in(action="guest", login=None), b.sign_in(action="guest", login=None)
    ca, cb = claims(ka["access_token"]), claims(kb["access_token"])
    check([ca["impu"], cb["impu"]] == [["sip:guest1@home1.example"], ["sip:guest2@home1.example"]])
    check(ca["impi"] == "guest1@home1.example" and ca["wwsf_id"] == "localhost" and ca["sub"] != cb["sub"])
    full = c.login(action="guest")
    check(full.status == 503 and full["Retry-After"] and "guest places are taken" in full.note(), full.body)
    again = a.redeem(a.request("GET", a.authorize_url()).query()["code"]).json()     # a reload: the same guest
    check(claims(again["access_token"])["impu"] == ca["impu"])
    a.request("POST", "/oauth/revoke", {"client_id": "wic", "token": again["refresh_token"]})
    a.request("POST", "/oauth/revoke", {"client_id": "wic", "token": ka["refresh_token"]})
    kc = c.sign_in(action="guest")
    check(claims(kc["access_token"])["impu"] == ca["impu"] and claims(kc["access_token"])["sub"] != ca["sub"])
    until(lambda: metric(t, "waf_guests") == 2, "two places taken")       # told once a second
    check(metric(t, "waf_pool_exhausted") == 1)


@case("without a pool there are no guests", **web())
def _(t):
    b = Browser(t)
    check("guest" not in b.request("GET", b.authorize_url()).body)
    check(b.login("", "", action="guest").status == 403)


# ---- the web as such ----------------------------------------------------------------------------------

@case("pages carry the headers that browsers need to defend themselves (threat W8)", **web())
def _(t):
    add(t)
    b = Browser(t)
    login = b.authorize_url()
    for path in (login, "/oauth/authorize", "/.well-known/jwks.json", "/oauth/style.css", "/nothing", "/"):
        a = b.request("GET", path)
        check(a["Strict-Transport-Security"].startswith("max-age=") and a["X-Content-Type-Options"] == "nosniff" and
              a["Referrer-Policy"] == ("same-origin" if path == login else "no-referrer") and "frame-ancestors 'none'" in a["Content-Security-Policy"] and
              "unsafe" not in a["Content-Security-Policy"], f"{path}: {a.headers}")
    a = b.request("GET", b.authorize_url(client_id="native", redirect_uri="com.example.phone:/cb"))
    check(a["Content-Security-Policy"].endswith("form-action 'self' com.example.phone:"), a["Content-Security-Policy"])
    a = b.request("GET", b.authorize_url(redirect_uri="https://app.example/cb?x=1"))
    check(a["Content-Security-Policy"].endswith("form-action 'self' https://app.example"), a["Content-Security-Policy"])
    check("<script" not in a.body and "style=" not in a.body and a["Cache-Control"] == "no-store")
    b = Browser(t)
    a = b.request("GET", b.authorize_url())
    check(re.fullmatch(r"__Host-w2gw-csrf=\w{43}; Path=/; Secure; HttpOnly; SameSite=Strict", a["Set-Cookie"]), a["Set-Cookie"])
    a = b.login()
    check(re.fullmatch(r"__Host-w2gw=\w{43}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200", a["Set-Cookie"]), a["Set-Cookie"])


@case("what users type comes back as text, never as markup (threats W8, P11)", **web())
def _(t):
    b = Browser(t)
    for evil in ('"><script>alert(1)</script>', "'`<img src=x onerror=alert(1)>", "\x1b[31m\x00".replace("\x00", "")):
        url = b.authorize_url(state=evil, login_hint=evil)
        a = b.request("GET", url + "&x=" + urllib.parse.quote(evil) + '&"><b>')
        check(a.status == 200 and "<script>alert" not in a.body and "<img" not in a.body and "<b>" not in a.body and
              "\x1b" not in a.body, a.body)
        a = b.login(evil, "x")
        check("<script>alert" not in a.body and "<img" not in a.body and "\x1b" not in a.body, a.body)
    check("\x1b" not in t.log())


@case("hostile requests: traversal, methods, ten thousand headers, a megabyte of body (threats W6, W8)", **web())
def _(t):
    b = Browser(t)
    for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.well-known/../oauth/token",
                 "/oauth/authorize/../../c.yaml", "/oauth//token", "/oauth/", "/oauth/token%00", "//evil.example/"):
        a = b.request("GET", path)
        check(a.status in (404, 400) and "root:" not in a.body and not a["Location"], f"{path}: {a.status}")
    for method, path in (("PUT", "/oauth/token"), ("GET", "/oauth/token"), ("DELETE", "/oauth/authorize"),
                         ("POST", "/.well-known/jwks.json"), ("POST", "/"), ("TRACE", "/oauth/token")):
        a = b.request(method, path, "" if method == "POST" else None)
        check(a.status == 405, f"{method} {path}: {a.status}")
    for size, path in ((1 << 20, "/oauth/token"), (20000, "/oauth/authorize"), (16385, "/config.json")):
        try:
            a = b.request("POST", path, {"a": "x" * size})
            check(a.status == 413, a.status)
        except (ConnectionError, ssl.SSLError):
            pass                                              # cut off while it still sent
    check(metric(t, "web_refused_body") >= 2)
    many = {f"X-{i}": "y" for i in range(10000)}
    for path in ("/oauth/authorize", "/"):
        try:
            a = b.request("GET", path, headers=many)
            check(a.status in (400, 431), a.status)
        except (ConnectionError, ssl.SSLError, http.client.HTTPException):
            pass
    for body in ("%", "a=%zz", "&".join(f"a{i}=1" for i in range(100)), "a=1&a=2", "\0", "=" * 10000):
        a = b.request("POST", "/oauth/token", body, {"Content-Type": "application/x-www-form-urlencoded"})
        check(a.status in (400, 401) and "error" in a.json(), f"{body[:20]}: {a.status}")
    check(b.request("GET", "/healthz").status == 200)


@case("one connection carries many requests, some answered late", **web())
def _(t):
    add(t)
    b = Browser(t)
    url = b.authorize_url()
    b.request("GET", url)
    tls = ssl.create_default_context(cafile=f"{t.dir}/c.crt")
    c = http.client.HTTPSConnection("localhost", W2_PORT, timeout=20, context=tls)
    h = {"Cookie": "; ".join(f"{k}={v}" for k, v in b.cookies.items()), "Content-Type": "application/x-www-form-urlencoded"}
    for password, status in (("wrong", 403), (PASSWORD, 303), ("wrong", 403)):
        c.request("POST", url, urllib.parse.urlencode({"csrf": b.csrf, "login": "alice", "password": password}), h)
        check(Answer(c.getresponse()).status == status)
        c.request("GET", "/healthz")
        check(Answer(c.getresponse()).status == 200)
    c.close()


@case("a client that goes away while its password is checked leaves nothing behind", **web())
def _(t):
    add(t)
    b = Browser(t)
    url = b.authorize_url()
    b.request("GET", url)
    body = urllib.parse.urlencode({"csrf": b.csrf, "login": "alice", "password": PASSWORD})
    tls = ssl.create_default_context(cafile=f"{t.dir}/c.crt")
    for _ in range(5):
        with socket.create_connection((LO, W2_PORT)) as raw, tls.wrap_socket(raw, server_hostname="localhost") as s:
            cookies = "; ".join(f"{k}={v}" for k, v in b.cookies.items())
            s.sendall((f"POST {url} HTTP/1.1\r\nHost: localhost:{W2_PORT}\r\nCookie: {cookies}\r\nContent-Length: {len(body)}\r\n"
                       f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}").encode())
    until(lambda: metric(t, "waf_logins") >= 1, "the checks end")
    check(b.login().status in (303, 429))


@case("a stop in the middle of password checks is clean", **web())
def _(t):
    add(t)
    b = Browser(t)
    url = b.authorize_url()
    b.request("GET", url)
    form = {"csrf": b.csrf, "login": "alice", "password": "wrong"}

    def one():
        x = Browser(t)
        x.cookies = dict(b.cookies)
        try:
            x.request("POST", url, form)
        except (OSError, http.client.HTTPException):
            pass
    threads = [threading.Thread(target=one) for _ in range(4)]
    for x in threads:
        x.start()
    t.p.send_signal(signal.SIGTERM)
    check(t.p.wait(20) == 0)
    for x in threads:
        x.join(20)
    t.p = subprocess.Popen(["sleep", "600"], stderr=subprocess.PIPE, text=True)       # for the rig to stop
    t.p.wait = lambda timeout=None: 0
    t.p.send_signal(signal.SIGKILL)


@case("a third party's server: the page is told, and nothing of ours answers",
      w2={"insecure_ws": False}, web={"authorization_server": "https://idp.example/realms/ims", "client_id": "webrtc"},
      media={"video": ["VP8"], "data": "relay"})
def _(t):
    b = Browser(t)
    c = b.request("GET", "/config.json").json()
    check(c["signIn"] == ["oauth"] and c["oauth"] == {"issuer": "https://idp.example/realms/ims", "clientId": "webrtc",
                                                      "scope": "ims", "guests": False}, c)
    check(c["video"] and c["data"], c)
    for path in ("/oauth/authorize", "/oauth/token", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        check(b.request("GET", path).status == 404, path)
    csp = b.request("GET", "/")["Content-Security-Policy"]
    check("connect-src 'self' wss: ws: https://idp.example;" in csp, csp)
    check(not os.path.exists(f"{t.dir}/users.db"))


@case("without TLS there is no sign-in, only the SIP password")
def _(t):
    c = json.loads(t.http("/config.json").split("\r\n\r\n")[1])
    check(c["signIn"] == ["digest"] and not c["video"] and not c["data"], c)
    check(" 404 " in t.http("/oauth/authorize").split("\r\n")[0])


@case("w2gwctl user: mistakes are told, nothing secret is shown", **web())
def _(t):
    add(t)
    check("already" in ctl(t, "add", "Alice", "--domain", "h", "--password-stdin", password="x\n", status=1))
    check("no user" in ctl(t, "lock", "bob", status=1))
    check("letters" in ctl(t, "add", "<b>", "--domain", "h", "--password-stdin", password="x\n", status=1))
    check("empty" in ctl(t, "add", "bob", "--domain", "h", "--password-stdin", password="\n", status=1))
    check("usage" in ctl(t, "add", "bob", status=2) and "usage" in ctl(t, "nonsense", status=2))
    check("--password-stdin" in ctl(t, "passwd", "alice", password="x\n", status=1))
    out = ctl(t, "list") + ctl(t, "list", "--json")
    check("alice@home1.example" in out and "$y$" not in out and PASSWORD not in out, out)


run()
