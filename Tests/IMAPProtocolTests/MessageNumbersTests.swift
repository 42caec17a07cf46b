// Message sequence numbers against a plain list of messages that does the same.

import MailTestKit
import Testing

@testable import IMAPProtocol

@Suite struct MessageNumbersTests {
    @Test("numbers follow any order of FETCH, EXPUNGE and EXISTS", arguments: 1...30)
    func follows(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var model = (1...40).map { UInt32($0 * 3) }
        var gone: [UInt32] = []
        var told: Set<UInt32> = []
        var numbers = MessageNumbers(exists: model.count)
        for step in 0..<200 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !model.isEmpty:
                let at = Int.random(in: model.indices, using: &random)
                gone.append(model.remove(at: at))
                numbers.expunge(UInt32(at + 1))
            case 1:
                model.append(200 + UInt32(step))
                numbers.tell(exists: model.count)
            default:
                guard let at = model.indices.randomElement(using: &random) else { continue }
                numbers.note(uid: model[at], of: UInt32(at + 1))
                told.insert(model[at])
            }
            #expect(numbers.fault == nil, "step \(step)")
            #expect(numbers.exists == model.count)
            for (at, uid) in model.enumerated() {
                #expect(numbers.uid(of: UInt32(at + 1)) == (told.contains(uid) ? uid : nil), "step \(step)")
                #expect(numbers.isThere(uid) == told.contains(uid))
            }
            #expect(!gone.contains(where: numbers.isThere))
        }
        #expect(numbers.knownCount == model.filter(told.contains).count)
        #expect(numbers.expungedCount == gone.count)
    }

    @Test("one UID for two messages is a fault, and so are two UIDs for one; the first fault stays")
    func doubles() {
        var twice = MessageNumbers(exists: 3)
        twice.note(uid: 5, of: 1)
        twice.note(uid: 5, of: 1)
        #expect(twice.fault == nil, "said again")
        twice.note(uid: 5, of: 2)
        #expect(twice.fault == .uidTwice(uid: 5, numbers: [1, 2]))
        twice.note(uid: 6, of: 1)
        #expect(twice.fault == .uidTwice(uid: 5, numbers: [1, 2]))
        var other = MessageNumbers(exists: 3)
        other.note(uid: 5, of: 1)
        other.note(uid: 6, of: 1)
        #expect(other.fault == .numberTwice(number: 1, uids: [5, 6]))
    }

    @Test("an EXPUNGE between them makes two messages of one number, and keeps the UID of the one that went")
    func expunged() {
        var numbers = MessageNumbers(exists: 3)
        numbers.note(uid: 5, of: 2)
        numbers.expunge(1)
        numbers.note(uid: 5, of: 1)
        numbers.note(uid: 6, of: 2)
        #expect(numbers.fault == nil && numbers.exists == 2)
        numbers.expunge(1)
        #expect(!numbers.isThere(5))
        numbers.note(uid: 6, of: 1)
        #expect(numbers.fault == nil)
        numbers.note(uid: 5, of: 1)
        #expect(numbers.fault == .numberTwice(number: 1, uids: [6, 5]))
        var again = MessageNumbers(exists: 3)
        again.note(uid: 5, of: 1)
        again.expunge(1)
        again.note(uid: 5, of: 2)
        #expect(again.fault == .uidTwice(uid: 5, numbers: [1, 2]))
    }

    @Test("numbers that no message has are faults", arguments: [0, 4, UInt32.max])
    func nonsense(_ number: UInt32) {
        var numbers = MessageNumbers(exists: 3)
        numbers.expunge(number)
        #expect(numbers.fault == .noSuchMessage(number: number))
        var zero = MessageNumbers(exists: 3)
        zero.note(uid: 7, of: 0)
        #expect(zero.fault == .noSuchMessage(number: 0))
    }
}
