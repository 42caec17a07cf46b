// The names of Unix users, for messages and for the commands that root is asked to type.

import Glibc
import Reporting

/// The login names of Unix users.
public enum UserName {
    /// The login name of `user`; `nil` where the system knows none.
    public static func of(_ user: UInt32) -> String? {
        guard let entry = unsafe getpwuid(user), let name = unsafe entry.pointee.pw_name else { return nil }
        return unsafe String(cString: name)
    }

    /// As chown(8) takes it.
    private static func word(for user: UInt32) -> String { of(user) ?? "\(user)" }

    /// What root types to make the directory `path` for the user that this runs as.
    public static func makingCommand(_ path: String, mode: UInt32 = 0o700) -> String {
        let group = unsafe getgrgid(getegid()).flatMap { unsafe $0.pointee.gr_name }.map { unsafe String(cString: $0) }
        return "install -d -o \(word(for: geteuid())) -g \(group ?? "\(getegid())") -m \(String(mode, radix: 8)) "
            + shellQuoted(path)
    }

    /// What root types to give `path` to the user that this runs as.
    public static func givingCommand(_ path: String) -> String {
        "chown \(word(for: geteuid())) \(shellQuoted(path))"
    }
}
