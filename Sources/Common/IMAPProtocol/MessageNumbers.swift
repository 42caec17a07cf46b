// Which message of the selected mailbox a number means, and which UID it has, while EXPUNGE moves the numbers
// (RFC 3501 §2.3.1.2, §7.4.1).

/// Follows the message sequence numbers of one mailbox, to notice one UID told for two messages, or two UIDs for one:
/// nothing that such a server says about UIDs may be acted on.
public struct MessageNumbers: Sendable {
    /// Messages whose UIDs are known, and as many expunged ones.
    public static let limit = 1_000_000

    /// What a server can get wrong, with the numbers as they were at that moment.
    public enum Fault: Hashable, Sendable {
        case uidTwice(uid: UInt32, numbers: [UInt32])
        case numberTwice(number: UInt32, uids: [UInt32])
        case noSuchMessage(number: UInt32)
    }

    /// Messages in the mailbox, as EXISTS and EXPUNGE tell.
    public private(set) var exists: Int
    public private(set) var fault: Fault?
    /// Messages that were expunged since the mailbox was selected.
    public var expungedCount: Int { expunged.count }

    // A message's place is the number it would have if none had been expunged: places never move.
    private var uids: [UInt32: UInt32] = [:]
    private var places: [UInt32: UInt32] = [:]
    /// In rising order.
    private var expunged: [UInt32] = []

    /// - Parameter exists: messages, as SELECT told.
    public init(exists: Int = 0) { self.exists = exists }

    /// Messages whose UID is known and that are still there.
    public var knownCount: Int { uids.count }
    /// Whether more is known than ``limit`` allows.
    public var isOverfull: Bool { places.count > Self.limit || expunged.count > Self.limit }

    /// Whether the message with this UID was told and is still there.
    public func isThere(_ uid: UInt32) -> Bool { places[uid].map { uids[$0] == uid } ?? false }

    /// The UID of the message that has this number now, if it was told.
    public func uid(of number: UInt32) -> UInt32? { uids[place(of: number)] }

    /// Takes the UID that a FETCH response tells; the same UID of the same message may be told again.
    public mutating func note(uid: UInt32, of number: UInt32) {
        let place = place(of: number)
        if number == 0 {
            fault = fault ?? .noSuchMessage(number: number)
        } else if let other = uids[place], other != uid {
            fault = fault ?? .numberTwice(number: number, uids: [other, uid])
        } else if let other = places[uid], other != place {
            fault = fault ?? .uidTwice(uid: uid, numbers: [self.number(at: other), number])
        } else {
            uids[place] = uid
            places[uid] = place
        }
    }

    /// Takes an EXPUNGE: numbers above this one go down by one. The UID stays known, since it is never used again.
    public mutating func expunge(_ number: UInt32) {
        guard number > 0, Int(number) <= exists else {
            fault = fault ?? .noSuchMessage(number: number)
            return
        }
        let index = expungedBelow(number)
        let place = UInt32(clamping: Int(number) + index)
        expunged.insert(place, at: index)
        uids[place] = nil
        exists -= 1
    }

    /// Takes an EXISTS.
    public mutating func tell(exists: Int) { self.exists = exists }

    private func place(of number: UInt32) -> UInt32 { UInt32(clamping: Int(number) + expungedBelow(number)) }

    /// The number that the message at `place` has now, or would have.
    private func number(at place: UInt32) -> UInt32 {
        let gaps = expunged.prefix { $0 < place }.count
        return UInt32(clamping: Int(place) - gaps)
    }

    /// How many places before that of the message `number` are empty. `expunged[i] - i` is the number of the first
    /// message behind that gap, and never falls.
    private func expungedBelow(_ number: UInt32) -> Int {
        var low = 0
        var high = expunged.count
        while low < high {
            let middle = (low + high) / 2
            if Int(expunged[middle]) - middle <= Int(number) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension MessageNumbers.Fault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .uidTwice(let uid, let numbers): "UID \(uid) for the messages \(numbers[0]) and \(numbers[1])"
        case .numberTwice(let number, let uids): "the UIDs \(uids[0]) and \(uids[1]) for message \(number)"
        case .noSuchMessage(let number): "message number \(number), which cannot exist"
        }
    }
}
