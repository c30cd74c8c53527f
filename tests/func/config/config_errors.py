#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each kind of mistake in a configuration gives one clear line with file, line and key, and status 2."""
import os, re, subprocess, sys, tempfile

AGW, CSCF, ROOT = sys.argv[1:4]
GOOD_AGW = open(os.path.join(ROOT, "configs/eimsagw.yaml")).read()
GOOD_CSCF = open(os.path.join(ROOT, "configs/epcscf.yaml")).read()

# binary, text to replace, replacement, expected key, expected words
CASES = [
    (AGW, "idle: adaptive", "idle: sometimes", "idle", "must be one of"),
    (AGW, "max_contexts: 1000", "max_contexts: many", "max_contexts", "must be a number"),
    (AGW, "max_contexts: 1000", "max_contexts: 0", "max_contexts", "from 1 to"),
    (AGW, "gcm_tables: large", "gcm_tables: tiny", "gcm_tables", "must be one of"),
    (AGW, "hugepages: false", "hugepages: maybe", "hugepages", "true or false"),
    (AGW, "max_sdes_streams: 100", "max_sdes_streams: all", "max_sdes_streams", "must be a number"),
    (CSCF, "core_srtp: off", "core_srtp: sometimes", "core_srtp", "must be one of"),
    (CSCF, "core_suites: [AES_CM_128_HMAC_SHA1_80]", "core_suites: [F8_128_HMAC_SHA1_80]", "core_suites", "of AES_CM_128"),
    (AGW, "max_data_associations: 1000", "max_data_associations: -1", "max_data_associations", "must be a number"),
    (AGW, "  address: 10.20.0.2 ", "  address: 10.20.0.2:2855 ", "address", "must be an address"),
    (AGW, "  max_associations: 1000", "  max_associations: 65535", "max_associations", "must be a number"),
    (AGW, "  max_associations: 1000", "  max_associations: 0", "max_associations", "no association for msrp.address"),
    (AGW, "  max_per_call: 4", "  max_per_call: 16", "max_per_call", "must be a number"),
    (AGW, '  peers: ["10.20.0.0/24"]', '  peers: ["10.20.0.0"]', "peers", "network/prefix"),
    (AGW, "max_contexts: 1000", "max_context: 1000", "max_context", "unknown key"),
    (AGW, "max_contexts: 1000", "max_contexts: 1\nmax_contexts: 2", "max_contexts", "given twice"),
    (AGW, 'media_ports: "20000-29999"', 'media_ports: "29999-20000"', "media_ports", "FIRST-LAST"),
    (AGW, '"192.0.2.10/24"', '"192.0.2.300/24"', "addresses", "address/prefix"),
    (AGW, "port: core0", "port: core9", "port", "no port is named"),
    (AGW, '"10.20.0.10/24"', '"10.20.0.10/24", "10.20.0.10/16"', "addresses", 'address of realm "core" already'),
    (AGW, 'core0\n    addresses: ["10.20.0.10/24"]', 'acc0\n    addresses: ["192.0.2.10/24"]', "addresses",
     'address of realm "access" already'),
    (AGW, 'gateways: ["192.0.2.1"]', 'gateways: ["2001:db8::1"]', "gateways", "no IPv6 address"),
    (AGW, "routes: []", 'routes: ["2001:db8:7::/48 via 2001:db8::1"]', "routes", "no IPv6 address"),
    (AGW, "iq:\n", "".join(f"""  - name: r{i}
    port: core0
    media_ports: "30000-39999"
    addresses: [{", ".join(f'"10.9.{i}.{k}/24"' for k in range(4))}]
""" for i in range(8)) + "iq:\n", "addresses", "more than 32 addresses in all realms"),
    (AGW, "name: core\n", "name: access\n", "realms", "given twice"),
    (AGW, 'controllers: ["127.0.0.1:2944"]', "controllers: 127.0.0.1", "controllers", "must be a list"),
    (AGW, "profiles: [aead-aes-128-gcm, aes128-cm-hmac-sha1-80]", "profiles: [null-cipher]", "profiles", "unknown SRTP profile"),
    (AGW, "iq:\n", "iqq:\n", "iq", "is missing"),
    (AGW, "ice: lite", "ice: trickle", "ice", "must be one of"),
    (CSCF, "  ice: lite", "  ice: half", "ice", "must be one of"),
    (AGW, "names: {}", 'names: {event.nothing: "a/b"}', "event.nothing", "no name of Iq"),
    (AGW, "names: {}", 'names: {event.consent: "a b"}', "event.consent", "package/name"),
    (AGW, "names: {}", "names: [a]", "names", "lines"),
    (CSCF, "names: {}", 'names: {event.consent: "ipdc/realm"}', "event.consent", "another name"),
    (CSCF, "names: {}", 'names: {signal.latch.mode: "a/b"}', "mode", "must be a name"),
    (CSCF, 'node_address: ""', 'node_address: "192.0.2.1"', "node_address", "backend: redis"),
    (CSCF, "lease_s: 6", "lease_s: 1", "lease_s", "from 2 to"),
    (AGW, "eal:", "eal: [", "", ""),
    (CSCF, 'home_domain: home1.example', "#", "home_domain", "is missing"),
    (CSCF, 'listen: ["0.0.0.0:443"]', 'listen: ["nowhere"]', "listen", "must be address"),
    (CSCF, "ping_interval_s: 30", "ping_interval_s: -1", "ping_interval_s", "must be a number"),
    (CSCF, "  lag_ms: 200", "  lag_ms: 1", "lag_ms", "from 10 to"),
    (CSCF, "requests_per_s_user: 20", "requests_per_s_user: -1", "requests_per_s_user", "must be a number"),
    (CSCF, "bundle: share", "bundle: perhaps", "bundle", "must be one of"),
    (CSCF, "path: /w2 ", "pth: /w2 ", "pth", "unknown key"),
    (CSCF, "trusted: []", "trusted: [10.0.0.0]", "", "address/prefix"),
    (CSCF, "    - name: agw1", "    - nme: agw1", "nme", "unknown key"),
    (CSCF, "metrics_allow: 127.0.0.0/8", "metrics_allow: nonsense", "metrics_allow", "address/prefix"),
    (CSCF, "metrics_allow: 127.0.0.0/8", "metrics_allow: 127.0.0.1", "metrics_allow", "address/prefix"),
    (CSCF, 'admin_listen: ""', 'admin_listen: "0.0.0.0:9091"', "admin_listen", "an address of loopback with a port"),
    (CSCF, 'admin_listen: ""', 'admin_listen: "127.0.0.1"', "admin_listen", "must be address:port"),
    (CSCF, "codecs: [PCMU,", "codecs: [PCMX,", "codecs", "of PCMU, PCMA, G722, opus"),
    (CSCF, "data: none", "data: all", "data", "must be one of"),
    (CSCF, "data: none", "data: [msrp, relay]", "data", "must be msrp or t140"),
    (CSCF, "video: []", "video: [H265]", "video", "of H264, VP8, VP9, AV1"),
    (CSCF, "host: 10.20.0.1 ", 'host: "10.20.0.1\\r\\nEvil: yes" #', "host", "host name or an address"),
    (CSCF, "host: 10.20.0.1 ", 'host: "[2001:db8::1" #', "host", "host name or an address"),
    (CSCF, "host: localhost ", 'host: "web rtc" #', "host", "host name or an address"),
    (CSCF, "home_domain: home1.example", 'home_domain: "home1.example>"', "home_domain", "domain name"),
    (CSCF, "orig_ioi: home1.example", 'orig_ioi: "a;b=c"', "orig_ioi", "a word of"),
    (CSCF, "visited_network_id: home1.example", "visited_network_id: 'a\"b'", "visited_network_id", "without quotes"),
    (CSCF, "transport: udp                      # or tcp, sctp", "transport: dtls #", "transport", "must be one of"),
    (AGW, "socket: /run/w2gw/iq.sock", "socket: /" + 120 * "x", "socket", "limit of a UNIX socket"),
    (CSCF, 'mid: "[127.0.0.1]:2944"', 'mid: "bad mid{"', "mid", "[address]:port"),
    (CSCF, 'mid: "[127.0.0.1]:2944"', 'mid: "[127.0.0.1]:99999"', "mid", "[address]:port"),
    (CSCF, "weight: 100 ", "weight: 0 ", "weight", "from 1 to 1000"),
    (CSCF, '      mid: ""', '      mid: "<agw1.example"', "mid", "[address]:port"),
    (CSCF, "origins: []", 'origins: ["https://phone.example/"]', "origins", "no slash"),
    (CSCF, "origins: []", 'origins: ["https://Phone.example"]', "origins", "lower case"),
    (CSCF, "origins: []", 'origins: ["https://phone.example:443"]', "origins", "no default port"),
    (CSCF, "origins: []", 'origins: ["phone.example"]', "origins", "scheme://"),
    (CSCF, "path: /w2 ", "path: w2 ", "path", "begins with /"),
    (CSCF, "access_realm: access", "access_realm: 'a\"b'", "access_realm", "without quotes"),
    (CSCF, "issuer: https://localhost ", "issuer: http://localhost ", "issuer", "https://host"),
    (CSCF, "issuer: https://localhost ", "issuer: https://localhost/ ", "issuer", "no slash"),
    (CSCF, 'redirect_uris: ["https://localhost/"]', 'redirect_uris: ["javascript:x"]', "redirect_uris", "an https URI"),
    (CSCF, 'redirect_uris: ["https://localhost/"]', 'redirect_uris: ["http://example/"]', "redirect_uris", "an https URI"),
    (CSCF, 'redirect_uris: ["https://localhost/"]', 'redirect_uris: ["https://localhost/#a"]', "redirect_uris", "no fragment"),
    (CSCF, "introspect: false", "introspect: true", "clients", "needs a secret"),
    (CSCF, "guest_impus: []", 'guest_impus: ["sip:g{2..1}@h"]', "guest_impus", "range"),
    (CSCF, "guest_impus: []", 'guest_impus: ["http://g"]', "guest_impus", "range"),
    (CSCF, "guest_impus: []", 'guest_impus: ["sip:guest@h{1..3}.example"]', "guest_impus", "range"),
    (CSCF, "sign_in: [oauth]", "sign_in: [basic]", "sign_in", "oauth, digest"),
    (CSCF, "enabled: true ", "enabled: false ", "sign_in", "oauth needs"),
    (CSCF, "insecure_ws: false", "insecure_ws: true", "enabled", "unencrypted"),
    (CSCF, "key_overlap_s: 86400", "key_overlap_s: 100", "waf", "greater than the next"),
    (CSCF, 'authorization_server: "" ', 'authorization_server: "https://a.example/x?y" ', "authorization_server", "path"),
    (CSCF, "anonymous: refuse ", "anonymous: allow ", "anonymous", "needs an ecscf"),
    (CSCF, "anonymous: refuse ", "anonymous: maybe ", "anonymous", "allow"),
    (CSCF, "anonymous_calls: 50 ", "anonymous_calls: 0 ", "anonymous_calls", "from 1"),
    (CSCF, "/run/w2gw/epcscf.sock", "/run/" + "w2gw/" * 25 + "s.sock", "control_socket", "shorter than 108"),
]

