# SPDX-License-Identifier: Apache-2.0
"""Video between two browsers through the core, on the transport of its sound whatever the browsers' bundlePolicy (W2-BUN-03, W2-COD-12)."""
import json
import re
import time

from .core import PCSCF_IP
from .path import DOWN
from .proc import LabError, wait_until
from .scenario_calls import same
from .scenarios import check

GAP_S = 2.0     # too long for what is sent again on a NACK

TONES = {"alice": 1000, "web1": 1400}
SMALL = "window.phone.picture = { width: 320, height: 240, frameRate: 12 }"   # two encoders share the machine's CPUs


POLICY = """(() => {
	window.Native ??= window.RTCPeerConnection;
	window.RTCPeerConnection = new Proxy(window.Native, { construct: (t, [c]) => (window.pc = new t({ ...c, bundlePolicy: '%s' })) });
})()"""
GROUP = """(async () => {
	const transports = [...(await window.pc.getStats()).values()].filter((s) => s.type === 'transport').length;
	return [/^a=group:BUNDLE (.*?)\\r?$/m.exec(window.pc.currentRemoteDescription.sdp)?.[1] ?? null, transports];
})()"""


def policy(browser, name):
    """Of its next calls"""
    browser.do("eval", code=POLICY % name)


def bundled(*browsers, mids="0 1"):
    for browser in browsers:
        group = browser.do("eval", code=GROUP)
        check(group == [mids, 1], f"group and transports: {group}")


def figures(browser):
    return browser.stats()["video"] or {}


def grows(browser, name, by=1, timeout_s=10):
    """Until a figure of the video has grown; @return what it was and is"""
    before = figures(browser).get(name, 0)
    try:
        wait_until(name, lambda: figures(browser).get(name, 0) >= before + by, timeout_s)
    except LabError as e:
        raise LabError(f"{name} stays at {before}: {json.dumps(figures(browser))}") from e


def heard(browser, by):
    share = browser.heard(by.tone_hz, 1.0)
    check(share > 0.7, f"the tone of {by.tone_hz} Hz was there in {share:.0%} of the looks")


def pictures(browser):
    video = browser.state()["call"]["video"]
    return video["own"], video["far"]


def sees(browser, own, far, timeout_s=10):
    browser.wait(f"s.call.video.own === {json.dumps(own)} && s.call.video.far === {json.dumps(far)}", timeout_s)


def ring(caller, callee, user, video=True):
    caller.do("dial", target=user, video=video)
    callee.wait("s.call.state === 'ringing' && s.call.direction === 'in'", 15)


def up(*browsers):
    for browser in browsers:
        browser.in_call("active", 15)
    for browser in browsers:
        browser.wait("s.call.media === 'heard'", 15)


def over(lab, *browsers):
    browsers[0].do("click", selector="#hangup")
    for browser in browsers:
        browser.in_call("ended", 10)
    lab.wait_idle()


def gap(lab, *browsers):
    """No packet reaches a browser for a while. @return ms until each had decoded the key frame it asked for"""
    before = [figures(b).get("keyFramesDecoded", 0) for b in browsers]
    lab.path.set(lambda way, kind, n: "lose" if (way, kind) == (DOWN, "rtp") else "pass")
    time.sleep(GAP_S)
    lab.path.set(None)
    began, took = time.monotonic(), []
    for browser, had in zip(browsers, before):
        wait_until("a key frame after the gap", lambda browser=browser, had=had: figures(browser).get("keyFramesDecoded", 0) > had, 10)
        took.append(round((time.monotonic() - began) * 1000))
    return took


def run(setting):
    case = setting.cases.case
    with setting.lab(data="none", bundle="share", with_path=True) as lab:
        lab.start()
        alice, web1 = (lab.browser(user, tone_hz=hz) for user, hz in TONES.items())
        for browser in (alice, web1):
            browser.do("eval", code=SMALL)
        base = lab.base_line()
        loop = lab.capture("lo", "sip", "port 5060")
        core = lab.capture("w2core")
        with case("two_browsers_see_and_hear_each_other"):
            policy(alice, "max-bundle")
            policy(web1, "max-compat")
            ring(alice, web1, "web1")
            check(web1.state()["call"]["video"]["offered"], "the page does not show that a picture is offered")
            web1.do("click", selector="#answer-video")
            up(alice, web1)
            for browser in (alice, web1):
                sees(browser, True, True)
                grows(browser, "framesDecoded", 10)
            bundled(alice, web1)
            heard(alice, web1)
            heard(web1, alice)
        with case("after_two_seconds_without_a_packet_each_asks_for_a_key_frame_and_gets_it"):
            took = gap(lab, alice, web1)
            print(f"NOTE key frames {took[0]} and {took[1]} ms after the first packet", flush=True)
            for browser in (alice, web1):
                check(figures(browser)["plisSent"] + figures(browser)["firsSent"] > 0, figures(browser))
                grows(browser, "framesDecoded", 5)
        with case("camera_off_and_on_again_in_mid_call"):
            alice.do("click", selector="#camera")
            sees(web1, True, False)
            sees(alice, False, True)
            grows(alice, "framesDecoded", 5)
            alice.do("click", selector="#camera")
            sees(web1, True, True)
            grows(web1, "framesDecoded", 5)
            heard(web1, alice)
            over(lab, alice, web1)
        for capture in (loop, core):
            capture.stop()
        with case("the_core_side_has_plain_avpf_video_and_nothing_of_webrtc"):
            ours = [body for sender, _, body in loop.sip_bodies() if sender == PCSCF_IP]
            lines = [x for body in ours for x in re.findall(r"m=video [1-9]\d* (\S+)", body)]
            check(lines and set(lines) == {"RTP/AVPF"}, f"video lines of the core: {lines}")
            found = [a for a in loop.webrtc_attributes(PCSCF_IP) if not a.endswith(" urn:3gpp:video-orientation")]
            check(not found, found)
        with case("answered_with_sound_only"):
            policy(alice, "max-compat")
            policy(web1, "max-bundle")
            ring(alice, web1, "web1")
            web1.do("click", selector="#answer")
            up(alice, web1)
            check(pictures(alice) == (False, False) and pictures(web1) == (False, False), (pictures(alice), pictures(web1)))
            check(alice.state()["call"]["video"]["trouble"] == "refused", alice.state())
            heard(alice, web1)
            heard(web1, alice)
            over(lab, web1, alice)
        with case("a_phone_without_video_is_called_with_it"):
            policy(alice, "balanced")
            since, bob = time.time(), lab.phones["bob"]
            alice.do("dial", target="bob", video=True)
            up(alice)
            check(pictures(alice) == (False, False), pictures(alice))
            heard(alice, bob)
            over(lab, alice)
            share, _ = bob.heard(alice.tone_hz, since)
            check(share > 0.7, f"the phone heard the tone in {share:.0%}")
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
