// The folders that are fetched from: what the patterns of the rc stand for at a server.

import AccountSessions
import RunControl

/// A folder to fetch from.
struct ChosenFolder: Hashable {
    /// With the name that it has at the server.
    let settings: FolderSettings
    /// The hierarchy delimiter of its name: `.some(nil)` for a flat name, `nil` where it was not asked for.
    let delimiter: UInt8??
}

extension FolderNames.Folder {
    /// Whether a server may take `name` for this folder: some ignore case, or a delimiter at the end.
    fileprivate func isSame(as name: String?) -> Bool {
        guard var other = name?.lowercased() else { return false }
        while let delimiter, other.utf8.last == delimiter { other.removeLast() }
        return other == self.name.lowercased()
    }
}

extension FolderNames {
    /// Whether any folder of the server matches the line.
    func hasMatch(of line: FolderSettings) -> Bool {
        let pattern = FolderPattern(line.remote)
        return folders.contains { pattern.matches($0.name, delimiter: $0.delimiter) }
    }

    /// The folders that the lines of the rc stand for, in their order, each once.
    ///
    /// A pattern stands for no view of other folders' mail (RFC 6154 `\All`, `\Flagged`; `\Important`): each letter is
    /// fetched once; and not for where fetched mail is moved to: it would be fetched again for ever.
    /// - Parameter target: where fetched mail is moved to.
    func chosen(by lines: [FolderSettings], but target: String?) -> [ChosenFolder] {
        let excluded = lines.filter(\.isExcluded)
        var chosen: [ChosenFolder] = []
        var seen = Set(lines.filter { !$0.isPattern && !$0.isExcluded }.map(\.remote))
        for line in lines where !line.isExcluded {
            guard line.isPattern else {
                chosen.append(ChosenFolder(settings: line, delimiter: delimiter(of: line.remote)))
                continue
            }
            let pattern = FolderPattern(line.remote)
            for folder in folders
            where !folder.isView && !folder.isSame(as: target) && !seen.contains(folder.name) {
                let delimiter = folder.delimiter
                guard pattern.matches(folder.name, delimiter: delimiter),
                    !excluded.contains(where: { FolderPattern($0.remote).matches(folder.name, delimiter: delimiter) })
                else { continue }
                seen.insert(folder.name)
                let local = line.local.map { local in
                    let part = pattern.wildPart(of: folder.name)
                    let levels = Self.parts(of: part, delimiter: delimiter).joined(separator: "/")
                    return local.replacing("*", with: levels)
                }
                chosen.append(
                    ChosenFolder(
                        settings: FolderSettings(remote: folder.name, local: local), delimiter: .some(delimiter)))
            }
        }
        return chosen
    }
}

extension IMAPSession {
    /// The folders that the rc stands for: the server is asked where it has patterns. Also how many have a name that an
    /// rc cannot express, and the patterns and exclusions that no folder matches.
    func chosenFolders(
        of account: AccountSettings
    ) throws -> (folders: [ChosenFolder], inexpressible: Int, idle: [String]) {
        let lines = account.folders
        guard lines.contains(where: \.isPattern) else {
            return (lines.map { ChosenFolder(settings: $0, delimiter: nil) }, 0, [])
        }
        let names = FolderNames(try list("*"))
        let target = account.moveTarget.map { FolderSettings(remote: $0, local: nil).remote }
        let idle = lines.filter { ($0.isPattern || $0.isExcluded) && !names.hasMatch(of: $0) }
        return (
            names.chosen(by: lines, but: target), names.inexpressible,
            idle.map { ($0.isExcluded ? "!" : "") + $0.remote }
        )
    }
}
