"""The mail hub as a contestant: its rc for each case, and its commands."""

import os

from harness import free_port


def ordinary_user():
    """What stands before mhserve, which does not serve as root: a user namespace in which our files are an ordinary user's."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []


class Hub:
    """A personal hub in a folder of its own on the measured file system."""

    def __init__(self, bench, name="hub"):
        self.bench, self.folder = bench, bench.folder(name, 0o700)
        self.rc = os.path.join(self.folder, "mailhubrc")
        self.maildir = os.path.join(self.folder, "mail/alice")
        self.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.folder, "MAILHUBRC": self.rc,
                    "SWIFT_BACKTRACE": "enable=no"}
        self.process = None

    def write_rc(self, text):
        with open(self.rc, "w") as file:
            file.write(f"""hostname   hub.example
state      {self.folder}/state
maildirs   {self.folder}/mail/%m
postmaster alice
mailbox alice
  address  alice@hub.example
  password secret
{text}""")
        os.chmod(self.rc, 0o600)

    def fetching(self, protocol, port, limit=50 << 20):
        """An account that fetches everything once and deletes nothing."""
        self.write_rc(f"""size-limit {limit}
account source
  owner          alice
  address        alice@source.example
  user           alice
  password       secret
  fetch          {protocol} localhost:{port}
  tls_trust_file {self.bench.certificate}
  keep           on
""")

    def serving(self, limit=50 << 20):
        """Accepts for alice on a port of its own, straight into her Maildir, and shows it by POP3S on another."""
        self.port, self.pop3s = free_port(), free_port()
        self.write_rc(f"""log none
size-limit {limit}
tls_certificate {self.bench.certificate} key {self.bench.key}
max-connections-per-address 200
listen smtp 127.0.0.1:{self.port}
  allow 127.0.0.0/8
  max-connections 200
listen pop3s 127.0.0.1:{self.pop3s}
  allow 127.0.0.0/8
""")
        self.process = self.bench.start(
            ordinary_user() + [self.bench.command("mhserve"), "-C", self.rc], (self.port, self.pop3s), self.folder + "/mhserve.log", self.env)

    def sending(self, port, connections=2, host="127.0.0.1", limit=50 << 20):
        """Takes mail from standard input for a smarthost on `port`."""
        self.write_rc(f"""log none
size-limit {limit}
account out
  owner   alice
  address alice@hub.example
  send    smtp {host}:{port}
  tls     off insecure
  auth    off
  connections {connections}
""")

    def stop(self):
        if self.process:
            self.bench.stop(self.process)
