// What `--check` asks of the files that words name.

import Glibc
import Reporting

/// What a run does with a file that a word of the rc names.
enum FileUse: Sendable, Hashable {
    /// Reads it. `what` is a name for it: `the country database`.
    case read(_ what: String)
    /// Appends to it.
    case append(_ what: String)
    /// Works in it: a directory of ours.
    case directory(_ what: String)
    /// Keeps mail in it: a Maildir of ours.
    case maildir
    /// Reads it in a room above, whose own check looks at more than the file: keys and certificates, passwords.
    case examinedAbove
}

extension FileUse {
    /// What would make a run fail at `path`; `nil` for nothing. Nothing is created.
    func fault(at path: String, block: String) -> String? {
        switch self {
        case .read(let what):
            guard unsafe access(path, R_OK) != 0 else { return nil }
            return "\(path): cannot read \(what): \(reason(errno))"
        case .append(let what):
            return PathCheck.appendFault(path).map { "\(path): cannot write \(what): \(reason($0))" }
        case .directory(let what):
            return PathCheck.directoryFault(path, isMailbox: false).map { "\(path) (\(what)): \($0)" }
        case .maildir:
            return PathCheck.directoryFault(path, isMailbox: true).map {
                "\(path) (the Maildir of mailbox \(block)): \($0)"
            }
        case .examinedAbove: return nil
        }
    }
}

extension BlockSettings {
    /// Looks at the files that the words of the block name.
    func examineFiles(_ findings: inout Findings, where concerns: (FileUse) -> Bool = { _ in true }) {
        for word in Self.words {
            guard let use = word.facts.file, concerns(use) else { continue }
            for path in word.files(self) {
                guard let fault = use.fault(at: path, block: name) else { continue }
                findings.fault(positions[word.facts.name] ?? headPlace, fault)
            }
        }
    }
}
