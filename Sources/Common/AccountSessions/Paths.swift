// What connections are for, and the way there: the one place where the rc's words become a path.

import DurableFiles
import Glibc
import InternetAddress
import LoginLedger
import Reporting
import RunControl
import Synchronization
import TLSEngine
import Transport

/// The paths of one hub. Every connection to the outside is made by one of them, so that what must not go out directly
/// has a single door.
public final class Paths: Sendable {
    /// What a connection is for.
    public enum Purpose: Sendable {
        /// To a server of the account with this name.
        case account(String, AccountServer)
    }

    /// Whether those who log in over these paths may try now.
    public let logins: LoginRecords
    private let settings: HubSettings
    /// Shows a person what is said; `nil` for nobody.
    private let echo: (@Sendable (String) -> Void)?
    private let warn: @Sendable (String) -> Void
    /// One for each kind of demand: each costs 20 ms and 0.8 MB.
    private let contexts = Mutex<[TLSClientSettings: TLSContext]>([:])

    /// - Parameters:
    ///   - logins: `nil` for those on disk.
    ///   - echo: is given each line of what is said with a server, the account's name before it.
    ///   - warn: tells a person what no error says.
    public init(
        _ settings: HubSettings, logins: LoginRecords? = nil, echo: (@Sendable (String) -> Void)? = nil,
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.settings = settings
        (self.echo, self.warn) = (echo, warn)
        self.logins = logins ?? LoginRecords(in: settings.stateDirectory, watching: settings.sources)
    }

    /// The way to what `purpose` names.
    public func path(for purpose: Purpose) throws(PathError) -> Path {
        switch purpose {
        case .account(let name, let server):
            guard let account = settings.account(name) else { throw .noAccount(name) }
            return try path(of: account, to: server)
        }
    }

    /// Connects for a session of `account`.
    /// - Parameter limit: the end of the whole session.
    /// - Throws: ``AccountError/path(_:)``, ``AccountError/transport(_:)``.
    public func wire(
        of account: AccountSettings, to server: AccountServer, within limit: Duration
    ) throws(AccountError) -> Wire {
        let path: Path
        do throws(PathError) {
            // A server of the house is named by a mailbox, too, and a host of a stranger's by its domain.
            guard ["deliver", "mx"].contains(server.word) || settings.account(account.name) != nil else {
                throw PathError.noAccount(account.name)
            }
            path = try self.path(of: account, to: server)
        } catch {
            throw .path(error)
        }
        do throws(TransportError) {
            let wire = try path.open()
            wire.sessionLimit = Deadline(after: limit)
            wire.tap = tap(for: account, server)
            return wire
        } catch {
            throw .transport(error)
        }
    }

    /// Hears a conversation for the rc's `transcript`, or for a person; `nil` where nobody wants it.
    private func tap(for account: AccountSettings, _ server: AccountServer) -> Transcript? {
        let (echo, warn, name) = (echo, warn, account.name)
        var keep: ((String) -> Void)?
        if let path = account.transcript {
            do throws(DurableError) {
                let folder = try TranscriptFolder(path)
                if let fault = try folder.fault() {
                    warn("account \(name): transcript: \(fault)")
                } else {
                    keep = try folder.begin("\(name)-\(server.service)", at: time(nil)) {
                        warn("account \(name): transcript: \($0)")
                    }
                }
            } catch {
                warn("account \(name): transcript: \(error)")
            }
        }
        guard echo != nil || keep != nil else { return nil }
        return Transcript { [keep] line in
            echo?("\(name): \(line)")
            keep?(line)
        }
    }

    private func path(of account: AccountSettings, to server: AccountServer) throws(PathError) -> Path {
        // Never without the chain that the rc demands.
        if let chain = account.via { throw .noChain(chain, account: account.name, position: account.position) }
        // Where there are other addresses to try, a dead one is given up sooner.
        let patience = server.address == nil ? account.timeout : min(account.timeout, Self.dialTimeOfStranger)
        var path = Path(to: server.host, port: UInt16(clamping: server.port), patience: patience)
        path.family = account.inet
        path.source = account.sourceAddress
        if let address = server.address {
            path.names = .here(HostLookup { _ in [Endpoint(address)] })
        }
        path.beginsWithTLS = server.hasImplicitTLS
        path.demand = TLSDemand(
            context: context(for: Self.tls(of: account)), name: account.hostOverride ?? server.host)
        return path
    }

    /// How long the dial of one address of a stranger's host may take, and then the handshake; Postfix has 30 s.
    private static let dialTimeOfStranger = Duration.seconds(30)

    private static func tls(of account: AccountSettings) -> TLSClientSettings {
        var settings = TLSClientSettings(trust: trust(of: account))
        settings.certificate = account.certificate
        settings.leastVersion = account.leastTLSVersion
        settings.ciphers = account.ciphers
        return settings
    }

    private static func trust(of account: AccountSettings) -> TLSTrust {
        if account.tlsLine.isOpportunistic { return .unproved }
        if !account.pins.isEmpty { return .pins(account.pins) }
        return account.trustFile.map { .file($0) } ?? .system
    }

    private func context(for settings: TLSClientSettings) -> TLSContext {
        contexts.withLock { contexts in
            let context = contexts[settings] ?? .client(settings)
            contexts[settings] = context
            return context
        }
    }
}

/// Why there is no way.
public enum PathError: Complaint, Equatable {
    case noAccount(String)
    case noChain(String, account: String, position: SourcePosition)

    public var exitStatus: ExitStatus { .configuration }

    public var description: String {
        switch self {
        case .noAccount(let name): "the rc has no account \(name)"
        case .noChain(let chain, let account, let position):
            "\(position): account \(account) goes over the chain \(chain), and this release cannot connect over a chain yet"
        }
    }
}
