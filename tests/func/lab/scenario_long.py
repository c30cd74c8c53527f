# SPDX-License-Identifier: Apache-2.0
"""A call of 70 s, past two periods of consent, with a look at every packet on both sides."""
from . import call as calls
from .core import PCSCF_IP
from .scenario_calls import heard_both
from .scenarios import check

SECONDS = 70


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        browser = lab.browser()
        access, core = lab.capture("w2acc"), lab.capture("w2core")
        result = None
        with case("call_of_70_s_is_heard_to_its_end"):
            result = calls.outgoing(lab, browser, lab.phones["bob"], SECONDS)
            heard_both(result)
            check(result["phone_seconds"] > SECONDS - 3, f"the phone recorded {result['phone_seconds']} s")
        with case("almost_nothing_is_lost"):
            s = result["stats"]
            check(s["packetsIn"] > 49 * SECONDS * 0.97, f"{s['packetsIn']} packets came in")
            check(s["lostIn"] < s["packetsIn"] * 0.01, f"{s['lostIn']} lost")
        for capture in (access, core):
            capture.stop()
        with case("no_clear_rtp_on_the_access_side"):
            clear, streams = access.clear_rtp()
            check(len(streams) == 2, f"the capture has {streams}")
            check(not clear, f"can be read: {clear} of {streams}")
        with case("the_same_look_finds_the_clear_rtp_of_the_core_side"):
            clear, streams = core.clear_rtp()
            check(len(clear) == 2, f"{clear} of {streams}")
        with case("no_webrtc_attribute_in_the_cores_sdp"):
            # SIP runs between addresses of this host: it is seen on the loopback, captured below.
            loop = lab.capture("lo", "sip", "port 5060 or port 5062")
            calls.outgoing(lab, browser, lab.phones["bob"], 2)
            calls.incoming(lab, browser, lab.phones["bob"], 2)
            loop.stop()
            ours = [body for sender, _, body in loop.sip_bodies() if sender == PCSCF_IP]
            check(len(ours) >= 2, f"only {len(ours)} descriptions of epcscf captured")
            check(not loop.webrtc_attributes(PCSCF_IP), loop.webrtc_attributes(PCSCF_IP))
            check(all("c=IN IP4 10.20.0.10" in b for b in ours), "an address of the access side leaked")
