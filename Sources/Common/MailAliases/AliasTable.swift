// The aliases files of a domain, asked in their order.

import MailFormat
import MailRouting

/// What the files say of an address.
public enum AliasFinding: Sendable, Hashable {
    case entry(AliasEntry, file: String)
    /// A file that might name it cannot be read.
    case unreadable(AliasFileFault)
}

/// Why a file of aliases, or one that it includes, cannot be read, or is not to be believed.
public struct AliasFileFault: Error, Sendable, Hashable, CustomStringConvertible {
    public let path: String
    public let words: String

    public init(path: String, words: String) { (self.path, self.words) = (path, words) }

    public var description: String { "\(path): \(words)" }
}

/// Aliases files, the first that names an address before the others.
public struct AliasTable: Sendable, Hashable {
    public let files: [Result<AliasFile, AliasFileFault>]

    public init(_ files: [Result<AliasFile, AliasFileFault>]) { self.files = files }

    /// What is said of `address`, which has a domain, by aliases of this rank. A file that cannot be read might say
    /// something of anybody.
    public func find(_ address: Address, _ rank: AliasRank) -> AliasFinding? {
        var fault: AliasFileFault?
        for file in files {
            switch file {
            case .success(let file):
                if let entry = file.entry(for: address, rank) { return .entry(entry, file: file.path) }
            case .failure(let found): fault = fault ?? found
            }
        }
        return fault.map { .unreadable($0) }
    }
}
