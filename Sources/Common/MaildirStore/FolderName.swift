// Names of Maildir++ folders: whatever a remote server or the rc calls a folder becomes one safe directory name.

import Octets

/// A folder below the inbox, such as `Lists/Swift`, kept on disk as `.Lists.Swift`.
///
/// Letters outside ASCII, and the dots within a part, stand in the modified UTF-7 of IMAP (RFC 3501 §5.1.3), as
/// Dovecot writes them. No name can leave the Maildir or hide in it.
public struct FolderName: Sendable, Hashable, CustomStringConvertible {
    /// The parts from the top down; never empty.
    public let parts: [String]
    /// The name of its directory: a dot, then the parts with dots between them.
    public let directoryName: String

    /// The longest directory name: NAME_MAX of the common file systems.
    static let limit = 255
    static let depthLimit = 16

    /// - Parameter parts: from the top down; a single `INBOX` is no folder but the Maildir itself, see ``named(_:)``.
    public init(parts: [String]) throws(MaildirError) {
        let shown = parts.joined(separator: "/")
        guard !parts.isEmpty, parts.count <= Self.depthLimit else {
            throw .badFolderName(name: shown, reason: "it has no part, or more than \(Self.depthLimit)")
        }
        var name: [UInt8] = []
        for part in parts {
            guard !part.isEmpty else { throw .badFolderName(name: shown, reason: "a part of it is empty") }
            guard Self.isPrintable(part) else {
                throw .badFolderName(name: shown, reason: "it holds a control character")
            }
            guard !part.utf8.contains(0x2F) else { throw .badFolderName(name: shown, reason: "a part holds a \"/\"") }
            name.append(Octet.dot)
            name += ModifiedUTF7.encode(part, shifting: Octet.dot)
            guard name.count <= Self.limit else { throw .badFolderName(name: shown, reason: "it is too long") }
        }
        self.parts = parts
        directoryName = String(decoding: name, as: UTF8.self)
    }

    /// The folder that the rc writes as `path`, its parts set apart by `/`; `nil` for `INBOX`, the Maildir itself.
    public static func named(_ path: String) throws(MaildirError) -> FolderName? {
        if path.utf8.equalsIgnoringCase("INBOX") { return nil }
        return try FolderName(parts: path.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    /// The folder kept in the directory `name`; `nil` when that is no folder's name. A part that is no modified
    /// UTF-7 is taken as it stands.
    public init?(directoryName name: String) {
        guard name.utf8.first == Octet.dot, name.utf8.count > 1, name.utf8.count <= Self.limit else { return nil }
        let pieces = name.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        guard pieces.allSatisfy({ !$0.isEmpty }), !name.utf8.contains(0x2F) else { return nil }
        parts = pieces.map { Self.part(Array($0.utf8)) ?? String($0) }
        directoryName = name
    }

    private static func part(_ octets: [UInt8]) -> String? {
        guard let part = ModifiedUTF7.decode(octets, shifting: Octet.dot), isPrintable(part) else { return nil }
        return part
    }

    private static func isPrintable(_ part: String) -> Bool {
        part.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    }

    public var description: String { parts.joined(separator: "/") }
}
