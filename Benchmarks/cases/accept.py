"""Durable acceptance by SMTP: every 250 means that the message is on stable storage."""

import subprocess

from harness import Missing, by_turns, table
from hub import Hub
from peers import OpenSMTPD, Postfix

OCTETS = 4096


def load(bench, port, connections, messages, recipient, pid):
    done = subprocess.run(
        [bench.load, str(port), str(connections), str(messages), str(OCTETS), "a@example.org", recipient, str(pid)],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing("smtpload: " + done.stderr.strip())
    return tuple(float(word) for word in done.stdout.split())


def measure(bench, connections, messages):
    def bare():
        done = subprocess.run(
            [bench.bare, bench.folder("bare"), str(connections), str(messages), str(OCTETS)],
            check=True, capture_output=True, text=True)
        return tuple(float(word) for word in done.stdout.split())

    def queueing(kind):
        def turn():
            peer = kind(bench)
            try:
                load(bench, peer.port, connections, 4 * connections, "b@example.org", peer.process.pid)  # processes start
                return load(bench, peer.port, connections, messages, "b@example.org", peer.process.pid)
            finally:
                peer.stop()
        return turn

    def ours():
        hub = Hub(bench)
        hub.serving()
        try:
            load(bench, hub.port, connections, 4 * connections, "alice@hub.example", hub.process.pid)
            return load(bench, hub.port, connections, messages, "alice@hub.example", hub.process.pid)
        finally:
            hub.stop()

    medians, absent = by_turns(
        [("bare C loop", bare), ("OpenSMTPD", queueing(OpenSMTPD)), ("Postfix", queueing(Postfix)),
         ("mailhub", ours)], bench.options.rounds)
    return table(
        "Durable SMTP accept, %d connection%s, %d x %d octets" % (
            connections, "" if connections == 1 else "s", messages, OCTETS),
        ("messages/s", "CPU us/message", "median ms"), medians, absent)


def run(bench):
    scale = bench.options.scale
    return measure(bench, 16, max(64, int(20000 * scale))) + "\n" + measure(bench, 1, max(32, int(2000 * scale)))
