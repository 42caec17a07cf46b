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
        AliasFile.included(try settling.trusted(path, atMost: Self.sizeLimit).octets)
    }

    /// `members`, with what files lead to in the place of each that includes one; one that cannot be read stays.
    func unfolded(_ members: [AliasMember], within stack: [String] = []) -> [AliasMember] {
        members.flatMap { member -> [AliasMember] in
            guard case .success(.include(let path)) = member.target else { return [member] }
            guard !stack.contains(path), stack.count < Self.depthLimit else { return [] }  // a circle adds nobody
            do throws(AliasFileFault) {
                return unfolded(try self.members(of: path), within: stack + [path])
            } catch {
                return [member]
            }
        }
    }
}
