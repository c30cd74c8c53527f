# SPDX-License-Identifier: Apache-2.0
"""A browser before the embedded WAF: sign-in, the code flow with PKCE, cookies."""
import base64, hashlib, html, http.client, os, re, secrets, ssl, subprocess, urllib.parse
from harness import *

ISSUER = f"https://localhost:{W2_PORT}"
PAGE = ISSUER + "/"
PASSWORD = "correct horse battery staple"
RS = {"id": "rs", "secret": "s3cret", "introspect": True}
WIC = {"id": "wic", "redirect_uris": [PAGE, "https://app.example/cb?x=1"]}
NATIVE = {"id": "native", "redirect_uris": ["com.example.phone:/cb"]}


def web(**waf):
    """Sections of the configuration: TLS, and the WAF as given."""
    return {"w2": {"insecure_ws": False}, "web": {"waf": {"clients": [WIC, RS, NATIVE], **waf}}}


def ctl(t, *args, password=None, status=0):
    p = subprocess.run([os.path.join(os.path.dirname(sys.argv[1]), "w2gwctl"), "user", *args,
                        "--db", f"{t.dir}/users.db"], input=password, capture_output=True, text=True, timeout=30)
    check(p.returncode == status, f"w2gwctl user {args}: {p.returncode} {p.stderr}")
    return p.stdout + p.stderr


def add(t, login="alice"):
    ctl(t, "add", login, "--domain", "home1.example", "--password-stdin", password=PASSWORD + "\n")


class Answer:
    def __init__(self, r):
        self.status, self.headers, self.body = r.status, r.headers, r.read().decode(errors="replace")

    def __getitem__(self, name):
        return self.headers.get(name, "")

    def json(self):
        return json.loads(self.body)

    def query(self):
        """What a redirect carries."""
        check(self.status == 303, f"{self.status} {self.body}")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self["Location"]).query))

    def note(self):
        return html.unescape("".join(re.findall(r'role="alert">([^<]*)', self.body)))


class Browser:
    """Keeps cookies, follows nothing by itself."""
    def __init__(self, t):
        self.t, self.cookies, self.csrf, self.verifier, self.ip = t, {}, "", "", t.ip

    def at(self, t):
        """From now on at this node."""
        self.t, self.ip = t, t.ip
        return self

    def request(self, method, path, body=None, headers=None):
        tls = ssl.create_default_context(cafile=f"{self.t.dir}/c.crt")
        c = http.client.HTTPSConnection("localhost", W2_PORT, timeout=20, context=tls)
        c._create_connection = lambda address, *k: socket.create_connection((self.ip, W2_PORT), *k)
        h = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            h["Content-Type"] = "application/x-www-form-urlencoded"
        c.request(method, path, body, {**h, **(headers or {})})
        a = Answer(c.getresponse())
        c.close()
        for line in a.headers.get_all("Set-Cookie") or []:
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        found = re.search(r'name="csrf" value="(\w+)"', a.body)
        self.csrf = found.group(1) if found else self.csrf
        return a

    def authorize_url(self, **over):
        self.verifier = secrets.token_urlsafe(48)
        sha = hashlib.sha256(self.verifier.encode()).digest()
        q = {"response_type": "code", "client_id": "wic", "redirect_uri": PAGE, "state": "st&=1", "scope": "ims",
             "code_challenge": base64.urlsafe_b64encode(sha).decode().rstrip("="), "code_challenge_method": "S256"}
        q.update(over)
        return "/oauth/authorize?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None})

    def login(self, login="alice", password=PASSWORD, action="login", url=None, **fields):
        url = url or self.authorize_url()
        self.request("GET", url)
        form = {"csrf": self.csrf, "login": login, "password": password, "action": action, **fields}
        return self.request("POST", url, {k: v for k, v in form.items() if v is not None})

    def token(self, **form):
        return self.request("POST", "/oauth/token", {"client_id": "wic", **form})

    def redeem(self, code, **over):
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": PAGE,
                             "code_verifier": self.verifier, **over})

    def sign_in(self, **k):
        """@return the token answer"""
        return self.redeem(self.login(**k).query()["code"]).json()

    def refresh(self, token):
        return self.token(grant_type="refresh_token", refresh_token=token)

    def introspect(self, token):
        basic = base64.b64encode(b"rs:s3cret").decode()
        return self.request("POST", "/oauth/introspect", {"token": token}, {"Authorization": "Basic " + basic}).json()


def metric(t, name):
    a = Browser(t).request("GET", "/metrics")
    return int(re.search(rf"^w2gw_epcscf_{name} (\d+)$", a.body, re.M).group(1))


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def invalid_grant(a):
    check(a.status == 400 and a.json() == {"error": "invalid_grant"}, f"{a.status} {a.body}")
