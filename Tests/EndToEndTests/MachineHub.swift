// The hub of a machine with several users, in mount namespaces of its own.

import Glibc
import MailTestKit

/// `/etc/mailhubrc`, `/var/lib/mailhub` and the users `hub` (whose hub it is), `alice` and `mallory`, seen by the commands that
/// a test runs and by nobody else.
final class MachineHub: Sendable {
    let scratch: ScratchDirectory
    static let users: [String: UInt32] = ["hub": 64_001, "alice": 64_002, "mallory": 64_003]
    var state: String { scratch.file("lib/mailhub") }
    var drop: String { "\(state)/drop" }

    /// - Parameters:
    ///   - lines: more lines of the rc, before its blocks.
    ///   - mode: of the rc.
    ///   - inMemory: see ``ScratchDirectory/init(inMemory:)``.
    init(
        _ lines: [String] = [], blocks: [String] = [], mode: mode_t = 0o640, inMemory: Bool = false
    ) throws {
        scratch = ScratchDirectory(inMemory: inMemory)
        for folder in ["etc", "lib", "home"] { scratch.makeFolder(folder, mode: 0o755) }
        scratch.makeFolder("lib/mailhub")
        for (name, uid) in Self.users {
            scratch.makeFolder("home/\(name)")
            guard unsafe chown(scratch.file("home/\(name)"), uid, uid) == 0 else { throw KitError("chown: \(errno)") }
        }
        _ = unsafe chown(state, 64_001, 64_001)
        let passwd = Self.users.map { name, uid in
            "\(name):x:\(uid):\(uid):\(name == "alice" ? "Alice Liddell" : ""),,,:/mnt/home/\(name):/bin/sh"
        }
        scratch.write(
            "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/bin/false\n" + passwd.joined(separator: "\n")
                + "\n", to: "etc/passwd", mode: 0o644)
        scratch.write(
            "root:x:0:\ndaemon:x:1:\n" + Self.users.map { "\($0):x:\($1):\n" }.joined(), to: "etc/group", mode: 0o644)
        scratch.write("passwd: files\ngroup: files\nhosts: files\n", to: "etc/nsswitch.conf", mode: 0o644)
        scratch.write("127.0.0.1 localhost\n", to: "etc/hosts", mode: 0o644)
        let rc = scratch.write(
            ([
                "hostname hub.example", "run-as hub", "free-space 1M", "qualify home.example",
            ] + lines + [
                "mailbox postmaster", "mailbox bob", "    address bob@home.example", "mailbox alice",
                "    address alice@home.example", "    unix-user alice",
            ] + blocks).joined(separator: "\n") + "\n", to: "etc/mailhubrc")
        _ = unsafe (chown(rc, 0, 64_001), chmod(rc, mode))
    }

