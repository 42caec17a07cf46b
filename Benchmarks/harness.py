"""What all cases share: the file system to measure on, slow links, peers by turns, medians, ratios, and the table of results."""

import atexit
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)


class Missing(Exception):
    """A contestant cannot take part; the text says why."""


class Bench:
    """One run: options, scratch folder on a journaled ext4, compiled tools, and what is to be undone at the end."""

    def __init__(self, options):
        self.options = options
        self.peers_folder = os.environ.get("MAILHUB_PEERS") or os.path.join(PROJECT, ".build-peers")
        self.bin = options.bin or os.environ.get("MAILHUB_BIN") or os.path.join(PROJECT, ".build-release", "release")
        self.outer = tempfile.mkdtemp(prefix="mailhub-bench-")
        os.chmod(self.outer, 0o755)
        self.running = []
        atexit.register(self.finish)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.file_system, self.scratch = self._mount()
        self.load = self._compile("smtpload")
        self.bare = self._compile("bare", "-pthread")
        self.relay = self._compile("link")
        self.weigh = self._compile("weigh")
        self.deliver = self._compile("deliver")
        self.certificate = os.path.join(self.outer, "server.crt")
        self.key = os.path.join(self.outer, "server.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def _mount(self):
        image = os.path.join(self.outer, "ext4.image")
        point = os.path.join(self.outer, "disk")
        os.mkdir(point)
        with open(image, "wb") as file:
            file.truncate(self.options.image_gib << 30)
        try:
            subprocess.run(["mkfs.ext4", "-q", "-F", "-i", "4096", image], check=True, capture_output=True)
            subprocess.run(["mount", "-o", "loop,noatime", image, point], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", b"") or str(error).encode()
            print("no loop mount here (%s): measuring in %s, whose file system decides"
                  % (told.decode().strip(), self.outer), file=sys.stderr)
            self.mounted = None
            return "not a loop mount: " + self.outer, self.outer
        self.mounted = point
        os.chmod(point, 0o755)
        return "journaled ext4 on a loop image, %d GiB" % self.options.image_gib, point

    def _compile(self, name, *flags):
        target = os.path.join(self.outer, name)
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        subprocess.run([compiler, "-O2", *flags, "-o", target, os.path.join(HERE, "c", name + ".c")], check=True)
        return target

    def folder(self, name, mode=0o755):
        """A new folder on the measured file system."""
        path = tempfile.mkdtemp(prefix=name + "-", dir=self.scratch)
        os.chmod(path, mode)
        return path

    def command(self, name):
        """The path of one of our commands."""
        path = os.path.join(self.bin, name)
        if not os.access(path, os.X_OK):
            raise Missing("%s is not built" % path)
        return path

    def peer(self, name):
        """The root folder of an unpacked peer."""
        path = os.path.join(self.peers_folder, name)
        if not os.path.isdir(path):
            raise Missing("%s is missing: run scripts/peers" % path)
        return path

    def start(self, command, ports, log, env=None, within=()):
        """Starts a server in a group of its own and waits until it listens on `ports`.

        `within` stands before commands: how to get into the network namespace of a link."""
        command = [*within, *command]
        with open(log, "ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True)
        self.running.append(process)
        end = time.monotonic() + 20
        for port in ports:
            while True:
                try:
                    if within:
                        subprocess.run([*within, sys.executable, "-c", CONNECT, str(port)], check=True, capture_output=True)
                    else:
                        socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except (OSError, subprocess.CalledProcessError):
                    if process.poll() is not None or time.monotonic() > end:
                        with open(log, errors="replace") as told:
                            raise Missing("%s does not listen: %s" % (command[0], told.read()[-2000:])) from None
                    time.sleep(0.01)
        return process

    def stop(self, process):
        if process in self.running:
            self.running.remove(process)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def finish(self):
        for process in list(self.running):
            self.stop(process)
        if self.mounted:
            if subprocess.run(["umount", self.mounted], check=False).returncode != 0:
                subprocess.run(["umount", "--lazy", self.mounted], check=False)
            self.mounted = None
        shutil.rmtree(self.outer, ignore_errors=True)


CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1).close()"


class Link:
    """A slow line between two network namespaces, made by c/link.c: clients run behind `near`, servers behind `far`.

    There `localhost` is the server's end, so that certificates and rc files are those of the other cases."""

    ADDRESS = "10.77.0.2"

    def __init__(self, bench, turn, mbit, loss=0):
        """`turn`: milliseconds there and back; `mbit`: megabits a second, each way."""
        if os.getuid() != 0:
            raise Missing("a link needs root")
        self.turn, self.mbit, self.bench = turn, mbit, bench
        self.names = ["mailhub-%s-%d" % (end, os.getpid()) for end in ("near", "far")]
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        files = ["/run/netns/" + name for name in self.names]
        self.relay = subprocess.Popen(
            [bench.relay, *files, str(turn / 2), str(mbit), str(loss)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.relay.stdout.readline() != b"ready\n":
            raise Missing("no link here")
        hosts = os.path.join(bench.outer, "hosts")
        with open(hosts, "w") as file:
            file.write(self.ADDRESS + " localhost\n")
        aside = ["unshare", "-m", "sh", "-c", "mount --bind %s /etc/hosts && exec \"$@\"" % hosts, "sh"]
        self.near = ["nsenter", "--net=" + files[0], *aside]
        self.far = ["nsenter", "--net=" + files[1]]

    def seconds(self, octets):
        """How long the line itself takes for so much."""
        return octets * 8 / (self.mbit * 1e6)

    def __str__(self):
        return "a line of %g ms and %g Mbit/s" % (self.turn, self.mbit)

    def close(self):
        self.relay.stdin.close()
        self.relay.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def timed(command, env=None, stdin=b"", cwd=None):
    """Runs `command`: seconds of wall clock and of processor time, children included. Its failure is Missing."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as told:
        source.write(stdin)
        source.seek(0)
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=told, stderr=told, env=env, cwd=cwd)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            told.seek(0)
            text = told.read()[-2000:].decode(errors="replace")
            raise Missing("%s: exit %d: %s" % (" ".join(command), process.returncode, text))
    return took, used.ru_utime + used.ru_stime


def by_turns(contestants, rounds):
    """Measures every contestant once a round. `contestants`: (name, function that returns a tuple of figures).

    Returns {name: tuple of medians} and {name: why it did not take part}."""
    figures, absent = {}, {}
    for number in range(rounds):
        for name, measure in contestants:
            if name in absent:
                continue
            try:
                figures.setdefault(name, []).append(measure())
                print("  round %d  %-14s %s" % (
                    number + 1, name, "  ".join("%.4g" % value for value in figures[name][-1])), flush=True)
            except Missing as error:
                absent[name] = str(error)
                figures.pop(name, None)
                print("  %-14s left out: %s" % (name, error), flush=True)
            os.sync()
    return {name: tuple(statistics.median(column) for column in zip(*rows)) for name, rows in figures.items()}, absent


def table(title, columns, medians, absent, ratio_of=0, larger_is_better=True):
    """Markdown with the medians, and the first figure of ours against each other's."""
    lines = ["### " + title, "", "| | " + " | ".join(columns) + " | ours is better by |",
             "|---|" + "---|" * (len(columns) + 1)]
    ours = medians.get("mailhub")
    for name, row in medians.items():
        ratio = ""
        if ours and name != "mailhub":
            pair = (ours[ratio_of], row[ratio_of])
            ratio = "%.2f" % (pair[0] / pair[1] if larger_is_better else pair[1] / pair[0])
        lines.append("| %s | %s | %s |" % (name, " | ".join("%.4g" % value for value in row), ratio))
    for name, why in absent.items():
        lines.append("| %s | %s |" % (name, "left out: " + " ".join(why.split())[:160]))
    return "\n".join(lines) + "\n"


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // 1048576
    with open("/etc/os-release") as info:
        system = next(line.split("=")[1].strip().strip('"') for line in info if line.startswith("PRETTY_NAME"))
    return "%s, %d cores, %d GiB, %s, Linux %s" % (model, os.cpu_count(), memory, system, platform.release())
