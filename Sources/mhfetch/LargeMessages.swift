// Messages that are larger than the rc lets in: left at the source, or fetched as a header alone.

import FetchLedger
import Reporting

extension AccountRun {
    /// Those of `messages` that are to be asked for: without those that are too large, and with only the header of those
    /// that are a little less so. What was left out is looked at again in each run: the rc may change.
    /// - Parameter areNumbered: whether nothing but a number tells one message from another: then the header of one that
    ///   stays would come again and again, or never.
    func sized(_ messages: [Pending], areNumbered: Bool = false) throws -> [Pending] {
        try messages.compactMap { message in
            if let limit = account.skipSize, let size = message.size, size > limit {
                try skip(message, of: size, as: "\"skip\" says")
                return nil
            }
            if areNumbered, let limit = account.headerSize, let size = message.size, size > limit {
                try skip(message, of: size, as: "the server has no unique ids for \"header-only\"")
                return nil
            }
            if let limit = account.headerSize, let size = message.size, size > limit {
                guard state.large[message.key] != .headerHere else { return nil }
                try ledger.note(message.key, .headerAsked)
                var header = message
                header.isHeaderOnly = true
                return header
            }
            if state.large[message.key] != nil { try ledger.note(message.key, .skipped) }  // not as a header any more
            guard try hasRoom(for: message) else { return nil }
            return message
        }
    }

    /// Whether there is room for a message of the size that the server tells, if that can be. One for which there is none
    /// is a failure of its own, and stops no other.
    private func hasRoom(for message: Pending) throws -> Bool {
        guard let size = message.size, (MessageSink.roomStep...MessageSink.octetLimit).contains(size), let delivery
        else { return true }
        let (path, free, kept) = (delivery.path, try delivery.freeOctets(), hub.settings.limits.freeSpace)
        // Where there is no room for any, the run ends with that.
        guard free >= kept, free - kept < size else { return true }
        try noteFailure(of: message.key, sentence(FetchError.noRoomFor(octets: size, path: path, free: free)))
        return false
    }

    private func skip(_ message: Pending, of size: Int, as reason: String) throws {
        guard state.large[message.key] == nil || state.large[message.key] == .headerAsked else { return }
        try ledger.note(message.key, .skipped)
        guard !isDry else {
            return say("\(place(of: message.key)), of \(counted(size, "octet")), would be left there, as \(reason)")
        }
        tally.skipped += 1
        guard tally.skipped <= Self.toldLimit else { return }
        hub.log.write(
            .notice, "skipped", [("account", account.name), ("key", message.key.text), ("octets", "\(size)")])
        complain("\(place(of: message.key)), of \(counted(size, "octet")), is not fetched, as \(reason)")
    }
}
