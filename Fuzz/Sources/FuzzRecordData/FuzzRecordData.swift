// The data of DNS records: names that can stand in a log line, texts no longer than what came.

import FuzzKit

@testable import Resolver

@main
enum FuzzRecordData {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    let octets = input.rest
    if let name = RecordData.pointer(octets) { claimName(name, octets.count) }
    if let exchanger = RecordData.mailExchanger(octets) { claimName(exchanger.host, octets.count - 2) }
    if let text = RecordData.text(octets) { claim(text.count < octets.count, "a text longer than its record") }
    if let record = RecordData.tlsa(octets) {
        claim([record.usage, record.selector, record.matching] + record.data == octets, "a TLSA record changed")
    }
    for count in [4, 16] {
        claim(RecordData.address(octets, count: count) == (octets.count == count ? octets : nil), "an address")
    }
}

private func claimName(_ name: String, _ octets: Int) {
    claim(octets <= 255 && name.utf8.count <= 4 * 255, "a name of \(octets) octets")
    claim(
        name.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5C, 0x5F: true
            default: false
            }
        }, "a name with foreign octets: \(name)")
    claim(!name.hasSuffix("."), "a final dot: \(name)")
}
