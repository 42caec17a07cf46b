"""How much memory it takes: a large message against a small one, a maildrop of 100,000, and mhserve's worker under sessions."""

import os
import socket
import ssl
import subprocess
import threading

from cases.accept import load
from cases.collect import delivered, mpop_account
from cases.drain import sink
from harness import Missing, by_turns, free_port, table, timed
from hub import Hub
from peers import Dovecot

SMALL, LARGE = 4096, 100 << 20


def weighed(bench, command, env, stdin=b""):
    """Runs `command`: the most memory of one of its processes, in MiB, and seconds."""
    told = os.path.join(bench.outer, "weight")
    timed(["sh", "-c", 'exec "$0" "$@" 3>"$TOLD"', bench.weigh, *command], env={**env, "TOLD": told}, stdin=stdin)
    with open(told) as file:
        kibibytes, seconds = file.read().split()
    return int(kibibytes) / 1024, float(seconds)


# Fetching


def collecting(bench, octets):
    """One message of `octets` from Dovecot, by mpop and by ours."""
    dovecot = Dovecot(bench)
    try:
        dovecot.fill(1, octets)

        def mpop():
            command, env, target = mpop_account(bench, dovecot.pop3s)
            result = weighed(bench, command, env)
            delivered(target, 1)
            return result

        def ours(protocol, port):
            def measure():
                hub = Hub(bench)
                hub.fetching(protocol, port, limit=2 * LARGE)
                result = weighed(bench, [bench.command("mhfetch"), "-C", hub.rc], hub.env)
                delivered(hub.maildir, 1)
                return result
            return measure

        return by_turns(
            [("mpop", mpop), ("mailhub", ours("pop3s", dovecot.pop3s)), ("mailhub, IMAPS", ours("imaps", dovecot.imaps))],
            bench.options.rounds)
    finally:
        dovecot.stop()


def asking(bench, count):
    """Asks a maildrop of `count` known messages whether there is anything new."""
    dovecot = Dovecot(bench)
    try:
        dovecot.fill(count, 200)
        hub = Hub(bench)
        hub.fetching("pop3s", dovecot.pop3s)
        own = ([bench.command("mhfetch"), "-C", hub.rc], hub.env)
        mpop, env, _ = mpop_account(bench, dovecot.pop3s)
        timed(own[0], env=own[1])
        timed(mpop, env=env)
        return by_turns(
            [("mpop", lambda: weighed(bench, mpop, env)), ("mailhub", lambda: weighed(bench, *own))], bench.options.rounds)
    finally:
        dovecot.stop()


# Sending


def carrying(bench, octets):
    """One message from the queue to a server."""
    def measure():
        port = free_port()
        server = sink(bench, port, None)
        hub = Hub(bench)
        hub.sending(port, limit=2 * LARGE)
        head = b"From: alice@hub.example\nTo: b@example.org\nSubject: one\n\n"
        text = head + (b"x" * 71 + b"\n") * (octets // 72)
        try:
            given = weighed(
                bench, [bench.command("mhsend"), "-odq", "-i", "-f", "alice@hub.example", "b@example.org"], hub.env, text)
            carried = weighed(bench, [bench.command("mhsend"), "-q"], hub.env)
            return given[0], carried[0]
        finally:
            bench.stop(server)
    return by_turns([("mailhub", measure)], bench.options.rounds)


# Serving


def worker(hub):
    """The process of mhserve that serves, once it does."""
    with socket.create_connection(("127.0.0.1", hub.port), 60) as probe:
        if not probe.recv(100).startswith(b"220 "):
            raise Missing("mhserve does not greet")
    with open("/proc/%d/task/%d/children" % (hub.process.pid, hub.process.pid)) as file:
        children = file.read().split()
    if len(children) != 1:
        raise Missing("mhserve has %d workers" % len(children))
    return int(children[0])


def resident(pid, what="VmRSS"):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what + ":")) / 1024


