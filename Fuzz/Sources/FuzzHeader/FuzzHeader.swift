// Headers: no octet is lost, cuts do not matter, and a message made whole stays as it is.

import FuzzKit
import MailFormat

@main
enum FuzzHeader {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let place = input.choice()
    let message = input.rest
    let (header, body) = read(message, .whole)
    for cut in [Cut.singly, .at(Int(place))] {
        let other = read(message, cut)
        claim(other.header == header && other.body == body, "cut \(cut): \(other) and not \((header, body))")
    }
    claimPlaces(header)
    claimNothingLost(message, header, body)
    claimCompleted(header, body)
    if let recipients = try? HeaderRecipients(of: header, qualifyingWith: "hub.example") {
        claim(recipients.addresses.allSatisfy { $0.domain != nil }, "a recipient without domain")
        claim(Set(recipients.addresses).count == recipients.addresses.count, "a recipient twice")
    }
    _ = (LoopStop.receivedCount(in: header), LoopStop.wasDelivered(header, to: .postmaster))
}

private func read(_ message: [UInt8], _ cut: Cut) -> (header: HeaderSection, body: [UInt8]) {
    var scanner = HeaderScanner()
    for piece in cut.pieces(of: message) { scanner.append(piece) }
    let header = scanner.finish()
    return (header, scanner.bodyStart)
}

private func claimPlaces(_ header: HeaderSection) {
    var end = header.mboxLine?.upperBound ?? 0
    for field in header.fields {
        claim(field.whole.lowerBound == end, "fields do not touch")
        end = field.whole.upperBound
        claim(
            field.name.lowerBound == field.whole.lowerBound && field.name.upperBound < field.body.lowerBound
                && field.body.upperBound <= end && end <= header.octets.count, "a field outside of itself")
        claim(!header.unfolded(field).contains(0x0A), "a line end in an unfolded field")
    }
    claim(end == header.octets.count, "octets of the header that are no field")
    claim(header.fields.count <= HeaderScanner.Bounds.common.fields, "too many fields")
    claim(header.octets.count <= HeaderScanner.Bounds.common.octets, "a header too long")
}

private func claimNothingLost(_ message: [UInt8], _ header: HeaderSection, _ body: [UInt8]) {
    switch header.end {
    case .blankLine:
        let between = message.dropFirst(header.octets.count).dropLast(body.count)
        claim(
            message.starts(with: header.octets) && message.suffix(body.count).elementsEqual(body)
                && (between.elementsEqual([0x0A]) || between.elementsEqual([0x0D, 0x0A])
                    || between.elementsEqual([0x0D])),
            "octets between header and body: \(Array(between))")
    case .garbage, .tooLong, .endOfMessage:
        claim(header.octets + body == message, "octets lost between header and body")
    }
}

private func claimCompleted(_ header: HeaderSection, _ body: [UInt8]) {
    guard let author = try? Address("me@hub.example") else { return claim(false, "no author") }
    let completer = MessageCompleter(
        author: author, fullName: "M. \"E\"", date: MailDate(seconds: 1_795_251_600))
    guard let first = try? completer.complete(header) else { return }
    let (again, rest) = read(first + body, .whole)
    if again.end == .tooLong { return }  // what was added went over the bounds
    claim(again.end == .blankLine, "a completed header ends with \(again.end)")
    claim(rest == body, "the body is another one now")
    claim(again.first("Date") != nil || again.first("Resent-Date") != nil, "no date")
    claim(again.first("Bcc") == nil && again.first("Resent-Bcc") == nil, "Bcc is told")
    claim((try? completer.complete(again)) == first, "not the same the second time")
}
