# SPDX-License-Identifier: Apache-2.0
"""
An access network that loses, doubles and swaps datagrams: handshakes come up, calls stay, nothing is lost beyond what the network
lost, pictures are back soon after a gap.
"""
import time

from . import ns
from .gateway import W2_PORT
from .path import DOWN, UP, at_random, only
from .proc import LabError, sh, wait_until
from .scenario_calls import same
from .scenarios import check

TROUBLE = ("lose", "double", "swap")
W2_ELSEWHERE = "198.51.100.1"   # not of the network that changes
SHARES = (0.01, 0.05, 0.10)
# Of a run of everything; "handshake" by its name takes them all: (way, kind, number, what happens to it)
SOME = ((UP, "dtls", 0, "lose"), (DOWN, "dtls", 0, "lose"), (UP, "dtls", 1, "swap"), (DOWN, "dtls", 1, "double"), (DOWN, "stun", 0, "lose"))


def one_call(lab, browser, rule=None):
    """A call to bob until both have heard each other. @return ms from the first check to the first sound"""
    bob, since = lab.phones["bob"], time.time()
    lab.path.set(rule)
    browser.do("dial", target="bob")
    browser.in_call("active", 30)
    browser.wait("s.call.media === 'heard'", 30)
    wait_until("half a second of sound from the browser", lambda: lab.path.seen[UP, "rtp"] > 25, 20)
    took = lab.path.first[UP, "rtp"] - lab.path.first[UP, "stun"]
    browser.do("click", selector="#hangup")
    browser.in_call("ended", 10)
    lab.wait_idle()
    lab.path.set(None)
    share, _ = bob.heard(browser.tone_hz, since)
    check(share > 0, "the phone did not hear the browser")
    return round(took * 1000)


def every_one(lab, browser):
    """@return the cases: each datagram of ICE and DTLS before the first sound of a call, with each trouble"""
    counts = {}

    def count(way, kind, n):
        if kind in ("stun", "dtls") and not lab.path.seen[UP, "rtp"]:
            counts[way, kind] = n + 1
        return "pass"
    one_call(lab, browser, count)
    return [(way, kind, n, trouble) for (way, kind), many in sorted(counts.items()) for n in range(many) for trouble in TROUBLE]


def nothing_more_is_lost(lab, browser, share):
    """
    A call with so much of each trouble from its first datagram on. Of what reached the gateway every different packet went on
    and no second copy did; it sent all that came from the phone.
    """
    lab.path.set(at_random(lose=share, double=share, swap=share, seed=int(share * 1000)))
    browser.do("dial", target="bob")
    browser.in_call("active", 30)
    browser.wait("s.call.media === 'heard'", 30)
    time.sleep(6)
    check(browser.state()["call"]["state"] == "active", "the call has ended")
    lab.path.become(lambda way, kind, n: "lose")    # both ways end here, and what is under way comes to rest
    done = dict(lab.path.done)
    came = sum(done.get((UP, "rtp", verdict), 0) for verdict in ("pass", "double", "swap"))
    twice = done.get((UP, "rtp", "double"), 0)
    check(came > 200 and twice and done.get((UP, "rtp", "lose")), f"the network did {done}")

    def agree():
        flows = lab.agw.show("flows")
        access, core = (next(row for row in flows if name in row["termination"]) for name in ("access", "core"))
        rows.append((access, core))
        return access["rx_packets"] + access["drops"] == came + twice and core["tx_packets"] == access["rx_packets"] and \
            access["auth_fail"] == 0 and 0 <= core["rx_packets"] - access["tx_packets"] <= 1     # a worker is at work
    rows = []
    try:
        wait_until("all counts agree", agree, 10)
        wait_until("all it sent to the browser came here", lambda: lab.path.seen[DOWN, "rtp"] >= rows[-1][0]["tx_packets"], 5)
    except LabError as e:
        raise AssertionError(f"{came} and {twice} twice came, {lab.path.seen[DOWN, 'rtp']} left, "
                             f"{lab.path.done['up', 'frame', 'refused']} refused; the gateway says {rows[-1]} {lab.agw.show('drops')}") from e


def another_address(lab, browser):
    """The call's address goes and another comes: ICE restarts over the WebSocket, which lives elsewhere."""
    bob, link = lab.phones["bob"], ns.ACCESS["name"]
    browser.do("dial", target="bob")
    browser.in_call("active", 20)
    browser.wait("s.call.media === 'heard'", 15)
    mw = lab.capture("lo", "moved", "udp port 5060 or tcp port 5060")
    sh("sysctl", "-qw", f"net.ipv4.conf.{link}.promote_secondaries=1")
    sh("ip", "addr", "add", "192.0.2.7/24", "dev", link)
    sh("ip", "addr", "del", ns.ACCESS["addresses"][0], "dev", link)
    began = time.monotonic()
    browser.wait("s.call.ice === 'disconnected' || s.call.ice === 'checking'", 20)
    gone = time.monotonic()
    browser.wait("s.call.ice === 'connected' || s.call.ice === 'completed'", 20)
    back = time.monotonic()
    wait_until("sound at the new address", lambda: browser.heard(bob.tone_hz, 1) > 0.8, 15)
    print(f"NOTE noticed after {gone - began:.1f} s, up again {back - gone:.1f} s later", flush=True)
    check("192.0.2.7" in browser.stats()["local"], browser.stats())
    mw.stop()
    said = mw.fields("sip && !(sip.CSeq.method == \"OPTIONS\")", "sip.Request-Line", "sip.Status-Line")
    check(not said, said)
    browser.do("click", selector="#hangup")
    browser.in_call("ended", 10)
    lab.wait_idle()


def table(rows):
    for row in rows:
        print(f"NOTE {row[0]:4} {row[1]:5} {row[2]:3} {row[3]:7} {row[4]}", flush=True)


def handshakes(lab, browser, cases):
    """@return rows for the table; every case has to come up"""
    rows, failed = [], []
    for way, kind, number, verdict in cases:
        try:
            rows.append((way, kind, number, verdict, f"sound after {one_call(lab, browser, only(way, kind, number, verdict))} ms"))
        except Exception as e:  # pylint: disable=broad-except
            rows.append((way, kind, number, verdict, f"FAILED: {e}"))
            failed.append(rows[-1])
            if browser.state()["call"]["state"] != "ended":
                browser.do("click", selector="#hangup")
                browser.in_call("ended", 10)
            lab.wait_idle(20)
    table(rows)
    check(not failed, failed)


def run(setting):
    case = setting.cases.case
    sh("ip", "addr", "add", f"{W2_ELSEWHERE}/32", "dev", "lo")
    with setting.lab(with_path=True, listen=[f"{W2_ELSEWHERE}:{W2_PORT}"]) as lab:
        lab.start()
        browser = lab.browser(register=False, host=W2_ELSEWHERE)
        browser.register("alice")
        browser.registered()
        base = lab.base_line()
        with case("single_datagrams_of_ice_and_dtls_are_lost_doubled_and_swapped"):
            handshakes(lab, browser, SOME)
        for share in SHARES:
            with case(f"{share * 100:.0f}_percent_lost_doubled_and_swapped_and_not_a_packet_more"):
                nothing_more_is_lost(lab, browser, share)
                browser.do("click", selector="#hangup")
                browser.in_call("ended", 10)
                lab.path.set(None)
                lab.wait_idle()
        with case("the_browser_gets_another_address_in_mid_call_and_the_core_hears_nothing_of_it"):
            another_address(lab, browser)
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
