"""Dovecot, Postfix and OpenSMTPD, unpacked by scripts/peers, set up for measuring."""

import os
import pwd
import subprocess
import time

from harness import Missing, free_port

LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")


def environment(root, *folders):
    paths = ["%s/%s" % (root, folder) for folder in (*folders, *LIBRARIES)]
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C", "LD_LIBRARY_PATH": ":".join(paths)}


class Dovecot:
    """A Dovecot with one Maildir of alice's; runs as nobody when we are root, as ourselves otherwise."""

    def __init__(self, bench, link=None):
        root = bench.peer("dovecot")
        self.bench, self.folder = bench, bench.folder("dovecot")
        entry = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.user, self.group = entry.pw_uid, entry.pw_gid
        self.pop3s, self.imaps = free_port(), free_port()
        env = environment(root, "usr/lib/dovecot", "usr/lib/dovecot/modules/old-stats")
        env["LD_PRELOAD"], env["PEER_ROOT"] = bench.peers_folder + "/lib/peerpaths.so", root
        handed_on = " ".join("%s=%s" % pair for pair in env.items() if pair[0] != "PATH")
        for name in ("run", "state"):
            os.mkdir(os.path.join(self.folder, name))
        self.maildir = os.path.join(self.folder, "home/Maildir")
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.maildir, name))
        for name in ("server.crt", "server.key"):
            with open(os.path.join(bench.outer, name)) as source:
                self._write(name, source.read())
        self._write("passwd", "alice:{PLAIN}secret:%d:%d::%s/home::\n" % (self.user, self.group, self.folder))
        group = subprocess.run(["id", "-gn", entry.pw_name], check=True, capture_output=True, text=True).stdout.strip()
        self._write("dovecot.conf", f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
libexec_dir = {root}/usr/lib/dovecot
import_environment = {handed_on}
default_login_user = {entry.pw_name}
default_internal_user = {entry.pw_name}
default_internal_group = {group}
first_valid_uid = 1
listen = *
protocols = pop3 imap
ssl = required
ssl_cert = <{self.folder}/server.crt
ssl_key = <{self.folder}/server.key
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = {self.folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = {self.folder}/passwd
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {self.pop3s}
    ssl = yes
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {self.imaps}
    ssl = yes
  }}
}}
""")
        subprocess.run(["chown", "-R", "%d:%d" % (self.user, self.group), self.folder], check=True)
        command = [root + "/usr/sbin/dovecot", "-F", "-c", self.folder + "/dovecot.conf"]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=%d" % self.user, "--regid=%d" % self.group, "--clear-groups"] + command
        self.process = bench.start(
            command, (self.pop3s, self.imaps), self.folder + "/started.log", env, within=link.far if link else ())

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def fill(self, count, octets):
        """Puts `count` messages of about `octets` octets into alice's INBOX."""
        for number in range(count):
            name = "%d.M%07dP1.bench" % (1700000000 + number, number)
            path = os.path.join(self.maildir, "new", name)
            head = "From: a@example.org\nTo: alice@example.org\n"
            head += "Subject: number %d\nMessage-ID: <%d@bench.example>\n\n" % (number, number)
            line = "%07d %s\n" % (number, "x" * 63)
            with open(path, "w") as file:
                file.write(head + line * max(1, (octets - len(head)) // len(line)))
            os.chown(path, self.user, self.group)

    def stop(self):
        self.bench.stop(self.process)


class Postfix:
    """A Postfix that accepts, and either keeps all mail in its queue or drops it."""

    OWNER, GROUP = "news", "uucp"  # stand-ins for postfix and postdrop that every Debian has

    def __init__(self, bench, relay=None, connections=20):
        """Keeps all mail in its queue, or with `relay` hands it there when it is told to drain."""
        if os.getuid() != 0:
            raise Missing("Postfix needs root")
        root = bench.peer("postfix")
        self.bench, self.folder, self.port, self.root = bench, bench.folder("postfix"), free_port(), root
        self.env = environment(root, "usr/lib/postfix")
        library_path = self.env["LD_LIBRARY_PATH"]
        os.makedirs(self.folder + "/etc")
        with open(self.folder + "/etc/main.cf", "w") as file:
            file.write(f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/usr/share/postfix
sendmail_path = {root}/usr/sbin/sendmail
mailq_path = {root}/usr/sbin/sendmail
newaliases_path = {root}/usr/sbin/sendmail
mail_owner = {self.OWNER}
setgid_group = {self.GROUP}
import_environment = MAIL_CONFIG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH={library_path}
export_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH={library_path}
maillog_file = {self.folder}/maillog
maillog_file_prefixes = {self.folder}
myhostname = peer.example
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = {"smtp:" if relay else "discard:"}
relay_transport = {"smtp:" if relay else "discard:"}
relayhost = {relay or ""}
default_destination_concurrency_limit = {connections}
initial_destination_concurrency = {connections}
smtp_connection_cache_on_demand = yes
qmgr_message_active_limit = 20000
smtp_dns_support_level = disabled
smtp_host_lookup = native
relay_domains = static:all
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
in_flow_delay = 0
smtpd_client_connection_count_limit = 200
""")
        # Postfix waits while main.cf is younger than two seconds: somebody might be editing it.
        os.utime(self.folder + "/etc/main.cf", (1e9, 1e9))
        with open(self.folder + "/etc/master.cf", "w") as file:
            file.write(f"""
127.0.0.1:{self.port} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
smtp unix - - n - {connections} smtp
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
verify unix - - n - 1 verify
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
""")
        self._folders()
        self._start()
        self.sendmail = [root + "/usr/sbin/sendmail", "-C", self.folder + "/etc"]

    def _start(self, within=()):
        self.process = self.bench.start(
            [self.root + "/usr/lib/postfix/sbin/master", "-c", self.folder + "/etc", "-d"], (self.port,),
            self.folder + "/master.log", self.env, within)

    def fill(self, message, count):
        """Queues `count` messages, which stay there as nothing manages the queue yet."""
        done = subprocess.run(
            [self.root + "/usr/sbin/smtp-source", "-s", "8", "-m", str(count), "-l", str(len(message)), "-f",
             "alice@hub.example", "-t", "b@example.org", "-N", "127.0.0.1:%d" % self.port],
            env=self.env, capture_output=True, text=True)
        if done.returncode != 0 or self._queued() != count:
            raise Missing("smtp-source: %d queued: %s" % (self._queued(), done.stderr))

    def _queued(self):
        return sum(
            len(files) for part in ("incoming", "active", "deferred", "maildrop")
            for _, _, files in os.walk(os.path.join(self.folder, "queue", part)))

    def drain(self, count, within=()):
        """Starts again with a queue manager: messages a second, CPU us a message, seconds until the queue is empty."""
        self.stop()
        with open(self.folder + "/etc/master.cf", "a") as file:
            file.write("qmgr unix n - n 300 1 qmgr\n")
        os.utime(self.folder + "/etc/main.cf", (1e9, 1e9))
        begun = time.monotonic()
        used = os.times()
        self._start(within)
        while self._queued() > 0:
            if time.monotonic() > begun + 120:
                raise Missing("%d messages left after two minutes" % self._queued())
            time.sleep(0.02)
        took = time.monotonic() - begun
        self.stop()
        after = os.times()
        cpu = after.children_user + after.children_system - used.children_user - used.children_system
        return count / took, cpu * 1e6 / count, took

    def _folders(self):
        owner = pwd.getpwnam(self.OWNER).pw_uid
        group = pwd.getpwnam(self.GROUP).pw_gid

        def make(name, mode, user=owner, of=0):
            path = os.path.join(self.folder, name)
            os.mkdir(path)
            os.chown(path, user, of)
            os.chmod(path, mode)

        make("queue", 0o755, 0)
        make("data", 0o700)
        make("queue/pid", 0o755, 0)
        for part in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():
            make("queue/" + part, 0o700)
        make("queue/public", 0o710, of=group)
        make("queue/maildrop", 0o1730, of=group)

    def stop(self):
        self.bench.stop(self.process)


class OpenSMTPD:
    """An OpenSMTPD that accepts, and keeps all mail in its queue. Its paths and users are compiled in, so that it sees them
    in a mount namespace of its own."""

    def __init__(self, bench):
        if os.getuid() != 0:
            raise Missing("OpenSMTPD needs root")
        root = bench.peer("opensmtpd")
        self.bench, folder, self.port = bench, bench.folder("opensmtpd"), free_port()
        for part, mode in (("spool", 0o755), ("spool/smtpd", 0o711), ("lib", 0o755), ("lib/opensmtpd", 0o755),
                           ("lib/opensmtpd/empty", 0o755), ("run", 0o755)):
            os.mkdir(os.path.join(folder, part))
            os.chmod(os.path.join(folder, part), mode)
        for name, line in (("passwd", "%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n"), ("group", "%s:x:%d:\n")):
            with open("/etc/" + name) as file:
                told = file.read()
            with open(os.path.join(folder, name), "w") as file:
                file.write(told)
                for number, user in ((64001, "opensmtpd"), (64002, "opensmtpq")):
                    file.write(line % ((user, number, number) if name == "passwd" else (user, number)))
        with open(os.path.join(folder, "smtpd.conf"), "w") as file:
            file.write(f"""smtp limit max-mails 1000000
listen on 127.0.0.1 port {self.port}
action "out" relay
match from any for any action "out"
""")
        shown = [(folder + "/spool", "/var/spool"), (folder + "/lib", "/var/lib"), (folder + "/run", "/run"),
                 (root + "/usr/libexec", "/usr/libexec"), (folder + "/passwd", "/etc/passwd"), (folder + "/group", "/etc/group")]
        mounts = " && ".join("mount --bind %s %s" % pair for pair in shown)
        self.process = bench.start(
            ["unshare", "-m", "sh", "-c", mounts + ' && exec "$@"', "sh", root + "/usr/sbin/smtpd", "-d", "-P", "mta",
             "-f", folder + "/smtpd.conf"], (self.port,), folder + "/started.log", environment(root))

    def stop(self):
        self.bench.stop(self.process)
