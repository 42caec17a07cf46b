// Where a client stands within one transaction.

import Octets

/// The envelope under way, who was accepted, and the encoder of its content.
struct ClientTransaction: Sendable {
    let outgoing: OutgoingTransaction
    /// Whether MAIL was accepted.
    var isSenderAccepted = false
    /// Indices of the recipients accepted, in order.
    var accepted: [Int] = []
    private(set) var isSendingContent = false
    private var dots = DotEncoder()

    init(_ outgoing: OutgoingTransaction) { self.outgoing = outgoing }

    mutating func beginContent() { isSendingContent = true }

    mutating func encode(_ file: [UInt8], into wire: inout [UInt8]) {
        guard isSendingContent else { return }
        wire.reserveCapacity(wire.count + file.count + file.count / 32)
        dots.encode(file, in: 0..<file.count, into: &wire)
    }

    mutating func finish(into wire: inout [UInt8]) {
        dots.finish(into: &wire)
        isSendingContent = false
    }
}
