// Sessions at the servers of an account.

import AccountSessions
import MessageContent
import Reporting
import RunControl
import SpoolQueue

extension CarrierHub {
    /// A session with the next hop `hop`, an account or a domain.
    func session(to hop: NextHop) throws(HopFault) -> ServerSession {
        if case .domain(let domain, let route) = hop {
            guard let route = settings.routes.first(where: { $0.name == route && $0.isMX }) else {
                throw HopFault("the rc has no route \(route) with mx; mend the rc")
            }
            return try DirectSending(by: route, hub: self).session(with: domain)
        }
        guard let account = settings.account(hop.name), let server = account.sendServer else {
            throw HopFault("the rc has no account \(hop.name) that sends; mend the rc")
        }
        do throws(AccountError) { return try session(of: account, at: server.all) } catch { throw HopFault(error) }
    }

    /// A session at the first of these servers of `account` that can be reached.
    /// - Throws: why there is none at each.
    func session(of account: AccountSettings, at servers: [AccountServer]) throws(AccountError) -> ServerSession {
        var errors: [AccountError] = []
        for server in servers {
            do throws(AccountError) {
                return try ServerSession(account: account, server: server, over: paths, hostname: settings.hostname)
            } catch {
                // What is wrong with the login is so everywhere, and each try would count against it.
                guard error.concernsServerAlone, !isEnding else { throw error }
                errors.append(error)
                guard servers.count > 1 else { continue }
                let hop = NextHop.account(account.name)
                log.write(
                    .info, "server", [("hop", hop.description), ("host", server.host), ("error", sentence(error))])
            }
        }
        guard let first = errors.first else { preconditionFailure("an account that sends to no server") }
        throw errors.count > 1 ? .severalServers(errors) : first
    }
}
