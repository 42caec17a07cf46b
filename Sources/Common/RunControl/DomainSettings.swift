// The settings of a domain.

import MailRouting

/// The block `domain NAME`: a domain this hub answers for.
public struct DomainSettings: Sendable, Hashable {
    public var name: String
    /// The mailboxes known by their names there; `nil` for all.
    @Setting public var mailboxes: [String]? = nil
    /// The mailbox that gets mail for addresses nobody else has.
    @Setting public var catchAll: String? = nil
    /// Addresses that accept no mail; every one is at this domain.
    @Setting public var blocked: [AddressPattern] = []
    /// Its aliases file, which is asked before the hub's.
    @Setting public var aliases: String? = nil
    /// The characters that begin the suffix of a local part; `nil` for none.
    @Setting public var suffix: String? = nil
    /// Characters that mean nothing in a local part before its suffix; `nil` for none.
    @Setting public var droppedCharacters: String? = nil
    public var position: SourcePosition
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var sendAs = false
    @Setting public var relayTo: [String] = []
    @Setting public var holdFor: String? = nil
    @Setting public var dkim = DKIMPolicy()
    @Setting public var spf: PolicyAction? = nil
    @Setting public var dmarc: PolicyAction? = nil

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }
}

/// What becomes of mail that a check of its sender finds wanting.
public enum PolicyAction: String, Sendable, Hashable, CaseIterable {
    case reject
    /// It is accepted, and its Authentication-Results field says so.
    case mark
    /// It is not checked.
    case off
}

/// The lines `dkim`: what becomes of bad signatures, and what our own mail is signed with.
public struct DKIMPolicy: Sendable, Hashable {
    /// `nil` where no line says.
    public var action: PolicyAction?
    public var keys: [DKIMKey]

    public init(action: PolicyAction? = nil, keys: [DKIMKey] = []) {
        self.action = action
        self.keys = keys
    }
}

/// `dkim SELECTOR FILE`
public struct DKIMKey: Sendable, Hashable {
    public var selector: String
    /// The file of the private key. The path is absolute.
    public var file: String

    public init(selector: String, file: String) {
        self.selector = selector
        self.file = file
    }
}
