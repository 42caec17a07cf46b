"""Waiting for mail in IMAP IDLE: how long until a message is in the Maildir, and what fifty accounts cost in one process."""

import os
import statistics
import time

from cases.collect import fetchmail_account, getmail_account
from cases.memory import resident
from harness import Missing, by_turns, table
from hub import Hub
from peers import Dovecot

PATIENCE = 60
ACCOUNTS = 50


def stored(folder):
    try:
        return sum(len(os.listdir(os.path.join(folder, part))) for part in ("new", "cur"))
    except FileNotFoundError:
        return 0


def wait(what, condition):
    """Until `condition` holds; looked at each millisecond."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Missing("in vain: " + what)
        time.sleep(0.001)


class Source:
    """Alice's mailbox, into which one message comes after another, as an LMTP server would put it there."""

    def __init__(self, dovecot):
        self.dovecot, self.count = dovecot, 0

    def deliver(self):
        self.count += 1
        name = "%d.M%07dP1.bench" % (1700000000 + self.count, self.count)
        path = os.path.join(self.dovecot.maildir, "tmp", name)
        with open(path, "w") as file:
            file.write("From: a@example.org\nSubject: number %d\nMessage-ID: <%d@bench>\n\ntext\n" % (self.count, self.count))
        os.chown(path, self.dovecot.user, self.dovecot.group)
        os.rename(path, os.path.join(self.dovecot.maildir, "new", name))

    def clear(self):
        for part in ("new", "cur"):
            for name in os.listdir(os.path.join(self.dovecot.maildir, part)):
                os.unlink(os.path.join(self.dovecot.maildir, part, name))


def single(bench, source, start, target):
    """Fifty messages, one by one: median and 95th of a hundred, in ms."""
    process = start()
    try:
        source.deliver()
        wait("the first message", lambda: stored(target) > 0)
        # It waits for news again before long.
        time.sleep(2)
        took = []
        for _ in range(max(10, int(50 * bench.options.scale))):
            before = stored(target)
            source.deliver()
            began = time.monotonic()
            wait("a message", lambda: stored(target) > before)
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.2)
        took.sort()
        return statistics.median(took), took[int(len(took) * 0.95)]
    finally:
        bench.stop(process)
        source.clear()


def peer(bench, source, account, *options):
    """One of the peers, whose command gets `options` besides."""
    def measure():
        command, env, target = account()
        log = env["HOME"] + "/log"
        return single(bench, source, lambda: bench.start([*command, *options], (), log, env), target)
    return measure


def watching(bench, dovecot, count):
    """A hub of `count` accounts, all of them alice's mailbox, each for a mailbox of its own; and how it is started."""
    hub = Hub(bench)
    names = ["u%d" % number for number in range(count)]
    hub.write_rc("".join(f"""mailbox {name}
account {name}
  owner          {name}
  user           alice
  password       secret
  fetch          imaps localhost:{dovecot.imaps}
  tls_trust_file {bench.certificate}
""" for name in names))
    folders = [os.path.join(hub.folder, "mail", name) for name in names]
    command = [bench.command("mhfetch"), "-C", hub.rc, "--idle"]
    return folders, lambda: bench.start(command, (), hub.folder + "/mhfetch.log", hub.env)


def ours(bench, dovecot, source):
    def measure():
        folders, start = watching(bench, dovecot, 1)
        return single(bench, source, start, folders[0])
    return measure


def together(bench, dovecot, source):
    """All accounts have news in the same moment: seconds until all have it; the memory of the process, and its CPU while
    nothing comes for ten seconds."""
    def measure():
        folders, start = watching(bench, dovecot, ACCOUNTS)
        process = start()
        try:
            source.deliver()
            wait("the first message", lambda: all(stored(folder) == 1 for folder in folders))
            time.sleep(2)
            source.deliver()
            began = time.monotonic()
            wait("a message", lambda: all(stored(folder) == 2 for folder in folders))
            took = time.monotonic() - began
            time.sleep(2)
            before = cpu(process.pid)
            time.sleep(10)
            return took, resident(process.pid, "VmHWM"), resident(process.pid), (cpu(process.pid) - before) * 10
        finally:
            bench.stop(process)
            source.clear()
    return measure


def cpu(pid):
    """Seconds that a process has used."""
    with open("/proc/%d/stat" % pid) as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def run(bench):
    dovecot = Dovecot(bench)
    try:
        source = Source(dovecot)
        alone = by_turns(
            [("fetchmail", peer(bench, source, lambda: fetchmail_account(bench, "IMAP", dovecot.imaps, "idle"), "-N", "-d", "300")),
             ("getmail6", peer(bench, source, lambda: getmail_account(bench, "IMAP", dovecot.imaps, False), "--idle", "INBOX")),
             ("mailhub", ours(bench, dovecot, source))], 1)
        many = by_turns([("mailhub", together(bench, dovecot, source))], bench.options.rounds)
    finally:
        dovecot.stop()
    return (table("A message that comes while an account waits in IDLE over IMAPS", ("ms, median", "ms, 95 of 100"), *alone,
                  larger_is_better=False) + "\n"
            + table("%d accounts in one process, a message for each at once" % ACCOUNTS,
                    ("seconds until all have it", "MiB at most", "MiB", "CPU % while nothing comes"), *many,
                    larger_is_better=False))
