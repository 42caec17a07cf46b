// The file in which a Unix user says where his mail goes.

import Glibc
import MailAliases
import Reporting
import RunControl

/// `~/.forward` of the Unix user of a mailbox. It holds addresses and nothing else: what it says is done with the hub's
/// rights, not with his.
struct ForwardFile: Sendable, Hashable {
    /// Octets of such a file.
    static let sizeLimit = 65_536

    let home: String
    let user: UInt32
    var path: String { "\(home)/.forward" }

    /// - Returns: `nil` where the machine has no such user.
    init?(ofUser name: String) {
        guard let entry = unsafe getpwnam(name), let home = unsafe entry.pointee.pw_dir else { return nil }
        self.home = unsafe String(cString: home)
        user = unsafe entry.pointee.pw_uid
    }

    init(home: String, user: UInt32) { (self.home, self.user) = (home, user) }

    /// Whether there is one, or may be. A home that we cannot look into has none.
    var mayExist: Bool { obstacle.map { ![ENOENT, ENOTDIR, EACCES].contains($0) } ?? true }

    /// Whether his home cannot be looked into.
    var isHidden: Bool { obstacle == EACCES }

    /// Why it is not seen, as `errno` has it; `nil` where it is there.
    private var obstacle: Int32? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? nil : errno
    }

    /// What it says; `nil` where there is none.
    /// - Throws: ``AliasFileFault`` where it is not to be believed, or a line cannot be read.
    func members(_ settling: Settling = Settling()) throws(AliasFileFault) -> [AliasMember]? {
        guard mayExist else { return nil }
        // Not waited for: who edits his file without end would hold up the aliases of all.
        let file = try settling.read(waiting: false) { () throws(AliasFileFault) in
            do throws(RunControlError) {
                return try SourceFile.open(path, atMost: Self.sizeLimit, following: false)
            } catch {
                throw fault("\(TrustedFileError(error))")
            }
        }
        guard file.owner == user else {
            throw fault("belongs to another user (uid \(file.owner)), and is not followed")
        }
        guard file.mode & 0o022 == 0 else { throw fault("others may change it; run: chmod go-w \(path)") }
        guard file.octets.count <= Self.sizeLimit else { throw fault("is larger than \(Self.sizeLimit) octets") }
        let members = AliasFile.included(file.octets, path: path)
        for member in members {
            switch member.target {
            case .success(.address(_, isFinal: _, via: [])): continue
            case .success: throw fault("\(AliasError.notAnAddress(member.text))", at: member.line)
            case .failure(let error): throw fault("\(error)", at: member.line)
            }
        }
        return members
    }

    private func fault(_ words: String, at line: Int? = nil) -> AliasFileFault {
        AliasFileFault(path: line.map { "\(path):\($0)" } ?? path, words: words)
    }
}
