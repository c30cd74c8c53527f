# SPDX-License-Identifier: Apache-2.0
"""The programs that measure: w2gw-bench (T1, T3) and dpdk-test-crypto-perf (T0)."""
import json
import os
import subprocess
import tempfile

PERF = "dpdk-test-crypto-perf"
WORKER_CPU, OTHER_CPU = 0, 1
# of bench/gen/payload.h: (bytes, share); the rest is no SRTP
MIXES = {"mix": {"protect": ((172, 0.81), (1200, 0.18)), "unprotect": ((172, 0.80), (1200, 0.18))},
         "video": {"protect": ((1200, 0.95),), "unprotect": ((1200, 0.95),)}}
FIRST = ["nice", "-n", "-20"]   # before everything else that runs on the machine
ALONE = ["chrt", "-f", "10"]    # nothing else runs there, but for the 5 % of a second the kernel keeps: for medians of short times


class BenchError(Exception):
    """A program did not run, or what came out was wrong."""


def w2gw(binary, mode, memory_mb, *, check=True, first=None, **options):
    """One run; options are the long names below, first: FIRST or ALONE. @return its JSON object"""
    flags = {"engine": "-e", "device": "-D", "tables": "-G", "suite": "-s", "direction": "-d", "size": "-z", "sessions": "-n", "burst": "-b",
             "rounds": "-r", "seconds": "-t", "pps": "-R", "junk": "-J", "traffic": "-k", "ahead": "-A", "spray": "-Y", "check_ms": "-S"}
    cpus = (WORKER_CPU, OTHER_CPU) if mode == "t1" else (OTHER_CPU, WORKER_CPU)   # t1: where the worker is in T3, and T0 too
    argv = [*(first or FIRST), binary, "--lcores", f"0@{cpus[0]},1@{cpus[1]}", "--no-pci", "--no-telemetry", "-m", str(memory_mb),
            "--file-prefix", f"w2gwbench{os.getpid()}", "--huge-unlink=always", "--log-level=3", "--", "-m", mode]
    argv += [flag for option, flag in (("stages", "-c"), ("policed", "-P")) if options.pop(option, False)]
    for key, value in options.items():
        argv += [flags[key], str(value)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    try:
        row = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise BenchError(f"{' '.join(argv)}: {done.stderr.strip()[-400:]}") from None
    if check and done.returncode:
        raise BenchError(f"{' '.join(argv)}: wrong or missing packets: {row}")
    return row


def memory(binary, calls, suite):
    """@return the JSON object of w2gw-bench-memory"""
    argv = [binary, "-l", str(WORKER_CPU), "--no-pci", "--no-huge", "--no-telemetry", "-m", "600", "--log-level=3", "--file-prefix",
            f"w2gwmem{os.getpid()}", "--", str(calls), suite]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(argv)}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def _vectors(path, size):
    """Verifying needs a file of vectors. Their contents do not matter: a wrong tag costs what a right one does."""
    with open(path, "w", encoding="ascii") as f:
        for name, n in (("plaintext", size), ("ciphertext", size), ("cipher_key", 16), ("cipher_iv", 16), ("auth_key", 20),
                        ("digest", 20)):
            f.write(f"{name} =\n{', '.join(f'0x{(7 * i + n) & 255:02x}' for i in range(n))}\n")


def crypto_only(suite, direction, size, device="crypto_aesni_mb", ops=2000000):
    """
    T0: the bytes an RTP packet of this size has ciphered and authenticated; of a mix, a mean by shares.
    @return cycles (of the TSC) an operation
    """
    seal = direction == "protect"
    if size in MIXES:
        return sum(share * crypto_only(suite, direction, n, device, ops // 2) for n, share in MIXES[size][direction])
    tag = 4 if suite == "cm32" else 10
    with tempfile.NamedTemporaryFile(suffix=".vec") as f:
        if suite.startswith("gcm"):
            key = {"gcm128": 16, "gcm256": 32}[suite]
            how = ["--optype", "aead", "--buffer-sz", str(size - 12), "--aead-algo", "aes-gcm", "--aead-op",
                   "encrypt" if seal else "decrypt", "--aead-key-sz", str(key), "--aead-iv-sz", "12", "--aead-aad-sz", "12",
                   "--digest-sz", "16"]
        else:
            how = ["--optype", "cipher-then-auth" if seal else "auth-then-cipher", "--buffer-sz", str(size), "--cipher-algo",
                   "aes-ctr", "--cipher-op", "encrypt" if seal else "decrypt", "--cipher-key-sz", "16", "--cipher-iv-sz",
                   "16", "--auth-algo", "sha1-hmac", "--auth-op", "generate" if seal else "verify", "--auth-key-sz", "20",
                   "--digest-sz", str(tag)]
            if not seal:
                _vectors(f.name, size)
                how += ["--test-file", f.name]
        argv = [*FIRST, PERF, "--lcores", f"0@{OTHER_CPU},1@{WORKER_CPU}", "--no-pci", "--no-telemetry", "--file-prefix",
                f"w2gwt0{os.getpid()}", "--huge-unlink=always", "--vdev", f"{device}0", "--", "--ptest", "throughput", "--devtype", device, "--silent",
                "--csv-friendly", "--total-ops", str(ops), "--burst-sz", "32", "--pool-sz", "4096", *how]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    rows = [r.split(",") for r in done.stdout.splitlines() if r.count(",") == 9 and r[0].isdigit()]
    if not rows:
        raise BenchError(f"{PERF}: {done.stderr.strip()[-300:] or done.stdout.strip()[-300:]}")
    return float(rows[-1][9])
