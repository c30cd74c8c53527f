# SPDX-License-Identifier: Apache-2.0
"""Both SRTP profiles, both DTLS roles, both address families on the access side (F-35 to F-37, W2-SEC-05)."""
from . import call as calls
from . import ns
from .proc import sh
from .scenario_calls import heard_both
from .scenarios import check

CIPHER = {"gcm": "AEAD_AES_128_GCM", "sha1": "SRTP_AES128_CM_HMAC_SHA1_80"}


def run(setting):
    case = setting.cases.case
    for profile in ("gcm", "sha1"):
        for role in ("active", "passive"):
            with setting.lab(profile=profile, dtls_role=role) as lab:
                lab.start()
                for family in ("ipv4", "ipv6"):
                    if family == "ipv6":
                        sh("ip", "addr", "del", ns.ACCESS["addresses"][0], "dev", ns.ACCESS["name"])
                    browser = lab.browser(ipv6=family == "ipv6")
                    with case(f"out_{profile}_{role}_{family}"):
                        result = calls.outgoing(lab, browser, lab.phones["bob"], 2)
                        heard_both(result)
                        s = result["stats"]
                        check(CIPHER[profile] in s["srtpCipher"], s["srtpCipher"])
                        check(s["dtlsRole"] == ("server" if role == "active" else "client"), s["dtlsRole"])
                        check((":" in s["remote"].rpartition(":")[0]) == (family == "ipv6"), s["remote"])
                    with case(f"in_{profile}_{role}_{family}"):
                        heard_both(calls.incoming(lab, browser, lab.phones["bob"], 2))
                    browser.stop()
