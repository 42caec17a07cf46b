// Recipients that stand for others: by an alias, or by what a mailbox forwards.

import MailFormat

/// Where a recipient's mail goes.
public enum RecipientDestination: Sendable, Hashable, CustomStringConvertible {
    case address(Address)
    /// A target of an alias that only local delivery understands, such as a program or a file, as the alias has it.
    case local(EnvelopeText)

    public var description: String {
        switch self {
        case .address(let address): address.description
        case .local(let text): text.description
        }
    }
}

/// A child of a recipient, which stands for it by an alias or by a mailbox's `forward`.
public struct ExpandedRecipient: Sendable, Hashable {
    public let destination: RecipientDestination
    public private(set) var notify: Notify
    public private(set) var originalRecipient: OriginalRecipient?
    /// The mailbox that forwards to this child, if one does: there the mail is that mailbox's.
    public let identity: EnvelopeText?
    /// The alias that it was expanded from, if one was.
    public let alias: EnvelopeText?
    /// Whether it stands for itself: neither an alias nor a mailbox's `forward` replaces it.
    public let isFinal: Bool
    /// The accounts that it leaves through, in this order, where the alias names them; none holds a `/`.
    public private(set) var via: [String]

    public init(
        _ destination: RecipientDestination, notify: Notify = .unspecified,
        originalRecipient: OriginalRecipient? = nil, identity: EnvelopeText? = nil, alias: EnvelopeText? = nil,
        isFinal: Bool = false, via: [String] = []
    ) {
        self.destination = destination
        self.notify = notify
        self.originalRecipient = originalRecipient
        self.identity = identity
        self.alias = alias
        self.isFinal = isFinal
        self.via = via
    }

    /// The same, where `other` leads to it, for which notices may be wanted: one copy serves both. Of success the sender is
    /// told when he is led there.
    public func wanted(by other: ExpandedRecipient) -> ExpandedRecipient {
        var both = self
        both.notify = notify.joined(withoutSuccessOf: other.notify)
        both.originalRecipient = originalRecipient ?? other.originalRecipient
        return both
    }

    /// The same, leaving through these accounts.
    public func leaving(via accounts: [String]) -> ExpandedRecipient {
        var other = self
        other.via = accounts
        return other
    }
}

/// A recipient among those that its message has, first those of the envelope, then children behind their parents.
public protocol RecipientNode: Sendable {
    var recipient: ExpandedRecipient { get }
    /// The index of the recipient it was expanded from.
    var parent: Int? { get }
    /// Whether it was replaced by its children and by those that are ``known``.
    var isExpanded: Bool { get }
    /// The indexes of the recipients that it leads to besides its children, and that were there before.
    var known: [Int] { get }
}

/// A recipient of which nothing else is known.
public struct BareRecipient: RecipientNode {
    public let recipient: ExpandedRecipient
    public let parent: Int?
    public var isExpanded = false
    public var known: [Int] = []

    public init(_ recipient: ExpandedRecipient, parent: Int? = nil) {
        (self.recipient, self.parent) = (recipient, parent)
    }
}

extension Array where Element: RecipientNode {
    /// The recipients that the one at `index` was expanded from, the nearest first.
    public func ancestors(of index: Int) -> [Int] {
        var found: [Int] = []
        var at = index
        while let parent = self[at].parent, parent < at {
            found.append(parent)
            at = parent
        }
        return found
    }

    /// The address of the recipient at `index`; of a program or file, the one that it was expanded from.
    public func address(of index: Int) -> Address? {
        for at in [index] + ancestors(of: index) {
            if case .address(let address) = self[at].recipient.destination { return address }
        }
        return nil
    }
}

extension [BareRecipient] {
    /// Expands the recipient at `parent`.
    /// - Returns: the indexes of those that are added.
    public mutating func expand(_ parent: Int, to expansion: Expansion) throws(ExpansionError) -> Range<Int> {
        var graph = RecipientGraph(self)
        let added = try graph.expand(parent, to: expansion)
        let first = count
        self[parent].isExpanded = true
        self[parent].known = added.known
        self += added.children.map { BareRecipient($0, parent: parent) }
        return first..<count
    }
}
