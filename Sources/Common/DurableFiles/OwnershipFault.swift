// Who owns a file or directory, and who else could write to it.

internal import CMHSys
import Glibc
import Reporting

/// A file or directory that is not ours alone, so that nothing in it can be relied on.
public enum OwnershipFault: Complaint, Hashable {
    case foreignOwner(path: String, owner: UInt32, own: UInt32)
    /// - Parameter chmod: what takes the right away, as `go-w`.
    case othersMayWrite(path: String, chmod: String)

    public var exitStatus: ExitStatus { .noPermission }

    public var description: String {
        switch self {
        case .foreignOwner(let path, _, _), .othersMayWrite(let path, _): "\(path): \(words)"
        }
    }

    /// What is wrong and what to do, without the path before it.
    public var words: String {
        switch self {
        case .foreignOwner(_, let owner, 0):
            "belongs to \(Self.named(owner)), and root works on no hub but its own; "
                + "say \"run-as \(UserName.of(owner) ?? "USER")\" in the rc, or run this as that user"
        case .foreignOwner(_, let owner, let own):
            "belongs to \(Self.named(owner)), and this runs as \(Self.named(own)); a hub has one user: "
                + "run this as its owner, or name a place of \(UserName.of(own) ?? "that user")'s own"
        case .othersMayWrite(let path, let chmod):
            "others may write there; run: chmod \(chmod) \(shellQuoted(path))"
        }
    }

    private static func named(_ user: UInt32) -> String {
        UserName.of(user).map { "the user \($0)" } ?? "the user with the number \(user)"
    }
}

extension File {
    /// What is wrong with a file that only the hub itself may write; `nil` when nothing is.
    /// - Parameters:
    ///   - rights: those that others must not have.
    ///   - chmod: what takes them away.
    public func ownershipFault(
        forbidding rights: UInt32 = 0o022, chmod: String = "go-w"
    ) throws(DurableError) -> OwnershipFault? {
        let status = try status()
        guard status.owner == geteuid() else {
            return .foreignOwner(path: path, owner: status.owner, own: geteuid())
        }
        return status.mode & rights == 0 ? nil : .othersMayWrite(path: path, chmod: chmod)
    }
}

extension Directory {
    /// What is wrong with a place where only the hub itself may write, such as the queue; `nil` when nothing is.
    public func ownershipFault() throws(DurableError) -> OwnershipFault? {
        try ownershipFault(forbidden: 0o022, chmod: "go-w")
    }

    /// What is wrong with a directory of ours in which others may write, where it is another's; `nil` when nothing is.
    public func foreignOwner() throws(DurableError) -> OwnershipFault? {
        try ownershipFault(forbidden: 0, chmod: "")
    }

    /// What is wrong with a mailbox, which a person may open to a group; `nil` when nothing is, and on a file system
    /// that makes up owners and modes.
    public func mailboxOwnershipFault() throws(DurableError) -> OwnershipFault? {
        guard let fault = try ownershipFault(forbidden: 0o002, chmod: "o-w"), try keepsModes() else { return nil }
        return fault
    }

    private func ownershipFault(forbidden: UInt32, chmod: String) throws(DurableError) -> OwnershipFault? {
        let status = try status()
        guard status.owner == geteuid() else {
            return .foreignOwner(path: path, owner: status.owner, own: geteuid())
        }
        return status.mode & forbidden == 0 ? nil : .othersMayWrite(path: path, chmod: chmod)
    }

    private func keepsModes() throws(DurableError) -> Bool {
        var found = statfs()
        guard unsafe fstatfs(descriptor, &found) == 0 else { throw failure("look at", nil) }
        return !Self.modelessMagics.contains(UInt32(truncatingIfNeeded: found.f_type))
    }

    /// statfs(2)'s `f_type` of vfat, exfat, ntfs, ntfs3, hfs, smb, cifs, smb2, vboxsf and vmhgfs: modes are those of
    /// the mount.
    private static let modelessMagics: Set<UInt32> = [
        0x4D44, 0x2011_BAB0, 0x5346_544E, 0x7366_746E, 0x4244, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x786F_4256,
        0xBACB_ACBC,
    ]
}
