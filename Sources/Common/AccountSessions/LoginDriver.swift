// The login, the same in every protocol (RFC 4422 §3): one mechanism, chosen before a secret is read, and no other
// after it.

import Blocking
import Digests
import LoginLedger
import Octets
import RunControl
import SASLMechanisms
import Transport

/// Logs in over an engine of any protocol.
struct LoginDriver<E: SessionEngine> {
    let account: AccountSettings
    let host: String
    let port: Int
    let exchange: Exchange<E>

    /// Logs in, once; what becomes of it is recorded.
    /// - Returns: what the login went by: a mechanism, or the protocol's own command.
    /// - Throws: the connection is of no more use then.
    @discardableResult
    func logIn(_ login: AccountLogin) throws(AccountError) -> String {
        guard exchange.wire.facts.tls != nil || account.tls == .off else { throw AccountError.loginInClear(host: host) }
        let attempt = try login.attempt(at: host, port, until: Deadline(after: account.timeout))
        do throws(AccountError) {
            return try carryOut(login, attempt)
        } catch {
            if let words = error.refusalOfCredentials { attempt?.refused(words, stamp: login.stamp) }
            throw error
        }
    }

    private func carryOut(_ login: AccountLogin, _ attempt: LoginAttempt?) throws(AccountError) -> String {
        let offered = exchange.engine.offers?.mechanisms ?? []
        let channel = SASLChannel(
            binding: exchange.wire.facts.tls?.channelBinding, offered: offered,
            server: SASLChannel.Server(host: host, port: port))
        if login.prefersAPOP, let command = E.digestLogin {
            try logInByDigest(login, command)
            attempt?.accepted(by: nil, isWeaker: SASLClientMechanism.isWeaker)
            return "APOP"
        } else if let mechanism = SASLClientMechanism.choose(
            among: login.mechanisms, offered: offered, channel: channel)
        {
            try hold(to: attempt, login, mechanism.name)
            try authenticate(login, mechanism, channel)
            attempt?.accepted(by: login.isFree ? mechanism.name : nil, isWeaker: SASLClientMechanism.isWeaker)
            return mechanism.name
        } else if let commands = E.ownLogin, login.takesOwnCommand(offered: offered) {
            // They show the password, as the weakest mechanism does.
            let name = SASLClientMechanism.login.name
            try hold(to: attempt, login, name)
            for command in commands(login.user, try login.readText()) {
                try exchange.command(command)
                try awaitAcceptance(of: login, by: nil) { _ throws(AccountError) in
                    throw broken("a challenge to a login that has none")
                }
            }
            attempt?.accepted(by: login.isFree ? name : nil, isWeaker: SASLClientMechanism.isWeaker)
            return "the protocol's own command"
        } else {
            throw AccountError.noMechanism(account: account.name, offered: offered)
        }
    }

    /// Refuses a mechanism that is weaker than one by which the login was accepted before, where somebody in between may
    /// have changed the offer.
    private func hold(to attempt: LoginAttempt?, _ login: AccountLogin, _ mechanism: String) throws(AccountError) {
        guard login.isFree, exchange.wire.facts.tls == nil, let strongest = attempt?.state.strongest,
            SASLClientMechanism.isWeaker(mechanism, strongest)
        else { return }
        throw .weakerOffer(host: host, mechanism: mechanism, strongest: strongest)
    }

    /// APOP (RFC 1939 §7).
    private func logInByDigest(
        _ login: AccountLogin, _ command: (_ user: String, _ digest: String) -> E.Command
    ) throws(AccountError) {
        guard let stamp = exchange.engine.stamp else {
            throw AccountError.noMechanism(account: account.name, offered: exchange.engine.offers?.mechanisms ?? [])
        }
        let password = try login.readSecret()
        let digest: [UInt8]
        do throws(DigestError) {
            digest = try DigestAlgorithm.md5.digest(of: stamp + password.revealed)
        } catch {
            throw .unusable(account: account.name, reason: "a login by APOP: \(error)")
        }
        try exchange.command(command(login.user, Hexadecimal.text(of: digest)))
        try awaitAcceptance(of: login, by: nil) { _ throws(AccountError) in
            throw broken("a challenge to a login that has none")
        }
    }

