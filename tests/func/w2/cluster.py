# SPDX-License-Identifier: Apache-2.0
"""Two epcscf on one Redis."""
import contextlib, copy

from harness import *

A, B, REDIS_PORT, NAME = LO, "127.0.0.2", 6391, "pcscf.home1.example"


class Redis:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="w2gw-redis-")
        self.start()

    def start(self):
        self.p = subprocess.Popen(["redis-server", "--port", str(REDIS_PORT), "--bind", LO, "--save", "", "--dir", self.dir],
                                  stdout=subprocess.PIPE, text=True)
        check(any("Ready to accept connections" in line for line in self.p.stdout), "redis-server does not start")

    def ask(self, *words):
        """A command; its answer by lines."""
        p = subprocess.run(["redis-cli", "-h", LO, "-p", str(REDIS_PORT), *words], capture_output=True, text=True, timeout=20)
        return p.stdout.split("\n")[:-1]

    def stop(self):
        self.p.kill()
        self.p.wait(10)
        self.p.stdout.close()


def node(ip, name, core=None, **conf):
    t = Rig({**copy.deepcopy(conf), "state": {"backend": "redis", "redis_address": f"{LO}:{REDIS_PORT}", "node": name, "lease_s": 2,
                               "node_address": f"{ip}:{MW_PORT}"},
             "mw": {"host": NAME, "trusted": ["127.0.0.0/8"], **conf.get("mw", {})}}, ip, core)
    try:
        t.metric("state_reachable", 1)
    except BaseException:
        t.stop()
        raise
    return t


@contextlib.contextmanager
def two(**conf):
    redis, nodes, wrong = Redis(), [], []
    try:
        nodes.append(node(A, "a", **conf))
        nodes.append(node(B, "b", nodes[0].core, **conf))
        yield redis, *nodes
    finally:
        for t in reversed(nodes):
            wrong += [w for w in [t.stop()] if w]
        redis.stop()
        shutil.rmtree(redis.dir, ignore_errors=True)
    check(not wrong, wrong)


def nodes(sentence, **conf):
    def add(fn):
        def run_it(t):
            if not shutil.which("redis-server"):
                print("SKIP no redis-server here")
                return
            with two(**conf) as all_of_it:
                fn(*all_of_it)
        return case(sentence, start=False)(run_it)
    return add


def written(*all_nodes):
    for t in all_nodes:
        t.metric("state_pending", 0)
