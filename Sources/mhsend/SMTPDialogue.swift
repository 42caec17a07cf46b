// Messages by SMTP on standard input and output (-bs): what a program of this machine says to sendmail.

import Blocking
import Glibc
import MailEnvelope
import MailFormat
import MessageContent
import Octets
import Reporting
import RunControl
import SMTPProtocol
import SpoolQueue

/// The dialogue with one caller, who is known: there is neither login nor TLS, and 250 means that the message is in the
/// queue, on disk.
struct SMTPDialogue {
    private let hand: HandIn
    /// The caller's own address.
    private let own: Address
    private var server: SMTPServer
    private var collector: MessageCollector?
    /// Why the message under way is not accepted.
    private var failure: (any Error)?
    private var date = MailDate.now()
    /// Whether the caller ends lines with a bare LF; `nil` before the first.
    private var endsInLF: Bool?
    /// The last octet that came.
    private var last: UInt8 = 0

    /// - Throws: ``IntakeError/badAddress(_:what:_:)`` where no address can be made of the caller's name.
    init(hand: HandIn) throws(IntakeError) {
        self.hand = hand
        do throws(AddressError) {
            let name = try Address(localPart: hand.caller.name, domain: hand.settings.qualify)
            own = hand.settings.author(ofUnixUser: hand.caller.name) ?? name
        } catch {
            throw .badAddress(shown(hand.caller.name), what: "the name of the calling user", error)
        }
        var options = SMTPServerOptions(
            mode: .local, hostname: hand.settings.hostname, sizeLimit: hand.settings.limits.messageSize)
        options.qualify = hand.settings.qualify
        options.errorLimit = hand.settings.limits.errors
        options.recipientLimit = AddressList.countLimit
        server = SMTPServer(options)
    }

    /// Speaks until the caller says QUIT, or goes away.
    /// - Parameter accepted: is given the id of each message that was queued.
    /// - Throws: ``DialogueError``: nothing is kept of a message that was not answered with 250.
    mutating func run(_ accepted: (QueueID) -> Void) throws {
        guard !isNetworkSocket else { throw DialogueError.networkSocket }
        try answerAll(accepted)
        while !server.isClosed {
            guard let octets = try read() else { throw DialogueError.silent(hand.settings.limits.smtpIdle) }
            guard !octets.isEmpty else {
                // Nobody who goes away between two messages does harm.
                guard collector == nil else { throw DialogueError.cutOff }
                return
            }
            server.receive(inWireForm(octets))
            try answerAll(accepted)
        }
    }

    /// The octets as SMTP has them. Who ends the first command with a bare LF ends all lines so, those of content included;
    /// from anybody else a bare LF ends nothing, as content of strangers may hold it.
    private mutating func inWireForm(_ octets: [UInt8]) -> [UInt8] {
        if endsInLF == nil, let end = octets.firstIndex(of: Octet.lf) {
            endsInLF = (end == 0 ? last : octets[end - 1]) != Octet.cr
        }
        defer { last = octets.last ?? last }
        guard endsInLF == true else { return octets }
        var wire: [UInt8] = []
        wire.reserveCapacity(octets.count + octets.count / 32)
        var before = last
        for octet in octets {
            if octet == Octet.lf, before != Octet.cr { wire.append(Octet.cr) }
            wire.append(octet)
            before = octet
        }
        return wire
    }

    private mutating func answerAll(_ accepted: (QueueID) -> Void) throws {
        while let event = server.nextEvent() {
            guard let command = take(event, accepted) else { continue }
            try writeToStandardOutput(server.send(command))
        }
    }

