// Files of targets that aliases include.

import MailAliases

/// Reads what `:include:/path` leads to.
struct Includes: Sendable {
    /// Octets of one.
    static let sizeLimit = 1 << 20
    /// How deep they include one another.
    static let depthLimit = 20

    let settling: Settling

    /// The targets in the file at `path`.
    /// - Throws: ``AliasFileFault`` where it cannot be read, or is not to be believed.
    func members(of path: String) throws(AliasFileFault) -> [AliasMember] {
        AliasFile.included(try settling.trusted(path, atMost: Self.sizeLimit).octets, path: path)
    }

    /// `members`, with what files lead to in the place of each that includes one; one that cannot be read stays. A file that
    /// was read already adds nobody: so circles end, and lists that include one another cost no more than their lines.
    func unfolded(_ members: [AliasMember], without read: Set<String> = []) -> [AliasMember] {
        var read = read
        var unfolded: [AliasMember] = []
        func add(_ members: [AliasMember], _ depth: Int) {
            for member in members {
                guard case .success(.include(let path)) = member.target else {
                    unfolded.append(member)
                    continue
                }
                guard depth < Self.depthLimit else {
                    // A recipient of its own for now: it is read when it is looked at.
                    unfolded.append(member)
                    continue
                }
                guard read.insert(path).inserted else { continue }
                do throws(AliasFileFault) { add(try self.members(of: path), depth + 1) } catch {
                    unfolded.append(member)
                }
            }
        }
        add(members, 0)
        return unfolded
    }
}
