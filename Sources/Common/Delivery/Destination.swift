// Where a message can be delivered, and what is known once it is there.

import DurableFiles
import MaildirStore

/// One place for one copy of a message. Every kind is carried out in full by ``DeliveryDoor``.
public enum Destination: Sendable, Hashable, CustomStringConvertible {
    /// The Maildir at `path`, or a folder of it; both are made when missing.
    case maildir(path: String, folder: FolderName?)

    public var description: String {
        switch self {
        case .maildir(let path, nil): path
        case .maildir(let path, let folder?): "\(path) (\(folder))"
        }
    }

    /// Octets that are free for us on the disk it lies on, or will lie on once it is made.
    public func freeOctets() throws(DurableError) -> Int {
        var path =
            switch self {
            case .maildir(let path, _): path
            }
        while true {
            do throws(DurableError) {
                return try Directory(path: path).freeOctets()
            } catch {
                let above = path.utf8.lastIndex(of: 0x2F).map { String(path[..<$0]) } ?? "."
                guard error.isMissing, path != "/", path != "." else { throw error }
                path = above.isEmpty ? "/" : above
            }
        }
    }

    /// The mailbox, made when missing.
    func maildir(faults: Faults?) throws -> Maildir {
        switch self {
        case .maildir(let path, let name):
            let inbox = try Maildir(path: path, making: true, faults: faults)
            return try name.map { try inbox.makeFolder($0) } ?? inbox
        }
    }
}

/// A delivery that is on stable storage.
public struct Delivered: Sendable, Hashable {
    public let destination: Destination
    /// The name it can be found by.
    public let name: DeliveryName
    /// Octets of the file and on the wire; `nil` when an earlier attempt had delivered it already.
    public let sizes: Sizes?

    public struct Sizes: Sendable, Hashable {
        public let file: Int
        public let wire: Int
    }

    /// Whether an attempt that died had done it, so that nothing was written now.
    public var wasThere: Bool { sizes == nil }

    init(destination: Destination, name: DeliveryName, sizes: Sizes?) {
        self.destination = destination
        self.name = name
        self.sizes = sizes
    }

    init(destination: Destination, _ message: StagedDelivery) {
        self.init(
            destination: destination, name: message.name, sizes: Sizes(file: message.size, wire: message.wireSize))
    }
}
