// What a transcript learns of a conversation. The engine marks which octets are secret, and the wire keeps those back.

/// Hears a conversation as it goes. No secret and no content gets here, only its length.
public protocol Tap: AnyObject {
    func hear(_ words: Overheard, from speaker: Speaker)
}

/// One end of a conversation, as the other one sees it.
public enum Speaker: Hashable, Sendable { case we, peer }

/// A part of what was said.
public enum Overheard: Hashable, Sendable {
    case words([UInt8])
    /// A password, a SASL response, a token.
    case secret(octets: Int)
    /// Content of a message, or octets that nobody has declared fit for a transcript.
    case content(octets: Int)
}

/// What a tap may hear of some octets.
public enum Disclosure: Hashable, Sendable {
    /// Only how many there are.
    case content
    /// A command or a reply, all but the octets at these positions.
    case words(secret: Range<Int>)

    public static let words = Disclosure.words(secret: 0..<0)
}

extension Wire {
    /// Tells the tap, if there is one, of octets that were read: whoever understands them knows what they are.
    public func tell(heard octets: [UInt8], _ disclosure: Disclosure) {
        guard tap != nil else { return }
        tell(disclosure == .content ? octets : masked(octets), disclosure, from: .peer)
    }

    func keepSecret(_ octets: [UInt8], _ disclosure: Disclosure) {
        guard case .words(let secret) = disclosure, !secret.isEmpty, octets.indices.contains(secret) else { return }
        mask.add(octets[secret])
    }

    func tell(_ octets: [UInt8], _ disclosure: Disclosure, from speaker: Speaker) {
        guard let tap, !octets.isEmpty else { return }
        switch disclosure {
        case .content: tap.hear(.content(octets: octets.count), from: speaker)
        case .words(let secret):
            // A range outside the octets is a mistake: nothing is shown.
            let hidden = octets.indices.contains(secret) || secret.isEmpty ? secret : octets.indices
            if hidden.isEmpty { return tap.hear(.words(octets), from: speaker) }
            if hidden.lowerBound > 0 { tap.hear(.words(Array(octets[..<hidden.lowerBound])), from: speaker) }
            tap.hear(.secret(octets: hidden.count), from: speaker)
            if hidden.upperBound < octets.count { tap.hear(.words(Array(octets[hidden.upperBound...])), from: speaker) }
        }
    }
}
