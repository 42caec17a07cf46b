// Envelopes, journal lines and names of the queue, as a disk may give them back; and that what is read is written so again.

import DurableFiles
import FuzzKit
import MailEnvelope
import Octets

@testable import SpoolQueue

@main
enum FuzzSpoolQueue {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    let octets = input.rest
    if let line = try? EnvelopeCoding.firstLine(of: octets) {
        claim(line.block <= EnvelopeCoding.blockLimit && line.length <= EnvelopeCoding.firstLineLimit, "a long line 1")
        claim(line.length <= octets.count, "a first line behind the end")
    }
    examineEnvelope(octets)
    examineJournal(octets)
    if let entry = QueueEntry(name: octets, isTried: false) {
        claim(entry.size >= 0 && entry.notBefore >= 0, "less than nothing in a name")
        let made = QueueEntry(
            id: entry.id, size: entry.size, notBefore: entry.notBefore, hopNotBefore: entry.hopNotBefore,
            isHeld: entry.isHeld, hasJournal: entry.hasJournal, isTried: false)
        claim(QueueEntry(name: made.name.utf8, isTried: false) == made, "a name does not come back: \(made.name)")
        _ = entry.id.parent
    }
    if let text = String(validating: octets, as: UTF8.self) {
        claim(JournalWord.decode(JournalWord.encode(text).utf8) == text, "a word does not come back: \(text)")
        claim(
            JournalWord.encode(text).utf8.allSatisfy { (0x21...0x7E).contains($0) },
            "a word with foreign octets: \(text)")
    }
}

/// The checksum is put right here, as a disk that loses no octet would have it.
private func examineEnvelope(_ block: [UInt8]) {
    guard let read = try? EnvelopeCoding.decode(block, checksum: Array(CRC32C.hex(block).utf8)) else { return }
    claim(!read.envelope.recipients.isEmpty && read.acceptance.arrival >= 0, "an envelope that lacks something")
    do {
        let written = try EnvelopeCoding.encode(read.envelope, read.acceptance, read.content, id: read.id)
        let first = try EnvelopeCoding.firstLine(of: written)
        claim(first.length + first.block == written.count, "a block of another length")
        let again = try EnvelopeCoding.decode(Array(written[first.length...]), checksum: first.checksum)
        claim(again == read, "an envelope does not come back: \(read)\n\(again)")
    } catch {
        claim(false, "an envelope cannot be written: \(error)")
    }
}

/// Lines of a journal whose checksums hold.
private func examineJournal(_ octets: [UInt8]) {
    var envelope = Envelope(reversePath: .null)
    if let address = try? recipient() { envelope.recipients = [address, address, address] }
    var state = MessageState(envelope, Acceptance(arrival: 0, source: .hub))
    for words in octets.split(separator: Octet.lf) {
        guard let record = try? Record(words) else { continue }
        let written = record.text
        claim(!written.contains(Octet.lf), "more than a line")
        claim((try? Record(written[...])) == record, "a record does not come back: \(record)")
        _ = state.apply(record)
        claim(state.recipients.count <= RecipientGraph.messageLimit, "too many recipients")
        claim(state.waiting.allSatisfy { state.recipients.indices.contains($0) }, "nobody waits")
        for kind in NoticeKind.allCases { _ = state.owed(kind) }
        _ = (state.isComplete, state.next, state.tries)
    }
}

private func recipient() throws -> Envelope.Recipient {
    try EnvelopeCoding.recipient(Array("NOTIFY=SUCCESS <a@b.example>".utf8)[...])
}