    private func authenticate(
        _ login: AccountLogin, _ mechanism: SASLClientMechanism, _ channel: SASLChannel
    ) throws(AccountError) {
        let password = try login.readSecret()
        var client: any SASLClient
        do throws(SASLError) {
            client = try mechanism.begin(user: login.user, password: password, channel: channel)
        } catch {
            guard error != .badToken else { throw AccountError.badToken(account: account.name) }
            throw AccountError.unusable(account: account.name, reason: "\(error)")
        }
        let initial = client.initialResponse()
        try exchange.command(E.command(.authenticate(mechanism: mechanism.name, initialResponse: initial)))
        do throws(AccountError) {
            try awaitAcceptance(of: login, by: mechanism) { challenge throws(AccountError) in
                guard let challenge else { throw broken("a challenge that is no base64") }
                do throws(SASLError) {
                    return try client.respond(to: challenge)
                } catch {
                    throw fault(error, in: mechanism)
                }
            }
        } catch .loginRefused(let user, let host, let name, let refusal) {
            throw .loginRefused(
                user: user, host: host, mechanism: name,
                refusal.saying(client.serverError).masked(by: exchange.wire))
        }
        do throws(SASLError) { try client.acceptSuccess() } catch { throw fault(error, in: mechanism) }
    }

    /// Waits until what was said last is accepted.
    /// - Parameter respond: gives the answer to a challenge, or throws to give the exchange up.
    private func awaitAcceptance(
        of login: AccountLogin, by mechanism: SASLClientMechanism?,
        respond: ([UInt8]?) throws(AccountError) -> [UInt8]
    ) throws(AccountError) {
        func refused(_ refusal: LoginRefusal) -> AccountError {
            .loginRefused(user: login.name, host: host, mechanism: mechanism?.name, refusal)
        }
        while true {
            switch E.meaning(of: try exchange.event()) {
            case .accepted: return
            case .proceed: try exchange.command(E.command(.proceed))
            case .challenge(let challenge):
                let response: [UInt8]
                do throws(AccountError) {
                    response = try respond(challenge)
                } catch {
                    // Neither its answer nor a line that broke changes anything any more: why we give up is what to tell.
                    do throws(AccountError) { try exchange.command(E.command(.cancel)) } catch .transport {}
                    throw error
                }
                try exchange.command(E.command(.response(response)))
            case .refused(let refusal): throw refused(refusal.masked(by: exchange.wire))
            case .farewell(let words):
                throw refused(LoginRefusal(.server, isTemporary: true, words: exchange.wire.masked(words)))
            case .greeted, .preauthenticated, .offered, .offersUnknown, .tlsReady, .tlsRefused, nil: break
            }
        }
    }

    private func fault(_ error: SASLError, in mechanism: SASLClientMechanism) -> AccountError {
        switch error {
        case .serverUnproven: .serverUnproven(host: host, mechanism: mechanism.name)
        case .unexpectedChallenge: broken("more questions at the login than \(mechanism) has answers")
        case .badChallenge: broken("\(error)")
        case .noDigest(let error): .unusable(account: account.name, reason: "a login by \(mechanism): \(error)")
        case .tooLong, .malformed, .badLogin, .badPassword, .badToken, .otherIdentity, .notStarted:
            broken("a challenge that \(mechanism) does not know: \(error)")
        }
    }

    private func broken(_ what: String) -> AccountError { .protocolBroken(host: host, what: what) }
}

extension LoginRefusal {
    /// The same without what we have said in secret: some servers repeat it.
    fileprivate func masked(by wire: Wire) -> LoginRefusal {
        LoginRefusal(cause, isTemporary: isTemporary, words: wire.masked(words))
    }
}
