// What the reader of an rc needs to know of the process and the machine; tests set it by hand.

import DurableFiles
import Glibc

/// The process that reads the rc.
public struct ProcessContext: Sendable, Hashable {
    /// The home directory, for `~`; `nil` when neither HOME nor the user database has one.
    public var home: String?
    /// The effective user id.
    public var effectiveUser: UInt32
    /// The login name that the user database has for the effective user.
    public var userName: String?
    /// XDG_CONFIG_HOME, else `~/.config`.
    public var configHome: String?
    /// XDG_STATE_HOME, else `~/.local/state`.
    public var stateHome: String?
    /// The path that MAILHUBRC names.
    public var named: String?
    public var systemPath = "/etc/mailhubrc"
    public var systemState = "/var/lib/mailhub"

    /// The context of this process in `environment`.
    ///
    /// HOME and XDG_… are ignored where they lead to what another user owns: some crons and `su` hand on root's.
    /// - Parameter environment: of which HOME, MAILHUBRC, XDG_CONFIG_HOME and XDG_STATE_HOME count; it may be empty.
    public init(environment: [String: String]) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let user = geteuid()
        // The XDG base directory specification: a path that is not absolute is to be ignored.
        func own(_ name: String) -> String? {
            value(name).flatMap { $0.hasPrefix("/") && Self.isPlace($0, of: user) ? $0 : nil }
        }
        effectiveUser = user
        userName = UserName.of(user)
        named = value("MAILHUBRC")
        home = own("HOME")
        if home == nil, let entry = unsafe getpwuid(user) { home = unsafe Self.home(in: entry) }
        configHome = own("XDG_CONFIG_HOME") ?? home.map { "\($0)/.config" }
        stateHome = own("XDG_STATE_HOME") ?? home.map { "\($0)/.local/state" }
    }

    /// The context of the hub's user, where root reads an rc that names one: `~` is that user's home then, as it will
    /// be when that user reads the rc.
    func ofHubUser(in lines: [RunControlLine]) -> ProcessContext {
        guard effectiveUser == 0, let line = lines.first(where: { !$0.isIndented && $0.keyword.key == "run-as" }),
            let name = line.arguments.first?.text, let entry = unsafe getpwnam(name)
        else { return self }
        var theirs = self
        theirs.home = unsafe Self.home(in: entry)
        theirs.configHome = theirs.home.map { "\($0)/.config" }
        theirs.stateHome = theirs.home.map { "\($0)/.local/state" }
        return theirs
    }

    /// Whether `path`, or the nearest directory above that exists, belongs to `user`.
    private static func isPlace(_ path: String, of user: UInt32) -> Bool {
        var path = path
        while true {
            var status = stat()
            if unsafe stat(path, &status) == 0 { return status.st_uid == user }
            guard errno == ENOENT, let slash = path.lastIndex(of: "/"), path != "/" else { return false }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    /// The variables `names` of the environment of this process, those that are set.
    public static func environment(_ names: [String] = ["HOME", "MAILHUBRC", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
        -> [String: String]
    {
        var found: [String: String] = [:]
        for name in names {
            if let value = unsafe getenv(name) { found[name] = unsafe String(cString: value) }
        }
        return found
    }

    private static func home(in entry: UnsafeMutablePointer<passwd>) -> String? {
        guard let home = unsafe entry.pointee.pw_dir else { return nil }
        let path = unsafe String(cString: home)
        return path.hasPrefix("/") ? path : nil
    }
}
