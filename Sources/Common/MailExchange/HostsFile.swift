// The hosts that this machine itself names: hosts(5).

import Glibc
import InternetAddress
import Reporting

/// A file of addresses and their names, `/etc/hosts` as a rule. It is looked at anew for each name, as it may be long and
/// may change.
public struct HostsFile: Sendable {
    private let path: String

    public init(_ path: String = "/etc/hosts") { self.path = path }

    /// Names in one file may be as many as a list of what is to be blocked has; a line is never long.
    private static let lineLimit = 65_536

    /// The addresses that stand beside `name`, in their order; `nil` when it is not named there. None at all where the file
    /// names it to block it, as with 0.0.0.0.
    public func addresses(of name: String) -> [IPAddress]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let wanted = Array(name.lowercased().utf8)
        var found: [IPAddress]?
        var lines = InputLines(of: descriptor, limit: Self.lineLimit)
        while case .whole(let line)? = lines.next() {
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { [0x20, 0x09, 0x0D].contains($0) }
            guard words.dropFirst().contains(where: { Self.isSame($0, wanted) }), let first = words.first,
                let address = IPAddress(String(decoding: first, as: UTF8.self))
            else { continue }
            found = found ?? []
            guard address != .anyV4, address != .anyV6, found?.contains(address) == false else { continue }
            found?.append(address)
        }
        return found
    }

    /// Whether `word` is `name`, which is in lower case; a final dot aside.
    private static func isSame(_ word: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        let word = word.last == UInt8(ascii: ".") ? word.dropLast() : word
        guard word.count == name.count else { return false }
        return zip(word, name).allSatisfy { octet, other in
            octet == other || (0x41...0x5A).contains(octet) && octet | 0x20 == other
        }
    }
}
