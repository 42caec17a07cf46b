// One reading of new and cur, kept in two flat arrays: about 100 octets for each message, no file looked at.

import DurableFiles
import Octets

/// A message as the listing saw it.
struct ListedMessage {
    /// Where its name begins in the listing's octets.
    var start: Int
    var nameLength: UInt8
    let uniqueLength: UInt8
    /// Which of the shown boxes it is in.
    let box: UInt16
    var isInNew: Bool
    /// Whether another file has the same unique part.
    var isDoubled = false
    /// The seconds that lead its name.
    let time: Int
    /// Octets on the wire; -1 until known.
    var wire: Int
}

struct MaildirListing {
    var names: [UInt8] = []
    var messages: [ListedMessage] = []

    /// Adds what is in `box`, which is the `index`-th one shown.
    mutating func add(_ box: Maildir, index: UInt16) throws(MaildirError) {
        try onDisk { () throws(DurableError) in
            try box.forEachFile { octets, isInNew in
                guard messages.count <= Maildir.messageLimit, octets.count <= 255 else { return }
                let name = MailFileName(octets, in: octets.indices)
                messages.append(
                    ListedMessage(
                        start: names.count, nameLength: UInt8(octets.count), uniqueLength: UInt8(name.unique.count),
                        box: index, isInNew: isInNew, time: name.time,
                        wire: name.isOwn && name.size != nil ? name.wire ?? -1 : -1))
                names += octets
            }
        }
        guard messages.count <= Maildir.messageLimit else {
            throw .tooManyMessages(path: box.path, limit: Maildir.messageLimit)
        }
    }

    /// Puts the messages in the order of their numbers, (time, name), one for each unique part of a box.
    mutating func order() {
        let names = names
        messages.sort { left, right in
            if left.time != right.time { return left.time < right.time }
            let (one, other) = (names[Self.unique(left)], names[Self.unique(right)])
            if one.lexicographicallyPrecedes(other) { return true }
            if other.lexicographicallyPrecedes(one) { return false }
            if left.box != right.box { return left.box < right.box }
            return !left.isInNew && right.isInNew
        }
        var kept: [ListedMessage] = []
        kept.reserveCapacity(messages.count)
        for message in messages {
            if let last = kept.last, last.box == message.box, names[Self.unique(last)] == names[Self.unique(message)] {
                kept[kept.count - 1].isDoubled = true
            } else {
                kept.append(message)
            }
        }
        messages = kept
        shrink()
    }

    /// Gives back the room for which the names grew: an array that grows has up to twice what it needs.
    private mutating func shrink() {
        guard names.capacity > names.count + names.count / 8 else { return }
        var exact: [UInt8] = []
        exact.reserveCapacity(names.count)
        exact += names
        names = exact
    }

    /// Gives a message the name it has now.
    mutating func rename(_ index: Int, to seen: Maildir.SeenFile) {
        messages[index].start = names.count
        names += Array(seen.name.utf8)
        messages[index].nameLength = UInt8(clamping: seen.name.utf8.count)
        messages[index].isInNew = seen.isInNew
    }

    func uniqueText(_ index: Int) -> String { String(decoding: names[Self.unique(messages[index])], as: UTF8.self) }

    func seen(_ index: Int) -> Maildir.SeenFile {
        let message = messages[index]
        let name = names[message.start..<(message.start + Int(message.nameLength))]
        return Maildir.SeenFile(isInNew: message.isInNew, name: String(decoding: name, as: UTF8.self))
    }

    static func unique(_ message: ListedMessage) -> Range<Int> {
        message.start..<(message.start + Int(message.uniqueLength))
    }
}
