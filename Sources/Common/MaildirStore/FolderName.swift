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
            guard part.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
                throw .badFolderName(name: shown, reason: "it holds a control character")
            }
            guard !part.utf8.contains(0x2F) else { throw .badFolderName(name: shown, reason: "a part holds a \"/\"") }
            name.append(Octet.dot)
            name += ModifiedUTF7.encode(part)
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
        parts = pieces.map { ModifiedUTF7.decode(Array($0.utf8)) ?? String($0) }
        directoryName = name
    }

    public var description: String { parts.joined(separator: "/") }
}

/// Modified UTF-7: printable ASCII stands for itself, `&` is `&-`, all else is UTF-16 in base64 with `,` for `/`.
enum ModifiedUTF7 {
    static func encode(_ text: String) -> [UInt8] {
        var octets: [UInt8] = []
        var units: [UInt8] = []
        func flush() {
            guard !units.isEmpty else { return }
            octets.append(0x26)
            octets += Base64.encode(units).prefix { $0 != 0x3D }.map { $0 == 0x2F ? 0x2C : $0 }
            octets.append(0x2D)
            units = []
        }
        for scalar in text.unicodeScalars {
            // The dot parts the folders of Maildir++, so it goes the way of the letters outside ASCII.
            if (0x20...0x7E).contains(scalar.value), scalar != "." {
                flush()
                octets.append(UInt8(truncatingIfNeeded: scalar.value))
                if scalar == "&" { octets.append(0x2D) }
            } else {
                for unit in UTF16.encode(scalar) ?? .init() {
                    units += [UInt8(truncatingIfNeeded: unit >> 8), UInt8(truncatingIfNeeded: unit)]
                }
            }
        }
        flush()
        return octets
    }

    /// What `octets` say; `nil` when they are no modified UTF-7, or say a control character or a `/`.
    static func decode(_ octets: [UInt8]) -> String? {
        var text = ""
        var at = 0
        while at < octets.count {
            let octet = octets[at]
            at += 1
            guard octet == 0x26 else {
                guard (0x20...0x7E).contains(octet) else { return nil }
                text.unicodeScalars.append(Unicode.Scalar(octet))
                continue
            }
            guard let end = octets.firstIndex(of: 0x2D, in: at..<octets.count) else { return nil }
            if end == at {
                text += "&"
            } else {
                var base64 = octets[at..<end].map { $0 == 0x2C ? 0x2F : $0 }
                base64 += [UInt8](repeating: 0x3D, count: (4 - base64.count % 4) % 4)
                guard let bytes = Base64.decode(base64), bytes.count % 2 == 0 else { return nil }
                let units = stride(from: 0, to: bytes.count, by: 2).map {
                    UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
                }
                guard let piece = String(validating: units, as: UTF16.self) else { return nil }
                text += piece
            }
            at = end + 1
        }
        return text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "/" && $0.value != 0x7F } ? text : nil
    }
}
