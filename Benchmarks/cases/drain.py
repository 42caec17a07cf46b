"""Draining a full queue into one server that takes twenty connections, over the loopback and over a line of 50 ms."""

import os
import subprocess
import time

from harness import Link, Missing, by_turns, free_port, table, timed
from hub import Hub
from peers import Postfix, environment

MESSAGE = b"From: alice@hub.example\nTo: b@example.org\nSubject: one\n\n" + (b"x" * 71 + b"\n") * 56
CONNECTIONS = 20


def sink(bench, port, link):
    root = bench.peer("postfix")
    folder = bench.folder("sink")
    return bench.start(
        [root + "/usr/sbin/smtp-sink", "-u", "nobody", "0.0.0.0:%d" % port, "1000"], (port,), folder + "/sink.log",
        environment(root, "usr/lib/postfix"), within=link.far if link else ())


def ours(bench, count, link):
    def measure():
        port = free_port()
        server = sink(bench, port, link)
        hub = Hub(bench)
        hub.sending(port, CONNECTIONS, Link.ADDRESS if link else "127.0.0.1")
        message = os.path.join(hub.folder, "message")
        with open(message, "wb") as file:
            file.write(MESSAGE)
        subprocess.run(
            ["sh", "-c", 'seq %d | xargs -P 4 -I{} sh -c \'exec "$0" -C "$1" -odq -i -f alice@hub.example x{}@example.org <"$2"\' '
             '"%s" "%s" "%s"' % (count, bench.command("mhsend"), hub.rc, message)], check=True, env=hub.env)
        try:
            took, used = timed([*(link.near if link else ()), bench.command("mhsend"), "-C", hub.rc, "-q"], env=hub.env)
            left = sum(len(os.listdir(os.path.join(hub.folder, "state/queue", part))) for part in ("new", "cur"))
            if left:
                raise Missing("%d messages left" % left)
            return count / took, used * 1e6 / count, took
        finally:
            bench.stop(server)
    return measure


def postfix(bench, count, link):
    def measure():
        port = free_port()
        server = sink(bench, port, link)
        peer = Postfix(bench, relay="[%s]:%d" % (Link.ADDRESS if link else "127.0.0.1", port), connections=CONNECTIONS)
        try:
            peer.fill(MESSAGE, count)
            return peer.drain(count, link.near if link else ())
        finally:
            peer.stop()
            bench.stop(server)
    return measure


def measure(bench, count, link=None):
    medians, absent = by_turns(
        [("Postfix", postfix(bench, count, link)), ("mailhub", ours(bench, count, link))], bench.options.rounds)
    return table(
        "Draining %d x %d octets into one server, %d connections, %s" % (
            count, len(MESSAGE), CONNECTIONS, link or "loopback"),
        ("messages/s", "CPU us/message", "seconds"), medians, absent)


def run(bench):
    count = max(100, int(5000 * bench.options.scale))
    report = [measure(bench, count)]
    for mbit in (61, 20):
        with Link(bench, 50, mbit) as link:
            report.append(measure(bench, count, link))
    return "\n".join(report)
