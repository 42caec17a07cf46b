"""Collecting a mailbox from Dovecot over POP3S and IMAPS into a new Maildir, every message synced."""

import os

from harness import Missing, by_turns, table, timed
from hub import Hub, ordinary_user
from peers import Dovecot, environment

OCTETS = 4096


def delivered(folder, count):
    found = sum(len(os.listdir(os.path.join(folder, part))) for part in ("new", "cur"))
    if found != count:
        raise Missing("%d of %d messages in %s" % (found, count, folder))


def maildir(bench, name):
    path = bench.folder(name, 0o700)
    for part in ("new", "cur", "tmp"):
        os.mkdir(os.path.join(path, part))
    return path


def figures(count, took, used):
    return count / took, used * 1e6 / count, took


def hub(bench, protocol, port, count, within=()):
    def measure():
        contestant = Hub(bench)
        contestant.fetching(protocol, port)
        command = [*within, bench.command("mhfetch"), "-C", contestant.rc]
        result = timed(command, env=contestant.env)
        delivered(contestant.maildir, count)
        return figures(count, *result)
    return measure


def mpop_account(bench, port):
    """A command that has mpop collect, the environment for it, and where the mail goes."""
    home, target = bench.folder("mpop", 0o700), maildir(bench, "mpop-mail")
    rc = os.path.join(home, "mpoprc")
    with open(rc, "w") as file:
        file.write(f"""account source
host localhost
port {port}
user alice
password secret
tls on
tls_starttls off
tls_trust_file {bench.certificate}
keep on
uidls_file {home}/uidls
delivery maildir {target}
""")
    os.chmod(rc, 0o600)
    return ["mpop", "-q", "-C", rc, "source"], {"HOME": home, "PATH": os.environ["PATH"]}, target


def mpop(bench, port, count, within=()):
    def measure():
        command, env, target = mpop_account(bench, port)
        result = timed([*within, *command], env=env)
        delivered(target, count)
        return figures(count, *result)
    return measure


def mbsync(bench, port, count, within=()):
    def measure():
        root = bench.peer("isync")
        home, target = bench.folder("mbsync", 0o700), maildir(bench, "mbsync-mail")
        rc = os.path.join(home, "mbsyncrc")
        with open(rc, "w") as file:
            file.write(f"""IMAPAccount source
Host localhost
Port {port}
User alice
Pass secret
SSLType IMAPS
AuthMechs LOGIN
SystemCertificates no
CertificateFile {bench.certificate}

IMAPStore far
Account source

MaildirStore near
Inbox {target}

Channel all
Far :far:
Near :near:
Patterns INBOX
Sync Pull
SyncState {home}/state
""")
        env = environment(root)
        env["HOME"] = home
        result = timed([*within, root + "/usr/bin/mbsync", "-q", "-c", rc, "all"], env=env)
        delivered(target, count)
        return figures(count, *result)
    return measure


def fetchmail_account(bench, protocol, port, words):
    """A command that has fetchmail collect, by a program for each message, as it has no Maildirs of its own; the environment
    for it, and where the mail goes. `words` end the lines of the user."""
    root = bench.peer("fetchmail")
    home, target = bench.folder("fetchmail", 0o700), maildir(bench, "fetchmail-mail")
    rc = os.path.join(home, "rc")
    with open(rc, "w") as file:
        file.write(f"""poll localhost protocol {protocol} port {port}
  user alice password secret is alice here
  ssl sslcertck sslcertfile {bench.certificate}
  keep {words} mda "{bench.deliver} {target}"
""")
    os.chmod(rc, 0o600)
    command = [root + "/usr/bin/fetchmail", "-s", "-f", rc, "--pidfile", home + "/pid", "-i", home + "/ids"]
    return command, {**environment(root), "HOME": home}, target


def fetchmail(bench, protocol, port, count):
    def measure():
        command, env, target = fetchmail_account(bench, protocol, port, "fetchall")
        result = timed(command, env=env)
        delivered(target, count)
        return figures(count, *result)
    return measure


def getmail_account(bench, protocol, port, read_all):
    """A command that has getmail collect, the environment for it, and where the mail goes. As an ordinary user: it refuses to
    deliver as root."""
    root = bench.peer("getmail6")
    home, target = bench.folder("getmail", 0o700), maildir(bench, "getmail-mail")
    with open(os.path.join(home, "rc"), "w") as file:
        file.write(f"""[retriever]
type = Simple{protocol}SSLRetriever
server = localhost
port = {port}
username = alice
password = secret
ca_certs = {bench.certificate}
[destination]
type = Maildir
path = {target}/
[options]
read_all = {str(read_all).lower()}
delete = false
verbose = 0
""")
    env = {"PATH": os.environ["PATH"], "HOME": home, "PYTHONPATH": root + "/usr/lib/python3/dist-packages"}
    command = [*ordinary_user(), "python3", root + "/usr/bin/getmail", "--getmaildir", home, "--rcfile", "rc"]
    return command, env, target


def getmail(bench, protocol, port, count):
    def measure():
        command, env, target = getmail_account(bench, protocol, port, True)
        result = timed(command, env=env)
        delivered(target, count)
        return figures(count, *result)
    return measure


def run(bench):
    count = max(100, int(10000 * bench.options.scale))
    dovecot = Dovecot(bench)
    try:
        dovecot.fill(count, OCTETS)
        pop3, absent3 = by_turns(
            [("mpop", mpop(bench, dovecot.pop3s, count)), ("fetchmail", fetchmail(bench, "POP3", dovecot.pop3s, count)),
             ("getmail6", getmail(bench, "POP3", dovecot.pop3s, count)), ("mailhub", hub(bench, "pop3s", dovecot.pop3s, count))],
            bench.options.rounds)
        imap, absent4 = by_turns(
            [("mbsync", mbsync(bench, dovecot.imaps, count)), ("fetchmail", fetchmail(bench, "IMAP", dovecot.imaps, count)),
             ("getmail6", getmail(bench, "IMAP", dovecot.imaps, count)), ("mailhub", hub(bench, "imaps", dovecot.imaps, count))],
            bench.options.rounds)
    finally:
        dovecot.stop()
    columns = ("messages/s", "CPU us/message", "seconds")
    what = "%d x %d octets from Dovecot" % (count, OCTETS)
    return (table("Collecting over POP3S, " + what, columns, pop3, absent3) + "\n"
            + table("Collecting over IMAPS, " + what, columns, imap, absent4))