# Values that look unusual and are right.
GOOD = [
    ("origins: []", 'origins: ["https://phone.example", "https://phone.example:8443"]'),
    ("origins: []", 'origins: ["http://[::1]:8080", "capacitor://localhost"]'),
    ("host: 10.20.0.1 ", 'host: "2001:db8::1" #'),
    ("host: 10.20.0.1 ", 'host: "[2001:db8::1]" #'),
    ('mid: "[127.0.0.1]:2944"', 'mid: "<cscf.example>:2944"'),
    ('mid: "[127.0.0.1]:2944"', 'mid: "[2001:db8::1]"'),
    ("profiles: []", 'profiles: ["ThreeGIq/2"]'),
    ("codecs: [PCMU, PCMA, G722, opus]", "codecs: [opus, pcma]"),
    ("guest_impus: []", 'guest_impus: ["sip:g{001..100}@h", "tel:+1555{10..19}", "sip:one@h"]'),
    ('authorization_server: "" ', 'authorization_server: "https://idp.example/realms/ims" '),
    ('redirect_uris: ["https://localhost/"]', 'redirect_uris: ["com.example.app:/cb", "http://127.0.0.1:8000/cb"]'),
    ("/run/w2gw/epcscf.sock", "/" + "s" * 106),
]


def check(binary, text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as f:
        f.write(text)
    try:
        p = subprocess.run([binary, "-c", f.name, "--check-config"], capture_output=True, text=True, timeout=20)
        return p.returncode, p.stderr, p.stdout, f.name
    finally:
        os.unlink(f.name)


failed = 0
for binary, good in ((AGW, GOOD_AGW), (CSCF, GOOD_CSCF)):
    rc, err, _, _ = check(binary, good)
    if rc != 0 or err:
        print("FAIL the shipped configuration is refused:", err)
        failed += 1
for binary, old, new, key, words in CASES:
    good = GOOD_AGW if binary == AGW else GOOD_CSCF
    assert old in good, old
    rc, err, _, name = check(binary, good.replace(old, new, 1))
    lines = [l for l in err.split("\n") if re.match(re.escape(name) + r":\d+: ", l) and key in l and words in l]
    if rc != 2 or not lines:
        print(f"FAIL {os.path.basename(binary)} {new!r}: status {rc}, {err!r}")
        failed += 1
for old, new in GOOD:
    assert old in GOOD_CSCF, old
    rc, err, _, _ = check(CSCF, GOOD_CSCF.replace(old, new, 1))
    if rc != 0 or err:
        print(f"FAIL {new!r} is refused: {err!r}")
        failed += 1


def pair(d, name, days="2"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", days, "-subj", "/CN=localhost", "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.crt"],
                   check=True, capture_output=True)


def pairs():
    """The certificate and its key: (certificate, key, key named in the report, words); None: nothing to report."""
    with tempfile.TemporaryDirectory() as d:
        pair(d, "a")
        pair(d, "b")
        open(f"{d}/text", "w").write("no PEM\n")
        bad = 0
        cases = [("a.crt", "a.key", None, ""), ("none.crt", "none.key", None, ""),
                 ("a.crt", "none.key", "key", "missing"), ("none.crt", "a.key", "certificate", "missing"),
                 ("text", "a.key", "certificate", "not a certificate"), ("a.crt", "text", "key", "private key"),
                 ("a.crt", "b.key", "key", "of the certificate")]
        for crt, key, what, words in cases:
            text = GOOD_CSCF.replace("/var/lib/w2gw/epcscf.crt", f"{d}/{crt}", 1) \
                            .replace("/var/lib/w2gw/epcscf.key", f"{d}/{key}", 1)
            rc, err, _, name = check(CSCF, text)
            ok = rc == 0 and not err if what is None else \
                rc == 2 and re.fullmatch(rf"{re.escape(name)}:\d+: {what}: .*{words}.*\n", err)
            if not ok:
                print(f"FAIL pair {crt} {key}: status {rc}, {err!r}")
                bad += 1
        return bad, len(cases)


bad, n_pairs = pairs()
failed += bad
for binary in (AGW, CSCF):
    if subprocess.run([binary, "-c", "/nonexistent.yaml"], capture_output=True).returncode != 2 or \
       subprocess.run([binary, "--nonsense"], capture_output=True).returncode != 2 or \
       subprocess.run([binary, "--help"], capture_output=True).returncode != 0 or \
       subprocess.run([binary, "--version"], capture_output=True).returncode != 0:
        print("FAIL usage of", binary)
        failed += 1
total = len(CASES) + len(GOOD) + n_pairs + 4
print(f"{total - failed} of {total} cases")
sys.exit(1 if failed else 0)
