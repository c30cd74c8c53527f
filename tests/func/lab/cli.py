# SPDX-License-Identifier: Apache-2.0
"""The sub-commands of ./run."""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

from . import ns
from .proc import LabError, sh

EPILOG = """
Without a command: installs, builds, starts the lab on this machine and stays until Ctrl-C.
Sub-commands that measure end with lines "RESULT key value".
"""


def parser():
    p = argparse.ArgumentParser(prog="./run", description=__doc__, epilog=EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--no-install", action="store_true", help="do not look for missing packages")
    sub = p.add_subparsers(dest="command", metavar="COMMAND")
    sub.add_parser("up", help="the same as no command")
    sub.add_parser("build", help="install packages and build")
    call = sub.add_parser("call", help="a real call from a headless Chromium to a phone and back, with a report")
    call.add_argument("--json", action="store_true", help="the figures as one JSON object")
    call.add_argument("--secs", type=float, default=8, help="length of each call (8)")
    call.add_argument("--ipv6", action="store_true", help="IPv6 on the access side")
    call.add_argument("--profile", choices=["gcm", "sha1", "both"], default="both", help="SRTP profiles of the gateway")
    call.add_argument("--dtls", choices=["active", "passive"], default="active", help="DTLS role of the gateway")
    call.add_argument("--keep", action="store_true", help="keep logs and recordings under state/")
    test = sub.add_parser("test", help="all tests, or the suites or names given")
    test.add_argument("suite", nargs="*", help="unit, golden, func, lint, fuzz, long, lab, lab/GROUP")
    test.add_argument("--list", action="store_true", help="name the suites and groups")
    bench = sub.add_parser("bench", help="measure: ratios, medians of several rounds, RESULT lines at the end")
    bench.add_argument("name", choices=["fastpath", "latency", "duel", "dtls", "datachannel", "iq", "signalling", "video", "video"])
    bench.add_argument("--full", action="store_true", help="all sizes and suites, more rounds")
    bench.add_argument("--rounds", type=int, help="how many rounds")
    bench.add_argument("--compare", metavar="FILE", help="say what moved since this JSON, of the same machine")
    group = sub.add_parser("group")
    group.add_argument("name")
    group.add_argument("build")
    group.add_argument("work")
    return p


def build_folder(root):
    return os.environ.get("W2GW_BUILD") or os.path.join(root, "build")


def prepare(root, args, targets=("dataplane/eimsagw", "control/epcscf", "control/w2gwctl")):
    from . import browser, setup    # pylint: disable=import-outside-toplevel
    if not args.no_install:
        setup.install(root)
    folder = build_folder(root)
    setup.build(root, folder, targets=targets)
    setup.build_page(root, folder)
    browser.install()
    return folder


def fresh_work(root, name):
    state = os.path.join(root, "state")
    os.makedirs(state, exist_ok=True)
    return tempfile.mkdtemp(prefix=f"{name}-", dir=state)


def drop_work(work):
    shutil.rmtree(work, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(work))
    except OSError:
        pass


def say(text):
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def do_call(root, args):
    """Outside: prepares and enters namespaces. Inside: the calls."""
    if not ns.inside():
        prepare(root, args)
        ns.enter([os.path.join(root, "run"), "--no-install", *sys.argv[1:]])
    from . import call as calls   # pylint: disable=import-outside-toplevel
    from .lab import Lab    # pylint: disable=import-outside-toplevel
    ns.settle()
    work, ok = fresh_work(root, "call"), False
    lab = Lab(root, build_folder(root), work, say=say, profile=args.profile, dtls_role=args.dtls)
    try:
        lab.start()
        if args.ipv6:
            sh("ip", "addr", "del", ns.ACCESS["addresses"][0], "dev", ns.ACCESS["name"])
        say("Chromium registers alice")
        browser = lab.browser(ipv6=args.ipv6)
        say(f"alice calls bob for {args.secs:g} s")
        out = calls.outgoing(lab, browser, lab.phones["bob"], args.secs)
        say(f"bob calls alice for {args.secs:g} s")
        into = calls.incoming(lab, browser, lab.phones["bob"], args.secs)
        facts = calls.path_facts(lab)
        ok = True
    finally:
        lab.stop()
        if args.keep or not ok:
            say(f"logs and recordings are in {os.path.relpath(work, root)}")
        else:
            drop_work(work)
    rows = calls.results(out, into)
    if args.json:
        print(json.dumps({"results": rows, "out": out, "in": into, "path": facts}))
    else:
        print(calls.report(out, into, {"access side": "IPv6" if args.ipv6 else "IPv4", "core side": "IPv4",
                                       "DTLS role of the gateway": args.dtls, **facts}))
    for key, value in rows.items():
        print(f"RESULT {key} {value}")
    return 0 if all(rows[f"call.{d}.{w}_heard"] for d in ("out", "in") for w in ("browser", "phone")) else 1


def status_line(lab, before):
    """@return (text, totals): what an operator wants to see each second"""
    counters, ports = lab.cscf.counters(), lab.agw.show("ports")
    drops = lab.agw.show("drops")
    now = {"rx": sum(p["rx_packets"] for p in ports), "tx": sum(p["tx_packets"] for p in ports), "at": time.monotonic()}
    per = (lambda k: (now[k] - before[k]) / (now["at"] - before["at"])) if before else lambda k: 0
    users = [r["impu"].removeprefix("sip:").split("@")[0] for r in lab.cscf.show("registrations")]
    dropped = sum(v for k, v in drops.items() if k.startswith("DP_DROP"))
    gateway = "in service" if counters["iq_gateways_up"] else "OUT OF SERVICE"
    return (f"gateway {gateway} | registered: {', '.join(sorted(set(users))) or 'nobody'} | calls {counters['calls']} | "
            f"packets/s in {per('rx'):.0f} out {per('tx'):.0f} | dropped {dropped}"), now


def do_up(root, args):
    """The lab on the machine itself, for people and their own browsers."""
    from . import proc, setup   # pylint: disable=import-outside-toplevel
    from .lab import Lab    # pylint: disable=import-outside-toplevel
    prepare(root, args)
    proc.Proc.wrapper = ["setpriv", "--pdeathsig", "KILL", "--"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell's background job begins with it ignored
    work = fresh_work(root, "up")
    os.makedirs("/run/w2gw", exist_ok=True)
    lab = Lab(root, build_folder(root), work, say=say)
    try:
        lab.start(phones=())
        lab.phone("bob")
        for user in ("alice", "carol"):
            lab.cscf.user("add", user, "--domain", "home1.example", password=user)
        print(f"""
The lab is up. Open in a browser of this machine:  {lab.url()}
(the certificate is self-signed: accept it once)

  sign in as    alice   password alice    (or carol; or as a guest)
  or register with a SIP password: sip:alice@home1.example, private identity alice@home1.example, password alice
  then dial     bob         a phone that answers with a 440 Hz tone and records what it hears
  or open a second browser as carol and call each other

Logs: {os.path.relpath(work, root)}/*/log      Ctrl-C ends everything.
""", flush=True)
        before = None
        while True:
            for part in (lab.agw, lab.cscf, lab.core):
                if not part.proc.alive():
                    raise LabError(f"{part.proc.name} ended: {part.proc.tail()}")
            text, before = status_line(lab, before)
            setup.line(f"{time.strftime('%H:%M:%S')} {text}")
            time.sleep(1)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopping\n")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        lab.stop()
        drop_work(work)
        try:
            os.rmdir("/run/w2gw")
        except OSError:
            pass
    return 0


def do_group(root, args):
    """Inside the namespaces of one group of scenarios; called by ./run test."""
    from . import scenarios     # pylint: disable=import-outside-toplevel
    if not ns.inside():
        ns.enter([os.path.join(root, "run"), *sys.argv[1:]])
    ns.settle()
    return scenarios.run_group(args.name, root, args.build, args.work)


def do_test(root, args):
    from . import suites    # pylint: disable=import-outside-toplevel
    if args.list:
        print("\n".join(suites.names()))
        return 0
    folder = prepare(root, args, targets=("all",))
    work = fresh_work(root, "test")
    ok = suites.run(root, folder, work, args.suite, say)
    if ok:
        drop_work(work)
    else:
        say(f"logs are in {os.path.relpath(work, root)}")
    return 0 if ok else 1


def do_bench(root, args):
    folder = prepare(root, args, targets=("all",))
    sys.path.insert(0, os.path.join(root, "bench"))
    import bench    # pylint: disable=import-outside-toplevel,import-error
    return bench.main(root, folder, args.name, args)


def main(root, argv):
    args = parser().parse_args(argv[1:])
    if os.geteuid() != 0:
        print("./run needs root: it makes tap interfaces and namespaces", file=sys.stderr)
        return 1
    commands = {None: do_up, "up": do_up, "call": do_call, "test": do_test, "group": do_group, "bench": do_bench,
                "build": lambda r, a: prepare(r, a, ("all",)) and 0}
    try:
        return commands[args.command](root, args)
    except LabError as e:
        print(f"\n./run: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
