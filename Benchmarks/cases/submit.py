"""One 4 KB message into the sendmail of each, until it exits with the message safe."""

import os
import statistics
import subprocess

from harness import by_turns, free_port, table, timed
from hub import Hub
from peers import Postfix, environment

MESSAGE = b"From: a@example.org\nTo: b@example.org\nSubject: one\n\n" + (b"x" * 71 + b"\n") * 56
ENVELOPE = ["-f", "alice@hub.example", "b@example.org"]


def run(bench):
    times = max(20, int(400 * bench.options.scale))

    def repeat(command, env=None):
        rows = [timed(command, env=env, stdin=MESSAGE) for _ in range(times)]
        return tuple(statistics.median(column) * 1e3 for column in zip(*rows))

    def bare():
        done = subprocess.run(
            [bench.bare, bench.folder("bare"), "1", str(times), str(len(MESSAGE))],
            check=True, capture_output=True, text=True)
        rate, cpu, latency = (float(word) for word in done.stdout.split())
        return latency, cpu / 1e3

    def postfix():
        peer = Postfix(bench)
        try:
            return repeat(peer.sendmail + ENVELOPE, env=peer.env)
        finally:
            peer.stop()

    def msmtp():
        root = bench.peer("postfix")
        port = free_port()
        home = bench.folder("msmtp", 0o700)
        sink = bench.start(
            [root + "/usr/sbin/smtp-sink", "-u", "nobody", "127.0.0.1:%d" % port, "100"], (port,), home + "/sink.log",
            environment(root, "usr/lib/postfix"))
        try:
            command = ["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port=%d" % port, "--tls=off"]
            return repeat(command + ["--from=alice@hub.example", "b@example.org"])
        finally:
            bench.stop(sink)

    def ours():
        hub = Hub(bench)
        hub.sending(free_port())
        return repeat([bench.command("mhsend"), "-C", hub.rc, "-i", *ENVELOPE], env=hub.env)

    medians, absent = by_turns(
        [("bare C write", bare), ("Postfix", postfix), ("msmtp to sink", msmtp), ("mailhub", ours)],
        bench.options.rounds)
    return table(
        "A message of %d octets into sendmail until exit, %d times" % (len(MESSAGE), times),
        ("median ms", "CPU ms"), medians, absent, larger_is_better=False)
