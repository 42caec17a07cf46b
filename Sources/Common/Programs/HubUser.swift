// Who a command runs as: one hub is one Unix user, and a command that root starts becomes that user first.

import Glibc
import Reporting

/// The hub's Unix user.
public enum HubUser {
    /// Becomes `name` for good, with its groups and its HOME.
    /// - Throws: ``HubUserError`` when there is no such user, when it is root, or when we may not change.
    public static func become(_ name: String) throws(HubUserError) {
        let (user, group, home) = try find(name)
        guard geteuid() != user else { return }
        // Groups before the user: afterwards there is no right left to change them.
        guard unsafe initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
            throw .cannotBecome(name, code: errno)
        }
        guard setuid(0) != 0 else { throw .cannotBecome(name, code: EPERM) }
        _ = unsafe setenv("HOME", home, 1)
        _ = unsafe setenv("USER", name, 1)
        _ = unsafe setenv("LOGNAME", name, 1)
    }

    /// Finds `name`, as whom a hub may run.
    /// - Throws: ``HubUserError`` when there is no such user, and when it is root.
    @discardableResult
    public static func find(_ name: String) throws(HubUserError) -> (user: uid_t, group: gid_t, home: String) {
        guard let entry = unsafe getpwnam(name) else { throw .unknown(name) }
        let (user, group) = unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
        guard user != 0 else { throw .isRoot(name) }
        return (user, group, unsafe String(cString: entry.pointee.pw_dir))
    }
}

/// Why a command cannot be the hub's user.
public enum HubUserError: Complaint {
    case unknown(String)
    case isRoot(String)
    case cannotBecome(String, code: Int32)
    /// mhserve faces the network, and never serves as root.
    case rootServes

    public var exitStatus: ExitStatus {
        switch self {
        case .unknown: .noUser
        case .isRoot: .configuration
        case .cannotBecome, .rootServes: .noPermission
        }
    }

    public var description: String {
        switch self {
        case .unknown(let name): "run-as \(name): there is no such user; create it, or name another in the rc"
        case .isRoot(let name): "run-as \(name): that is root, and the hub never runs as root; name an ordinary user"
        case .cannotBecome(let name, let code):
            "cannot become the user \(name): \(reason(code)); start as root or as \(name)"
        case .rootServes:
            "never serves as root; write \"run-as USER\" in the rc, with the user whose hub it is"
        }
    }
}
