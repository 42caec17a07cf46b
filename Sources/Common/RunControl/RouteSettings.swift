// The settings of a route.

import MailEnvelope
import MailRouting

/// The block `route NAME`.
public struct RouteSettings: Sendable, Hashable {
    public var name: String
    @Setting public var from: [AddressPattern] = []
    @Setting public var notFrom: [AddressPattern] = []
    @Setting public var to: [AddressPattern] = []
    @Setting public var notTo: [AddressPattern] = []
    @Setting public var headerFrom: [AddressPattern] = []
    @Setting public var notHeaderFrom: [AddressPattern] = []
    /// The accounts to send through, by name, in the order to try them.
    @Setting public var accounts: [String] = []
    @Setting public var isLast = false
    @Setting public var onConnectFailure = ConnectFailure.defer
    /// The names of the connections that it is tried over; empty for any, and for none.
    @Setting public var online: [String] = []
    /// Which addresses become which in mail that leaves by it.
    @Setting public var rewrites: [RewriteRule] = []
    /// Whom the copy of a recipient shows in its header; `nil`: as the hub does.
    @Setting public var shownRecipients: ShownRecipients? = nil
    /// The program that its mail is handed to, instead of accounts; empty for none.
    @Setting public var pipe: [ArgumentTemplate] = []
    /// Whether that program gets a line `From SENDER DATE` above each message, and such lines within it quoted.
    @Setting public var hasFromLine = false
    @Setting public var quotesFromLines = false
    public var position: SourcePosition
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var isMX = false
    @Setting public var limit: [String] = []

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }

    /// Where its mail leaves the hub.
    public var target: RouteTarget { isMX ? .direct : pipe.isEmpty ? .accounts(accounts) : .program }

    /// The part of it that decides, as `MailRouting` takes it.
    public var route: Route {
        Route(
            name: name, from: AddressConditions(allow: from, deny: notFrom),
            to: AddressConditions(allow: to, deny: notTo),
            headerFrom: AddressConditions(allow: headerFrom, deny: notHeaderFrom), target: target, isLast: isLast,
            onConnectFailure: onConnectFailure, online: online)
    }
}
