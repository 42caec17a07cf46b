// Where two messages differ, as a text that a person can read.

/// Where and how `found` differs from `wanted`, with a few octets of each; `nil` when they are equal.
///
/// For `#expect(firstDifference(found, wanted) == nil)`: an expectation on the arrays themselves prints all octets.
public func firstDifference(_ found: some Collection<UInt8>, _ wanted: some Collection<UInt8>) -> String? {
    let (found, wanted) = (Array(found), Array(wanted))
    guard found != wanted else { return nil }
    let place = zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    let offset = place ?? min(found.count, wanted.count)
    func excerpt(_ octets: [UInt8]) -> String {
        let text = octets[max(0, min(octets.count, offset - 20))..<min(octets.count, offset + 40)].map { octet in
            switch octet {
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            case 0x20...0x7E: String(UnicodeScalar(octet))
            default: "\\x\(String(octet >> 4, radix: 16))\(String(octet & 15, radix: 16))"
            }
        }
        return text.joined()
    }
    return "at octet \(offset) (\(found.count) octets found, \(wanted.count) wanted):"
        + " found \"…\(excerpt(found))…\", wanted \"…\(excerpt(wanted))…\""
}
