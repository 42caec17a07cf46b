// Routes, chains and domains as the rc says them.

import InternetAddress
import MailRouting

/// The block `route NAME`.
public struct RouteSettings: BlockSettings, Sendable, Hashable {
    /// What decides; MailRouting knows what to do with it.
    public var route: Route
    public var place: Place
    public var places = Places()
    public var name: String { route.name }

    // Words of a later release.
    public var isMX = false
    public var pipe: [String] = []
    public var online: String?
    public var rewrite: [[String]] = []
    public var limit: [String] = []

    public init(route: Route, place: Place) {
        self.route = route
        self.place = place
    }
}

/// The block `chain NAME`: a network path. A later release walks it.
public struct ChainSettings: BlockSettings, Sendable, Hashable {
    /// `hop KIND ARGUMENTS…`
    public struct Hop: Sendable, Hashable {
        public var kind: String
        public var arguments: [String]
    }

    public var name: String
    public var hops: [Hop] = []
    public var resolver: IPAddress?
    public var forbidden: [[String]] = []
    public var forbidsUnknown = false
    public var test: [String] = []
    public var place: Place
    public var places = Places()

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// The block `domain NAME`: a domain this hub answers for.
public struct DomainSettings: BlockSettings, Sendable, Hashable {
    public var name: String
    /// The mailboxes known by their names there; `nil` for all.
    public var mailboxes: [String]?
    public var catchAll: String?
    /// Addresses that take no mail; every one is at this domain.
    public var blocked: [AddressPattern] = []
    public var place: Place
    public var places = Places()

    // Words of a later release.
    public var aliases: String?
    public var sendAs = false
    public var suffix: String?
    public var relayTo: [String] = []
    public var holdFor: String?
    /// `dkim SELECTOR FILE` and `spf|dkim|dmarc reject|mark|off`, word first.
    public var policies: [[String]] = []

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}
