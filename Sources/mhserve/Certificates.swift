// The certificates that listeners show, one TLS context for each listener, all names by SNI.

import Reporting
import RunControl
import TLSEngine

/// Makes the TLS contexts of a worker's life. A reload is a new worker, which reads the files anew.
struct Certificates: Sendable {
    private let settings: HubSettings
    private let log: Log

    init(settings: HubSettings, log: Log) {
        self.settings = settings
        self.log = log
    }

    /// The context for `listener`: its own certificate first, then the hub's; `nil` when there is none.
    func context(for listener: ListenerSettings) throws(TLSError) -> TLSContext? {
        let pairs = [listener.certificate, settings.tlsCertificate].compactMap { $0 }
        guard !pairs.isEmpty else { return nil }
        let context = try TLSContext.server(
            certificates: pairs, protocols: listener.service.isPOP3 ? ["pop3"] : ["smtp", "esmtp"])
        for warning in context.warnings { log.write(.warning, "certificate", [("warning", "\(warning)")]) }
        return context
    }
}
