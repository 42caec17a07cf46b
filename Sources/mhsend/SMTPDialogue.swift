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

/// The dialogue with one caller, who is known: there is neither login nor TLS, and 250 means that the message is on disk,
/// with the hub.
struct SMTPDialogue {
    private let idleTime: Duration
    private let begin: (Submission) throws -> MessageSink
    private var server: SMTPServer
    private var sink: MessageSink?
    /// Why the message under way is not accepted.
    private var failure: (any Error)?
    /// Whether the caller ends lines with a bare LF; `nil` before the first.
    private var endsInLF: Bool?
    /// The last octet that came.
    private var last: UInt8 = 0

    /// - Parameters:
    ///   - sizeLimit: octets of a message.
    ///   - begin: says where a message goes, as its content begins.
    init(_ settings: HubSettings, sizeLimit: Int, begin: @escaping (Submission) throws -> MessageSink) {
        (idleTime, self.begin) = (settings.limits.smtpIdle, begin)
        var options = SMTPServerOptions(mode: .local, hostname: settings.hostname, sizeLimit: sizeLimit)
        options.takesBareNames = true
        options.errorLimit = settings.limits.errors
        options.recipientLimit = AddressList.countLimit
        server = SMTPServer(options)
    }

    /// Speaks until the caller says QUIT, or goes away.
    /// - Throws: ``DialogueError``: nothing is kept of a message that was not answered with 250.
    mutating func run() throws {
        guard !isNetworkSocket else { throw DialogueError.networkSocket }
        try answerAll()
        while !server.isClosed {
            guard let octets = try read() else { throw DialogueError.silent(idleTime) }
            guard !octets.isEmpty else {
                // Nobody who goes away between two messages does harm.
                guard sink == nil else { throw DialogueError.cutOff }
                return
            }
            server.receive(inWireForm(octets))
            try answerAll()
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

    private mutating func answerAll() throws {
        while let event = server.nextEvent() {
            guard let command = take(event) else { continue }
            try writeToStandardOutput(server.send(command))
        }
    }

    /// - Returns: the answer; `nil` for an event that has none.
    private mutating func take(_ event: SMTPServer.Event) -> SMTPServer.Command? {
        switch event {
        case .greeting: return .accept("mailhub")
        case .ehlo, .rset, .vrfy, .help, .noop, .quit, .chunkEnd, .fault:
            if server.envelope == nil { sink = nil }
            return .proceed
        case .startTLS, .auth, .saslResponse: return .refuse(502, .permanent(5, 1), "not offered here")
        case .mail, .rcpt: return .accept("")
        case .contentBegin:
            (sink, failure) = (nil, nil)
            do {
                guard let envelope = server.envelope else { throw DialogueError.cutOff }
                sink = try begin(Submission(envelope))
            } catch {
                failure = error
            }
            return .accept("")
        case .content(let octets):
            guard failure == nil else { return nil }
            do { try sink?.append(octets) } catch { failure = error }
            return nil
        case .refusedContent:
            sink = nil
            return nil
        case .contentEnd:
            defer { sink = nil }
            do {
                if let failure { throw failure }
                guard let sink else { throw DialogueError.cutOff }
                return .accept(try sink.finish())
            } catch {
                return .settle(Self.verdict(on: error))
            }
        case .close: return nil
        }
    }

    private static func verdict(on error: any Error) -> Verdict {
        switch error {
        case IntakeError.refused(let verdict): verdict
        case let error as IntakeError: .permanent(6, 0, text: "\(error)")
        case QueueError.noSpace, DropError.noSpace: .temporary(3, 1, text: sentence(error))
        case DropError.tooLarge: .permanent(3, 4, text: sentence(error))
        case DropError.tooManyRecipients: .permanent(5, 3, text: sentence(error))
        default: .temporary(3, 0, text: sentence(error))
        }
    }

    // MARK: Standard input

    /// The next octets; none at the end; `nil` when nothing came for as long as a client may say nothing.
    private func read() throws -> [UInt8]? {
        let deadline = Deadline(after: idleTime)
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
