// Whom DNS is asked by, and whether its answers must be proved, as the rc has it.

import Resolver
import RunControl

extension HubSettings {
    /// A resolver by the rc's words.
    /// - Throws: ``ResolverError/setUp(reason:)``.
    func makeResolver() throws(ResolverError) -> any MailResolver {
        func resolver(validates: Bool) throws(ResolverError) -> UnboundResolver {
            var settings = UnboundSettings(upstream: upstream)
            settings.validates = validates
            return try UnboundResolver(settings)
        }
        switch dnssec {
        case .on: return try resolver(validates: true)
        case .off: return try resolver(validates: false)
        case .auto:
            return DoubtingResolver(
                validating: try resolver(validates: true), plain: try resolver(validates: false))
        }
    }

    private var upstream: UnboundSettings.Upstream {
        switch resolver {
        case .system: .system
        case .recursive: .recursive
        case .servers(let servers):
            .forwarders(servers.map { server in server.port.map { "\(server.host)@\($0)" } ?? server.host })
        }
    }
}
