// The transaction and update states of a POP3 session: numbered messages listed, sent, and deleted at QUIT.

import MaildirStore
import POP3Protocol
import Reporting

extension POP3Session {
    func takeMaildrop(_ event: POP3Server.Event) {
        guard let mailbox else { return answer(.err(nil, "log in first")) }
        switch event {
        case .stat:
            let gone = deleted.reduce(0) { $0 + mailbox.wireSize(of: $1) }
            answer(.stat(messages: mailbox.count - deleted.count, octets: mailbox.totalWireSize - gone))
        case .list(nil):
            answer(.listBegin("\(mailbox.count - deleted.count) messages"))
            listSizes(from: 0)
        case .list(let number?):
            withMessage(number) { answer(.size(.init(message: number, octets: mailbox.wireSize(of: $0)))) }
        case .uidl(nil):
            answer(.listBegin("unique ids follow"))
            listUniqueIDs(from: 0)
        case .uidl(let number?):
            withMessage(number) { index in
                do {
                    answer(.uniqueID(.init(message: number, id: try mailbox.uniqueID(of: index))))
                } catch {
                    answer(.err(.sysTemp, "no unique id can be made now"))
                }
            }
        case .retr(let number):
            withMessage(number) { retrieve($0, top: nil, from: mailbox) }
        case .top(let number, let lines):
            withMessage(number) { retrieve($0, top: lines, from: mailbox) }
        case .dele(let number):
            withMessage(number) {
                deleted.insert($0)
                answer(.ok("message \(number) will be deleted at QUIT"))
            }
        case .rset:
            deleted = []
            answer(.ok("\(mailbox.count) messages"))
        default:
            answer(.err(nil, "not here"))
        }
    }

    private func withMessage(_ number: Int, _ body: (Int) -> Void) {
        guard let mailbox, number <= mailbox.count, !deleted.contains(number - 1) else {
            return answer(.err(nil, "no such message"))
        }
        body(number - 1)
    }

    func listSizes(from start: Int) {
        guard let mailbox else { return }
        var next = start
        while next < mailbox.count, line.unsent < SessionBounds.unsent {
            let end = min(next + 1000, mailbox.count)
            answer(
                .sizes(
                    (next..<end).filter { !deleted.contains($0) }
                        .map { .init(message: $0 + 1, octets: mailbox.wireSize(of: $0)) }))
            next = end
        }
        finishList(next < mailbox.count ? .sizes(next: next) : nil)
    }

    func listUniqueIDs(from start: Int) {
        guard let mailbox else { return }
        var next = start
        while next < mailbox.count, line.unsent < SessionBounds.unsent {
            let end = min(next + 1000, mailbox.count)
            do {
                answer(
                    .uniqueIDs(
                        try (next..<end).filter { !deleted.contains($0) }
                            .map { .init(message: $0 + 1, id: try mailbox.uniqueID(of: $0)) }))
            } catch {
                return line.abort()  // an id that another message has in another session would be worse than no list
            }
            next = end
        }
        finishList(next < mailbox.count ? .uniqueIDs(next: next) : nil)
    }

    private func finishList(_ rest: Output?) {
        output = rest
        if rest == nil { answer(.listEnd) }
    }

    // MARK: Messages

    private func retrieve(_ index: Int, top: Int?, from mailbox: MaildirSnapshot) {
        let reader = MessageReader(of: index, in: mailbox, top: top)
        let started = line.offload(to: server.disk) {
            try reader.next()
        } then: { [self] result in
            switch result {
            case .success(let piece):
                answer(.contentBegin(octets: top == nil ? mailbox.wireSize(of: index) : nil))
                put(piece, of: reader)
            case .failure(let error):
                if case MaildirError.messageGone = error {
                    return answer(.err(nil, "another session has deleted this message"))
                }
                server.log.write(.error, "message", [("login", login?.mailbox), ("error", sentence(error))])
                answer(.err(.sysTemp, "the message cannot be read now"))
            }
        }
        if !started { answer(.err(.sysTemp, "the disk is too busy; try again")) }
    }

    /// Goes on with a message that did not fit into one piece.
    func send(_ reader: MessageReader) {
        output = nil
        let started = line.offload(to: server.disk) {
            try reader.next()
        } then: { [self] result in
            switch result {
            case .success(let piece): put(piece, of: reader)
            case .failure(let error):
                // Part of the message is out: only a broken connection tells the client that it is incomplete.
                server.log.write(.error, "message", [("login", login?.mailbox), ("error", sentence(error))])
                line.abort()
            }
        }
        if !started { line.abort() }
    }

    private func put(_ piece: MessageReader.Piece, of reader: MessageReader) {
        answer(.content(piece.octets))
        if piece.isLast {
            retrieved += 1
            return answer(.contentEnd)
        }
        line.expect(within: server.pop3ContentTime)
        if line.unsent < SessionBounds.unsent { send(reader) } else { output = .message(reader) }
    }

    // MARK: The end

    func farewell() {
        answer(.ok("goodbye"))
        line.close()
    }

    /// The update state (RFC 1939 §6): +OK only when all deletions are on stable storage.
    func commitDeletions() {
        guard let mailbox, !deleted.isEmpty else { return farewell() }
        guard !server.isStopping else {
            answer(.err(.sysTemp, "the service is shutting down; nothing was deleted"))
            return line.close()
        }
        let chosen = deleted
        let started = line.offload(to: server.disk) {
            try mailbox.delete(chosen)
        } then: { [self] result in
            switch result {
            case .success:
                server.log.write(.info, "deleted", [("login", login?.mailbox), ("messages", "\(chosen.count)")])
                farewell()
            case .failure(let error):
                server.log.write(.error, "delete", [("login", login?.mailbox), ("error", sentence(error))])
                answer(.err(.sysTemp, "some messages were not deleted"))
                line.close()
            }
        }
        if !started {
            answer(.err(.sysTemp, "the disk is too busy; nothing was deleted"))
            line.close()
        }
    }
}
