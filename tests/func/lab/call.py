# SPDX-License-Identifier: Apache-2.0
"""The measured call: a browser calls a phone, a phone calls the browser; figures and a page of report."""
import time

from .browser import MICROPHONE_HZ

HEARD = 0.8     # share of the looks at the sound in which the other end's tone rules


def talk(lab, browser, phone, seconds, hang_up):
    """The call is up: waits for sound, listens, ends it. @return figures"""
    browser.wait("s.call.media === 'heard'", 15)
    time.sleep(max(0.0, seconds - 2))
    share = browser.heard(phone.tone_hz, 2)
    stats = browser.stats()
    call = browser.state()["call"]
    mark = phone.mark()
    hang_up()
    browser.in_call("ended", 10)
    phone.wait_event("CALL_CLOSED", 10, mark)
    lab.wait_idle()
    return {"browser_heard": int(share >= HEARD), "browser_share": round(share, 2), "setup_ms": call["setupMs"],
            "media_ms": call["mediaMs"], "ring_ms": call["ringMs"], "stats": stats}


def add_phone(result, phone, since):
    share, seconds = phone.heard(MICROPHONE_HZ, since)
    result.update(phone_heard=int(share >= HEARD), phone_share=round(share, 2), phone_seconds=round(seconds, 1))
    return result


def outgoing(lab, browser, phone, seconds, hang_up="browser"):
    since = time.time()
    browser.do("dial", target=phone.user)
    browser.in_call("active", 20)
    end = (lambda: browser.do("click", selector="#hangup")) if hang_up == "browser" else phone.hangup
    return add_phone(talk(lab, browser, phone, seconds, end), phone, since)


def incoming(lab, browser, phone, seconds, hang_up="phone", user="alice"):
    since = time.time()
    phone.dial(f"sip:{user}@home1.example")
    browser.wait("s.call.state === 'ringing' && s.call.direction === 'in'", 15)
    browser.do("click", selector="#answer")
    browser.in_call("active", 15)
    end = phone.hangup if hang_up == "phone" else lambda: browser.do("click", selector="#hangup")
    return add_phone(talk(lab, browser, phone, seconds, end), phone, since)


def results(out, into):
    """The lines of RESULT key value, in their order."""
    rows = {"call.out.browser_heard": out["browser_heard"], "call.out.phone_heard": out["phone_heard"],
            "call.in.browser_heard": into["browser_heard"], "call.in.phone_heard": into["phone_heard"],
            "call.setup_ms": out["setup_ms"], "call.media_ms": out["media_ms"]}
    for name, one in (("out", out), ("in", into)):
        s = one["stats"]
        rows.update({f"call.{name}.packets_to_browser": s["packetsIn"], f"call.{name}.packets_from_browser": s["packetsOut"],
                     f"call.{name}.lost_to_browser": s["lostIn"], f"call.{name}.lost_from_browser": s["lostOut"],
                     f"call.{name}.jitter_to_browser_ms": s["jitterInMs"]})
    return rows


def path_facts(lab):
    """Which engine took the packets, and why; which way they went through the gateway."""
    why = lab.agw.proc.find(r"srtp\.engine (.*)")
    worker, latency = lab.agw.show("workers")[0], lab.agw.show("latency")[0]
    return {"SRTP engine": why[0].group(1) if why else latency["engine"],
            "path": f"RFC 7983 class, flow by port, {latency['engine']} engine, new headers: {worker['tx_packets']} packets, "
                    f"{worker['handed_over']} over another worker",
            "time in the worker": f"p50 {latency['p50_us']} us, p99.9 {latency['p999_us']} us"}


def report(out, into, facts):
    yes = {1: "heard", 0: "NOT heard"}
    lines = ["", "A browser and a phone through the gateway", "=" * 41]
    for key, value in facts.items():
        lines.append(f"  {key:<26}{value}")
    for title, one in (("Browser calls phone", out), ("Phone calls browser", into)):
        s = one["stats"]
        lines += ["", title, "-" * len(title),
                  f"  {'answered after':<26}{one['setup_ms']} ms",
                  f"  {'first sound after':<26}{one['media_ms']} ms",
                  f"  {'codec':<26}{s['codecIn']} in, {s['codecOut']} out",
                  f"  {'protection':<26}{s['srtpCipher']}, DTLS role of the browser: {s['dtlsRole']}",
                  f"  {'browser <-> gateway':<26}{s['local']} <-> {s['remote']}",
                  f"  {'to the browser':<26}{s['packetsIn']} packets, {s['lostIn']} lost, jitter {s['jitterInMs']} ms",
                  f"  {'from the browser':<26}{s['packetsOut']} packets, {s['lostOut']} lost, jitter {s['jitterOutMs']} ms",
                  f"  {'the browser':<26}{yes[one['browser_heard']]} the phone's tone "
                  f"({one['browser_share']:.0%} of the looks)",
                  f"  {'the phone':<26}{yes[one['phone_heard']]} the browser's tone "
                  f"({one['phone_share']:.0%} of {one['phone_seconds']} s recorded)"]
    return "\n".join([*lines, ""])
