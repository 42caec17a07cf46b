// Octets that mail on the wire must not hold.

import MailEnvelope
import Octets

/// Puts a space for each stray CR and NUL (RFC 5321 §2.3.8, RFC 2045 §2.8), unless that would break a signature: such a
/// message is for the session to refuse.
struct StrayFilter: Filter {
    let name = "stray octets"

    func concerns(_ facts: ContentFacts) -> Bool { facts.hasStrays && !facts.isSigned }

    func facts(after facts: ContentFacts) -> ContentFacts {
        var facts = facts
        facts.hasStrays = false
        return facts
    }

    func change(_ chunk: inout [UInt8]) {
        for at in chunk.indices where chunk[at] == Octet.cr || chunk[at] == Octet.nul { chunk[at] = Octet.space }
    }
}
