// Where a message can be delivered, and what is known once it is there.

import DurableFiles
import MailFormat
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

    /// The mailbox, made when missing.
    func maildir(faults: Faults?) throws -> Maildir {
        switch self {
        case .maildir(let path, let name):
            let inbox = try Maildir(path: path, making: true, faults: faults)
            guard let name, let folder = try inbox.folder(name, making: true) else { return inbox }
            return folder
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

/// The fields that local delivery puts on top (RFC 5321 §4.4; Delivered-To also stops loops).
public struct DeliveryFields: Sendable, Hashable {
    public var reversePath: ReversePath
    /// The recipient as expanded: the address of the mailbox.
    public var recipient: Address
    /// The recipient as the sender wrote it, when it was another one (catch-all, alias).
    public var originalRecipient: Address?

    public init(reversePath: ReversePath, recipient: Address, originalRecipient: Address? = nil) {
        self.reversePath = reversePath
        self.recipient = recipient
        self.originalRecipient = originalRecipient
    }

    /// The fields in file form.
    public var octets: [UInt8] {
        let original = originalRecipient.flatMap { $0 == recipient ? nil : "X-Original-To: \($0)\n" } ?? ""
        return Array("Return-Path: \(reversePath)\n\(original)Delivered-To: \(recipient)\n".utf8)
    }
}
