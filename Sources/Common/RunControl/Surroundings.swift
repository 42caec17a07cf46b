// What the reader of an rc needs to know of the process and the machine; a test says it by hand.

import Glibc

/// The process that reads the rc.
public struct Surroundings: Sendable, Hashable {
    /// The home directory, for `~`; `nil` when neither HOME nor the password file knows one.
    public var home: String?
    public var effectiveUser: UInt32
    /// The login name that the user database has for the effective user.
    public var userName: String?
    public var configHome: String?
    public var stateHome: String?
    /// The path that MAILHUBRC names.
    public var named: String?
    public var systemPath = "/etc/mailhubrc"
    public var systemState = "/var/lib/mailhub"

    /// - Parameter environment: of which HOME, MAILHUBRC, XDG_CONFIG_HOME and XDG_STATE_HOME count; it may be empty.
    public init(environment: [String: String]) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func absolute(_ name: String) -> String? { value(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
        effectiveUser = geteuid()
        home = absolute("HOME") ?? Self.homeOfUser(effectiveUser)
        userName = Self.nameOfUser(effectiveUser)
        named = value("MAILHUBRC")
        // The XDG base directory specification: a path that is not absolute is to be ignored.
        configHome = absolute("XDG_CONFIG_HOME") ?? home.map { "\($0)/.config" }
        stateHome = absolute("XDG_STATE_HOME") ?? home.map { "\($0)/.local/state" }
    }

    /// The environment of this process.
    public static func environment(_ names: [String] = ["HOME", "MAILHUBRC", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
        -> [String: String]
    {
        var found: [String: String] = [:]
        for name in names {
            if let value = unsafe getenv(name) { found[name] = unsafe String(cString: value) }
        }
        return found
    }

    private static func homeOfUser(_ user: UInt32) -> String? {
        guard let entry = unsafe getpwuid(user), let home = unsafe entry.pointee.pw_dir else { return nil }
        let path = unsafe String(cString: home)
        return path.hasPrefix("/") ? path : nil
    }

    private static func nameOfUser(_ user: UInt32) -> String? {
        guard let entry = unsafe getpwuid(user), let name = unsafe entry.pointee.pw_name else { return nil }
        return unsafe String(cString: name)
    }
}
