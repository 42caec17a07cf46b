// The certificates of the listeners: one TLS context for each, which chooses among its certificates by SNI.

import Reporting
import RunControl
import TLSEngine

/// Makes the TLS contexts of a worker. A reload starts a new worker, which reads the files anew.
struct Certificates: Sendable {
    private let settings: HubSettings
    private let log: Log

    init(settings: HubSettings, log: Log) {
        self.settings = settings
        self.log = log
    }

    /// The context for `listener`: its own certificate first, then the hub's; `nil` when there is none.
    func context(for listener: ListenerSettings) throws(TLSError) -> TLSContext? {
        guard let context = try Self.context(for: listener, of: settings) else { return nil }
        for warning in context.warnings { log.write(.warning, "certificate", [("warning", "\(warning)")]) }
        return context
    }

    /// The same, with nothing logged.
    static func context(
        for listener: ListenerSettings, of settings: HubSettings
    ) throws(TLSError) -> TLSContext? {
        var pairs = [listener.certificate, settings.tlsCertificate].compactMap { $0 }
        if pairs.count == 2, pairs[0] == pairs[1] { pairs.removeLast() }
        guard !pairs.isEmpty else { return nil }
        return try TLSContext.server(
            certificates: pairs, protocols: listener.service.isPOP3 ? ["pop3"] : ["smtp", "esmtp"])
    }
}
