// What local delivery writes above a message.

import MailEnvelope
import MailFormat

/// Return-Path, and whom this copy is for (RFC 5321 §4.4; Delivered-To also stops loops).
enum MailboxFields {
    /// The fields in file form. Each address stands once, as the sender wrote it, in an X-Original-To where there are
    /// several; the first stands in Delivered-To.
    @Sendable static func octets(_ envelope: Envelope) -> [UInt8] {
        var seen: Set<Address> = []
        let recipients = envelope.recipients.map(\.forwardPath.address).filter { seen.insert($0).inserted }
        var text = "Return-Path: \(envelope.reversePath)\n"
        if recipients.count > 1 { for address in recipients { text += "X-Original-To: \(address)\n" } }
        if let first = recipients.first { text += "Delivered-To: \(first)\n" }
        return Array(text.utf8)
    }
}
