// What the IMAP tests share: playing a dialogue with a list of commands.

import MailTestKit
import Octets
import Testing

@testable import IMAPProtocol

/// Joins pieces that only a cut has parted.
func merged(_ one: IMAPClient.Event, _ other: IMAPClient.Event) -> IMAPClient.Event? {
    switch (one, other) {
    case (.content(let first), .content(let second)): .content(first + second)
    case (.searchResult(let first), .searchResult(let second)): .searchResult(first + second)
    default: nil
    }
}

/// A dialogue in which the client says `commands`, one behind the other.
struct Scene: Sendable, CustomTestStringConvertible {
    let name: String
    let dialogue: Dialogue
    let commands: [IMAPCommand]

    init(_ name: String, _ text: String, _ commands: IMAPCommand...) {
        self.name = name
        self.commands = commands
        dialogue = Dialogue(text, name: name)
    }

    var testDescription: String { name }

    func play(cut: Cut = .nowhere, contentLimit: Int = 1 << 32) -> Played<IMAPClient.Event> {
        var waiting = commands[...]
        return dialogue.play(
            IMAPClient(contentLimit: contentLimit), as: .client, cut: cut, say: { _ in waiting.popFirst() },
            tls: { $0.tlsEstablished() }, merge: merged)
    }
}

/// The body of `events` told for each message, by UID; those that are not whole are missing.
func messages(in events: [IMAPClient.Event]) -> [UInt32: [UInt8]] {
    var messages: [UInt32: [UInt8]] = [:]
    var present: [UInt8] = []
    for event in events {
        switch event {
        case .contentBegin: present = []
        case .content(let octets): present += octets
        case .fetched(let fetched):
            if case .streamed = fetched.body, let uid = fetched.uid { messages[uid] = present }
        default: break
        }
    }
    return messages
}