    /// The words that run `command` as `user`, where the files of this hub are the machine's.
    /// - Parameters:
    ///   - environment: of the command alone.
    ///   - wrapper: words before it, as of a tracer.
    func words(
        as user: String, _ command: [String], with environment: [String: String] = [:], through wrapper: [String] = []
    ) throws -> [String] {
        let program = try InstalledCommands.path(command[0])
        let folder = program.split(separator: "/").dropLast().joined(separator: "/")
        let script = #"""
            mount --bind "$1/etc" /etc && mount --bind "$1/lib" /var/lib && mount -t tmpfs none /mnt &&
            mkdir /mnt/bin /mnt/home && mount --bind "$2" /mnt/bin && mount --bind "$1/home" /mnt/home || exit 99
            user=$3; shift 3
            [ "$user" = 0 ] && exec env "$@"
            exec setpriv --reuid="$user" --regid="$user" --clear-groups -- env "$@"
            """#
        return ["unshare", "-m", "sh", "-c", script, "sh", scratch.path, "/\(folder)", "\(Self.users[user] ?? 0)"]
            + environment.map { "\($0)=\($1)" } + wrapper + ["/mnt/bin/\(command[0])"] + command.dropFirst()
    }

    @discardableResult
    func run(
        as user: String, _ command: [String], input: String = "", with environment: [String: String] = [:],
        through wrapper: [String] = [], deadline: Duration = .seconds(30)
    ) throws -> CommandResult {
        try runProgram(
            try words(as: user, command, with: environment, through: wrapper), input: Array(input.utf8),
            environment: [
                "HOME": user == "root" ? "/root" : "/mnt/home/\(user)",
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWIFT_BACKTRACE": "enable=no",
            ], deadline: deadline)
    }

    /// Runs `script` by sh as `user`, on a machine that has `peer` installed, from `$PEER`, and this hub's `sendmail`.
    @discardableResult
    func run(_ script: String, as user: String, with peer: PeerName, deadline: Duration = .seconds(60)) throws
        -> CommandResult
    {
        let mounts = #"""
            over() { mount -t overlay overlay -o "lowerdir=$1:$peer$2:$2" "$2" || exit 99; }
            peer=$5
            over "$1/etc" /etc; mkdir -p "$1/usr/sbin" && ln -sf /mnt/bin/mhsend "$1/usr/sbin/sendmail" || exit 99
            over "$1/usr" /usr
            mount --bind "$1/lib" /var/lib && mount -t tmpfs none /var/spool && mount -t tmpfs none /run &&
            mount -t tmpfs none /mnt && mkdir /mnt/bin /mnt/home && mount --bind "$2" /mnt/bin &&
            mount --bind "$1/home" /mnt/home || exit 99
            [ "$3" = 0 ] && exec sh -c "$4"
            exec setpriv --reuid="$3" --regid="$3" --clear-groups -- sh -c "$4"
            """#
        let home = user == "root" ? "/root" : "/mnt/home/\(user)"
        return try runProgram(
            [
                "unshare", "-m", "sh", "-c", mounts, "sh", scratch.path, try InstalledCommands.directory(),
                "\(Self.users[user] ?? 0)", script, try Peers.root(of: peer),
            ],
            environment: [
                "HOME": home, "USER": user, "LOGNAME": user, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC",
                "SWIFT_BACKTRACE": "enable=no", "PEER": try Peers.root(of: peer),
            ], deadline: deadline)
    }

    /// Runs `script` as root of the machine.
    func asRoot(_ script: String) throws {
        let result = try run(script, as: "root", with: .callers)
        guard result.status == 0 else { throw KitError("\(script): \(result)") }
    }

    /// Hands a message in; nothing is carried by itself.
    @discardableResult
    func send(as user: String, _ arguments: [String], _ text: String = "Subject: x\n\nx\n") throws -> CommandResult {
        try run(as: user, ["mhsend", "-i", "-odq"] + arguments, input: text)
    }

    /// Runs the queue once, as the machine's timer does.
    @discardableResult
    func carry(deadline: Duration = .seconds(30)) throws -> CommandResult {
        try run(as: "hub", ["mhsend", "-q"], deadline: deadline)
    }

    /// The files in the drop directory, without those that begin with a dot.
    var dropped: [String] { ScratchDirectory.names(in: drop).filter { !$0.hasPrefix(".") } }

    /// The messages in a mailbox.
    func mail(of mailbox: String) -> [String] {
        ScratchDirectory.names(in: "\(state)/mail/\(mailbox)/new").sorted().map {
            String(decoding: ScratchDirectory.read("\(state)/mail/\(mailbox)/new/\($0)") ?? [], as: UTF8.self)
        }
    }

    /// Makes the drop directory, as a run of the queue does.
    func open() throws {
        let result = try carry()
        guard result.status == 0 else { throw KitError("no run of the queue: \(result)") }
    }

    /// Makes a file in the drop directory that belongs to `user`.
    @discardableResult
    func put(_ octets: String, as name: String, of user: String, mode: mode_t = 0o640) throws -> String {
        let path = scratch.write(octets, to: "lib/mailhub/drop/\(name)")
        guard unsafe chown(path, Self.users[user] ?? 0, 64_001) == 0, unsafe chmod(path, mode) == 0 else {
            throw KitError("chown \(path): \(errno)")
        }
        return path
    }
}
