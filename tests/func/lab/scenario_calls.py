# SPDX-License-Identifier: Apache-2.0
"""Calls of a few seconds in both directions and every way they end."""
import json
import os
import signal

from . import call as calls, ends, scenario_holds
from .proc import wait_until
from .scenarios import check

IQ_PORT = 2944      # of epcscf


def heard_both(result):
    check(result["browser_heard"], f"the browser heard the tone in {result['browser_share']:.0%} of the looks")
    check(result["phone_heard"], f"the phone heard the tone in {result['phone_share']:.0%} of {result['phone_seconds']} s")


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob = lab.phones["bob"]
        carol = lab.phone("carol", tone_hz=600, answer="manual", ring_s=4)
        browser = lab.browser()
        base = lab.base_line()
        iq = lab.capture("lo", "iq", f"udp port {IQ_PORT}")
        with case("browser_calls_phone_and_hangs_up"):
            heard_both(calls.outgoing(lab, browser, bob, 3))
        with case("browser_calls_phone_and_the_phone_hangs_up"):
            heard_both(calls.outgoing(lab, browser, bob, 2, hang_up="phone"))
        with case("phone_calls_browser_and_hangs_up"):
            heard_both(calls.incoming(lab, browser, bob, 3))
        with case("phone_calls_browser_and_the_browser_hangs_up"):
            heard_both(calls.incoming(lab, browser, bob, 2, hang_up="browser"))
        with case("browser_cancels_while_the_phone_rings"):
            ends.cancelled(lab, browser, carol, "carol")
        with case("busy_phone_is_shown_as_busy"):
            ends.busy(lab, browser, carol, "carol")
        with case("phone_that_does_not_answer_ends_the_call"):
            browser.do("dial", target="carol")
            browser.in_call("ringing")
            s = browser.in_call("ended", 12)["call"]
            check(s["code"] in (408, 480, 486), f"the page shows {s['code']} {s['cause']}")
            lab.wait_idle()
        with case("absent_user_is_480"):
            browser.do("dial", target="phone9")
            s = browser.in_call("ended")["call"]
            check(s["code"] == 480, f"the page shows {s['code']} {s['cause']}")
            lab.wait_idle()
        with case("phone_cancels_while_the_browser_rings"):
            bob.dial("sip:alice@home1.example")
            browser.in_call("ringing")
            bob.hangup()
            browser.in_call("ended")
            lab.wait_idle()
        with case("browser_declines"):
            ends.declined(lab, browser, bob, "alice")
        with case("the_phone_holds_and_takes_up_again"):
            scenario_holds.by_phone(lab, browser, bob, 3)
        with case("touch_tones_reach_the_phone"):
            mark = bob.mark()
            browser.do("dial", target="bob")
            browser.in_call("active")
            browser.wait("s.call.media === 'heard'")
            check(browser.do("dtmf", keys="5"), "the browser cannot send DTMF")
            event = bob.wait_event("CALL_DTMF_START", 5, mark)
            check(event["param"] == "5", event)
            browser.do("click", selector="#mute")
            browser.wait("s.call.muted")
            browser.do("click", selector="#hangup")
            browser.in_call("ended")
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
        with case("each_call_has_its_record"):
            records(lab)
        with case("records_go_on_in_a_new_file_after_a_rotation"):
            rotated(lab, browser)
        with case("both_processes_stop_clean"):
            status = lab.stop()
            check(not any(status.values()), status)
        with case("tshark_has_no_complaint_of_a_message_on_iq"):
            messages, bad = iq.h248_complaints(IQ_PORT)
            check(messages > 60 and not bad, f"{messages} messages, of {bad[:5]} tshark complains")


def record_file(lab):
    return os.path.join(lab.cscf.dir, "calls.jsonl")


def read_records(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def records(lab):
    counters = lab.cscf.counters()
    calls_made = counters["call_attempts_out"] + counters["call_attempts_in"]
    wait_until(f"{calls_made} records", lambda: len(read_records(record_file(lab))) == calls_made, 10)
    rows = read_records(record_file(lab))
    check(len({r["icid"] for r in rows}) == calls_made, "an ICID twice")
    out, in_ = rows[0], rows[2]
    check((out["origin"], out["impu"], out["caller"]) == ("wic", "sip:alice@home1.example", "sip:alice@home1.example"), out)
    check(out["called"].startswith("sip:bob@") and in_["origin"] == "core" and (in_["caller"], in_["called"]) ==
          ("sip:bob@home1.example", "sip:alice@home1.example"), rows)
    for r in (out, in_):
        check(r["answered"] and r["why"].startswith("BYE from") and r["codecs"][0].startswith("audio/"), r)
        check(r["start"] < r["answer"] < r["end"] and r["start"] < r["ice"] < r["end"] and r["start"] < r["dtls"] < r["end"], r)
        access, core = r["media"]["access"], r["media"]["core"]
        check(access["packets_received"] > 50 and core["packets_sent"] >= access["packets_received"] - 5, r)
        check(core["packets_received"] > 50 and access["octets_sent"] > 0 and access["lost_percent"] < 5, r)
        check(("mos" in access) == ("PCM" in r["codecs"][0]) and access.get("mos", 4.3) > 4, r)
    failed = [r for r in rows if not r["answered"]]
    check(failed and all(r["answer"] is None and r["talk_ms"] == 0 for r in failed), failed)


def rotated(lab, browser):
    old = record_file(lab) + ".1"
    os.rename(record_file(lab), old)
    before = len(read_records(old))
    lab.cscf.proc.signal(signal.SIGHUP)
    wait_until("the new file", lambda: os.path.exists(record_file(lab)), 5)
    browser.do("dial", target="phone9")
    browser.in_call("ended")
    wait_until("one record", lambda: len(read_records(record_file(lab))) == 1, 10)
    check(len(read_records(old)) == before, "a record in the old file")


def same(base, now, in_flight=64):
    """Buffers in use jitter by what is in flight; all the rest must be equal."""
    return all(now[k] == base[k] for k in base if k != "mbufs_in_use") and \
        abs(now["mbufs_in_use"] - base["mbufs_in_use"]) <= in_flight
