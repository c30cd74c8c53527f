# SPDX-License-Identifier: Apache-2.0
"""Registration of the browser at the real core through epcscf (W2-REG-10 to -23, -40, -60 to -67)."""
from .proc import wait_until
from .scenarios import check


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start(phones=())
        with case("wrong_password_is_refused_with_the_cores_answer"):
            browser = lab.browser(password="wrong", register=False)
            browser.register("alice", "wrong")
            s = browser.wait("s.registration.state === 'refused'")
            check(s["registration"]["code"] == 403, f"the page shows {s['registration']}")
            lab.core.proc.wait_line(r"core.register.refused user=alice", 5)
            check(not lab.core.bindings("alice"), "the core has a binding")
            check(not [r for r in lab.cscf.show("registrations") if r["registered"]], "epcscf has a registration")
        with case("browser_registers_with_digest"):
            browser.register("alice")
            browser.registered()
            rows = lab.cscf.show("registrations")
            check(len(rows) == 1 and rows[0]["impu"] == "sip:alice@home1.example" and rows[0]["connected"], rows)
        with case("core_stores_path_with_ob_and_instance"):
            bound = lab.core.bindings("alice")
            check(len(bound) == 1, f"{len(bound)} bindings")
            path = bound[0]["Path"]
            check("@10.20.0.2:5060;lr" in path and ";ob" in path, path)
            check(bound[0]["Address"].partition("@")[2].split(";")[0].endswith(".invalid"), bound[0]["Address"])
            check(bound[0]["Instance"].startswith("<urn:uuid:"), bound[0]["Instance"])
            said = lab.core.proc.wait_line(r'core.register.ok user=alice .*visited="?([^" ]+)', 5).group(1)
            check(said == "home1.example", f"P-Visited-Network-ID is {said}")
        with case("re_registration_refreshes_the_same_binding"):
            mark = lab.core.proc.mark()
            before = lab.core.bindings("alice")[0]
            browser.do("eval", code="window.phone.refresh()")
            lab.core.proc.wait_line(r"core.register.ok user=alice", 5, mark)
            browser.registered()
            after = lab.core.bindings("alice")
            check(len(after) == 1 and after[0]["Path"] == before["Path"], after)
            check(int(after[0]["CSeq"]) > int(before["CSeq"]), f"CSeq {before['CSeq']} -> {after[0]['CSeq']}")
        with case("reload_of_the_page_replaces_its_old_binding"):
            browser.do("open", url=lab.url())
            browser.register("alice")
            browser.registered()
            wait_until("one binding in the core", lambda: len(lab.core.bindings("alice")) == 1, 5)
        with case("core_ends_the_registration_and_the_browser_registers_anew"):
            lab.core.proc.wait_line(r"core.reg_event user=alice from=sip:10.20.0.2", 5)
            before = lab.cscf.counters()
            mark = lab.core.proc.mark()
            lab.core.ctl("ul.rm", "location", "alice")
            browser.wait("s.registration.state !== 'registered'")
            lab.core.proc.wait_line(r"core.register.ok user=alice", 15, mark)
            browser.registered()
            after = lab.cscf.counters()
            check(after["reg_ended_by_network"] == before["reg_ended_by_network"] + 1, "epcscf was not told")
            check(after["reg_event_bad_notify"] == before["reg_event_bad_notify"], "a NOTIFY was refused")
            wait_until("one binding in epcscf", lambda: len(lab.cscf.show("registrations")) == 1, 5)
            check(len(lab.core.bindings("alice")) == 1, "bindings in the core")
        with case("de_registration_empties_core_and_epcscf"):
            browser.do("click", selector="#leave")
            browser.wait("s.registration.state === 'gone'")
            wait_until("no binding in the core", lambda: not lab.core.bindings("alice"), 5)
            wait_until("no binding in epcscf", lambda: not lab.cscf.show("registrations"), 5)
        with case("page_health_and_metrics_are_served"):
            for path, want in (("/", b"w2gw phone"), ("/healthz", b"ok"), ("/metrics", b"w2gw_epcscf_")):
                status, body = lab.cscf.get(path)
                check(status == 200 and want in body, f"{path}: {status}")
            check(lab.cscf.get("/../epcscf.key")[0] == 404, "traversal is not refused")
