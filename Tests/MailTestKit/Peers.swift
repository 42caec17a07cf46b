// The real programs that the tests run against: where they are, and what happens when one is missing.

import Glibc

/// A third-party program, unpacked by scripts/peers or installed on the machine.
public enum PeerName: String, Sendable, CaseIterable, CustomStringConvertible {
    case dovecot, postfix, courier, cyrus, isync, opensmtpd, chasquid, spamassassin, gsasl, callers
    case curl, swaks, mpop, msmtp, strace, python3, openssl
    case systemdAnalyze = "systemd-analyze"

    public var description: String { rawValue }

    /// Whether it is unpacked into a folder of its own instead of installed.
    var isUnpacked: Bool {
        switch self {
        case .dovecot, .postfix, .courier, .cyrus, .isync, .opensmtpd, .chasquid, .spamassassin, .gsasl, .callers: true
        case .curl, .swaks, .mpop, .msmtp, .strace, .python3, .openssl, .systemdAnalyze: false
        }
    }
}

public enum Peers {
    /// Whether a test that needs `peer` is to run: the peer is there, or this is CI, where a missing peer is a failure
    /// (its ``root(of:)`` throws, and so does the test). For `.enabled(if: Peers.usable(.dovecot), "…")`.
    public static func usable(_ peer: PeerName) -> Bool { isInCI || (try? root(of: peer)) != nil }

    public static var runsAsRoot: Bool { getuid() == 0 }

    public static var isInCI: Bool { environment("CI").map { $0 != "false" && $0 != "" } ?? false }

    /// The root folder below which `peer` was unpacked; for an installed one the path of its program.
    /// - Throws: ``KitError`` when it is missing.
    public static func root(of peer: PeerName) throws(KitError) -> String {
        guard peer.isUnpacked else { return try program(peer.rawValue) }
        guard let folder = folder() else {
            throw KitError(
                "\(peer) is missing: run scripts/peers, or point MAILHUB_PEERS to the folder it filled")
        }
        let root = "\(folder)/\(peer)"
        guard unsafe access(root, R_OK | X_OK) == 0 else {
            throw KitError("\(root) is missing: run scripts/peers")
        }
        return root
    }

    /// The path of an installed program, looked up in PATH.
    /// - Throws: ``KitError`` when there is none.
    public static func program(_ name: String) throws(KitError) -> String {
        for folder in (environment("PATH") ?? "/usr/bin:/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            if unsafe access(path, X_OK) == 0 { return path }
        }
        throw KitError("\(name) is not installed: run scripts/test, which installs it")
    }

    /// The environment for a program unpacked below `root`: our PATH, and the libraries unpacked with it.
    /// - Parameters:
    ///   - libraries: further library folders below `root`.
    ///   - redirected: whether its compiled-in paths lead below `root` (scripts/peerpaths.c).
    /// - Throws: ``KitError`` when it is to be redirected and the folder of scripts/peers is missing.
    public static func environment(
        for root: String, libraries: [String] = [], redirected: Bool = false
    ) throws(KitError) -> [String: String] {
        var made = ["PATH": environment("PATH") ?? "/usr/bin:/bin", "LANG": "C"]
        made["LD_LIBRARY_PATH"] =
            (libraries + ["usr/lib", "lib"].flatMap { ["\($0)/x86_64-linux-gnu", "\($0)/aarch64-linux-gnu"] })
            .map { "\(root)/\($0)" }.joined(separator: ":")
        if redirected {
            guard let folder = folder() else { throw KitError("no folder of peers") }
            made["LD_PRELOAD"] = "\(folder)/lib/peerpaths.so"
            made["PEER_ROOT"] = root
        }
        return made
    }

    /// The folder that scripts/peers filled: MAILHUB_PEERS, else .build-peers in the project around this test program.
    public static func folder() -> String? {
        if let named = environment("MAILHUB_PEERS"), !named.isEmpty { return named }
        var directory = InstalledCommands.ownDirectory()
        while let slash = directory.lastIndex(of: "/") {
            let candidate = "\(directory)/.build-peers"
            if unsafe access(candidate, X_OK) == 0 { return candidate }
            directory = String(directory[..<slash])
        }
        return nil
    }

    /// Whether users other than root can enter every folder on the way to `path`.
    static func isOpenToAll(_ path: String) -> Bool {
        var directory = path
        while let slash = directory.lastIndex(of: "/") {
            var status = stat()
            guard unsafe stat(directory, &status) == 0, status.st_mode & 0o001 != 0 else { return false }
            directory = String(directory[..<slash])
        }
        return true
    }

    static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