class POP3:
    """A client of mhserve."""

    def __init__(self, hub, bench):
        context = ssl.create_default_context(cafile=bench.certificate)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", hub.pop3s), 60), server_hostname="localhost")
        self.lines = self.socket.makefile("rb")
        self.answer()
        self.say("USER alice")
        self.say("PASS secret")

    def answer(self):
        line = self.lines.readline()
        if not line.startswith(b"+OK"):
            raise Missing("POP3: %r" % line)
        return line

    def say(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        return self.answer()

    def take(self, command):
        """A command with an answer of many lines."""
        self.say(command)
        while self.lines.readline() != b".\r\n":
            pass

    def quit(self):
        self.say("QUIT")
        self.socket.close()


def fill(maildir, count, octets):
    for part in ("new", "cur", "tmp"):
        os.makedirs(os.path.join(maildir, part), 0o700, exist_ok=True)
    text = "Subject: one\n\n" + ("x" * 71 + "\n") * (octets // 72)
    for number in range(count):
        name = "%d.M%07dP1.bench,S=%d,W=%d" % (1700000000 + number, number, len(text), len(text) + text.count("\n"))
        with open(os.path.join(maildir, "new", name), "w") as file:
            file.write(text)


def sessions(bench):
    """Sixteen sessions at once that read 1,000 messages each: the worker before, the most, and behind them."""
    def measure():
        hub = Hub(bench)
        fill(hub.maildir, 1000, SMALL)
        hub.serving()
        try:
            pid = worker(hub)
            before = resident(pid)

            def read():
                client = POP3(hub, bench)
                for number in range(1, 1001):
                    client.take("RETR %d" % number)
                client.quit()
            clients = [threading.Thread(target=read) for _ in range(16)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            return before, resident(pid, "VmHWM"), resident(pid)
        finally:
            hub.stop()
    return by_turns([("mailhub", measure)], bench.options.rounds)


def maildrop(bench, count):
    """A session on a mailbox of `count`: the worker before, while it is open and listed, and behind it."""
    folder = bench.folder("many", 0o700)
    fill(folder, count, 72)

    def measure():
        hub = Hub(bench)
        os.makedirs(os.path.dirname(hub.maildir), 0o700)
        os.symlink(folder, hub.maildir)
        hub.serving()
        try:
            pid = worker(hub)
            before = resident(pid)
            client = POP3(hub, bench)
            client.take("UIDL")
            during = resident(pid)
            client.quit()
            return before, during, resident(pid)
        finally:
            hub.stop()
    return by_turns([("mailhub", measure)], bench.options.rounds)


def accepting(bench, octets):
    """One message by SMTP, then read back by POP3: the most that the worker had."""
    def measure():
        hub = Hub(bench)
        hub.serving(limit=2 * LARGE)
        try:
            pid = worker(hub)
            done = subprocess.run(
                [bench.load, str(hub.port), "1", "1", str(octets), "a@example.org", "alice@hub.example"], capture_output=True,
                text=True)
            if done.returncode != 0:
                raise Missing("smtpload: " + done.stderr.strip())
            taken = resident(pid, "VmHWM")
            client = POP3(hub, bench)
            client.take("RETR 1")
            client.quit()
            return taken, resident(pid, "VmHWM")
        finally:
            hub.stop()
    return by_turns([("mailhub", measure)], bench.options.rounds)


def both(title, columns, kinds, measure):
    """A table for a small and a large message, ours by name of the size."""
    report = []
    for words, octets in kinds:
        report.append(table(title % words, columns, *measure(octets), larger_is_better=False))
    return "\n".join(report)


def run(bench):
    many = max(1000, int(100000 * bench.options.scale))
    kinds = (("one of 4 KiB", SMALL), ("one of 100 MiB", LARGE))
    return "\n".join([
        both("Memory to collect a message, %s", ("MiB at most", "seconds"), kinds, lambda octets: collecting(bench, octets)),
        table("Memory to ask a POP3S maildrop of %d for new messages" % many, ("MiB at most", "seconds"),
              *asking(bench, many), larger_is_better=False),
        both("Memory to send a message, %s", ("MiB of mhsend", "MiB of the carrier"), kinds,
             lambda octets: carrying(bench, octets)),
        both("Memory of the worker for a message, %s", ("MiB, taken by SMTP", "MiB, read by POP3"), kinds,
             lambda octets: accepting(bench, octets)),
        table("Memory of the worker, 16 POP3S sessions that read 1,000 messages each", ("MiB before", "MiB at most", "MiB behind"),
              *sessions(bench), larger_is_better=False),
        table("Memory of the worker, a maildrop of %d open" % many, ("MiB before", "MiB while open", "MiB behind"),
              *maildrop(bench, many), larger_is_better=False),
    ])