    /// - Returns: the answer; `nil` for an event that has none.
    private mutating func take(_ event: SMTPServer.Event, _ accepted: (QueueID) -> Void) -> SMTPServer.Command? {
        switch event {
        case .greeting: return .accept("mailhub")
        case .ehlo, .rset, .vrfy, .help, .noop, .quit, .chunkEnd, .fault:
            if server.envelope == nil { collector = nil }
            return .proceed
        case .startTLS, .auth, .saslResponse: return .refuse(502, .permanent(5, 1), "not offered here")
        case .mail: return .accept("")
        case .rcpt(let recipient):
            return address(of: recipient.forwardPath) == nil
                ? .refuse(501, .permanent(1, 3), "an address with a domain is required") : .accept("")
        case .contentBegin:
            begin()
            return .accept("")
        case .content(let octets):
            guard failure == nil else { return nil }
            do { try collector?.append(octets) } catch { failure = error }
            return nil
        case .refusedContent:
            collector = nil
            return nil
        case .contentEnd:
            do {
                let id = try finish()
                accepted(id)
                return .accept("queued as \(id)")
            } catch {
                return .settle(Self.verdict(on: error))
            }
        case .close: return nil
        }
    }

    // MARK: A message

    private mutating func begin() {
        date = MailDate.now()
        failure = nil
        let (hand, date, author) = (hand, date, author)
        collector = MessageCollector(into: hand.queue.scratch(), atMost: hand.settings.limits.messageSize) { header in
            try hand.completed(header, by: author, named: nil, at: date)
        }
    }

    /// Who sends, where the message does not say: the sender of the envelope, else the caller.
    private var author: Address { reversePath.address ?? own }

    /// As the caller says it, where he may.
    private var reversePath: ReversePath {
        let said = server.envelope?.reversePath ?? .null
        return said == .null || hand.settings.allowsFromOverride ? said : .address(own)
    }

    private mutating func finish() throws -> QueueID {
        defer { collector = nil }
        if let failure { throw failure }
        guard var collector, var envelope = server.envelope else { throw DialogueError.cutOff }
        let message = try collector.finish()
        envelope.reversePath = reversePath
        var seen: Set<Address> = []
        envelope.recipients = envelope.recipients.compactMap { recipient in
            var recipient = recipient
            guard let address = address(of: recipient.forwardPath), seen.insert(address).inserted else { return nil }
            recipient.forwardPath = .address(address)
            if recipient.notify == .unspecified { recipient.notify = hand.settings.dsnNotify }
            return recipient
        }
        envelope.returnContent = envelope.returnContent ?? hand.settings.dsnReturn
        return try hand.add(message, envelope, hand.acceptance(of: message, by: author, at: date), at: date)
    }

    private func address(of path: ForwardPath) -> Address? {
        switch path {
        case .postmaster: try? Address(localPart: "postmaster", domain: hand.settings.hostname)
        case .address(let address): try? address.qualified(with: hand.settings.qualify)
        }
    }

    private static func verdict(on error: any Error) -> Verdict {
        switch error {
        case IntakeError.refused(let verdict): verdict
        case let error as IntakeError: .permanent(6, 0, text: "\(error)")
        case QueueError.noSpace: .temporary(3, 1, text: sentence(error))
        default: .temporary(3, 0, text: sentence(error))
        }
    }

    // MARK: Standard input

    /// The next octets; none at the end; `nil` when nothing came for as long as a client may say nothing.
    private func read() throws -> [UInt8]? {
        let deadline = Deadline(after: hand.settings.limits.smtpIdle)
        var polled = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&polled, 1, deadline.pollTimeout) <= 0 {
            guard !deadline.hasPassed else { return nil }
        }
        return try MessageInput.chunk(of: 0)
    }

    /// Whether standard input is a connection from the network, as inetd has it: who is at its other end is not the user
    /// that this runs as.
    private var isNetworkSocket: Bool {
        var domain: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(0, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 else { return false }
        return domain == AF_INET || domain == AF_INET6
    }
}

/// Why a dialogue ends before QUIT.
enum DialogueError: Complaint {
    case networkSocket
    case silent(Duration)
    case cutOff

    var exitStatus: ExitStatus {
        switch self {
        case .networkSocket: .usage
        case .silent, .cutOff: .temporaryFailure
        }
    }

    var description: String {
        switch self {
        case .networkSocket:
            "-bs is for programs of this machine, and standard input is a connection from the network; for those run mhserve"
        case .silent(let time): "the caller has said nothing for \(time.components.seconds) s"
        case .cutOff: "standard input ended within a message; nothing of it was sent"
        }
    }
}
