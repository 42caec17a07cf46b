// The one place where a wire waits: one poll for input, output, the fate of the hops below and the order to stop.

import Glibc
import Reporting

extension Wire {
    /// What a caller waits for, in the words of the error when it does not come.
    enum Goal: String {
        case input = "waiting for it to speak"
        case output = "sending to it"
        case handshake = "starting TLS"
    }

    /// Waits until something moved, a deadline passed, or a hop died; moves what can be moved. The caller asks again
    /// until its goal is reached: octets that move without reaching it do not extend the deadline.
    func pump(until deadline: Deadline, for goal: Goal) throws(TransportError) {
        guard reading >= 0 else { throw .closed(peer: facts.peer) }
        guard !sessionLimit.hasPassed else { throw .sessionTooLong(peer: facts.peer) }
        if stopDeadline?.hasPassed == true { throw .stopped(peer: facts.peer) }
        let input = !inputEnded && inbox.count < Self.inboxLimit
        let output = unsentCount > 0 && outputFault == nil
        // A descriptor of -1 is passed over; otherwise poll would report a hang-up nobody asked for, again and again.
        var watched = [
            pollfd(fd: input ? reading : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output ? writing : -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: hopFate?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            // It stays readable: watched only until the order has come.
            pollfd(fd: stopDeadline == nil ? stop : -1, events: Int16(POLLIN), revents: 0),
        ]
        var limit = deadline.earlier(of: sessionLimit).earlier(of: stopDeadline ?? .never)
        if let meter { limit = limit.earlier(of: Deadline(after: meter.remaining)) }

        let start = Deadline.now
        let ready = unsafe poll(&watched, nfds_t(watched.count), limit.pollTimeout)
        if ready < 0, errno != EINTR { throw .system(doing: "poll", code: errno) }

        // What has arrived by then is taken all the same: it may complete a message.
        if watched[3].revents != 0 { stopDeadline = Deadline(after: stopGrace) }
        var moved = 0
        if watched[0].revents != 0 { moved += receive() }
        if watched[1].revents != 0 { moved += sendOutbox() }
        if let floor = meter?.floor {
            meter?.note(octets: moved)
            let octets = meter?.moved ?? 0
            guard meter?.note(waiting: start.elapsed) == true || inputEnded else {
                throw .tooSlow(peer: facts.peer, moved: octets, floor: floor)
            }
        }
        if hasReached(goal) { return }
        if moved == 0, watched[2].revents != 0, let fate = hopFate?.verdict() {
            throw .hopDied(peer: facts.peer, reason: fate)
        }
        if stopDeadline?.hasPassed == true { throw .stopped(peer: facts.peer) }
        if deadline.hasPassed, !sessionLimit.hasPassed { throw .timedOut(peer: facts.peer, doing: goal.rawValue) }
    }

    private func hasReached(_ goal: Goal) -> Bool {
        switch goal {
        case .input: !inbox.isEmpty || inputEnded
        case .output: unsentCount == 0 || outputFault != nil
        case .handshake: !layers.isOpening || inputFault != nil || outputFault != nil
        }
    }

    /// Takes in what has arrived, without waiting.
    /// - Returns: octets taken from the descriptor.
    @discardableResult
    func receive() -> Int {
        while true {
            // Into memory of its own, which the engines above take over as it is: nothing is moved on the way.
            var (count, code): (Int, Int32) = (0, 0)
            let octets = unsafe [UInt8](unsafeUninitializedCapacity: Self.readLimit) { buffer, filled in
                count = unsafe Glibc.read(reading, buffer.baseAddress, buffer.count)
                code = errno
                filled = max(0, count)
            }
            if count > 0 {
                absorb(octets)
                return count
            }
            if count == 0 {
                inputEnded = true
                if !layers.isEmpty {
                    layers.endOfInput()
                    takeFromLayers()
                }
                return 0
            }
            switch code {
            case EINTR: continue
            case EAGAIN: return 0
            default:
                inputEnded = true
                inputFault = .connectionLost(peer: facts.peer, reason: reason(code))
                return 0
            }
        }
    }

    /// Puts `octets` into the inbox, through the layers if there are any.
    private func absorb(_ octets: [UInt8]) {
        guard !layers.isEmpty else { return keep(octets) }
        layers.receive(octets)
        takeFromLayers()
    }

    /// Puts `octets` into the inbox.
    func keep(_ octets: [UInt8]) {
        if inbox.isEmpty { inbox = octets } else { inbox.append(contentsOf: octets) }
    }

    /// Adds `octets` to what is to be sent, through the layers if there are any.
    func queue(_ octets: [UInt8]) {
        guard outputFault == nil else { return }
        guard !layers.isEmpty else { return queueRaw(octets) }
        layers.send(octets)
        queueFromLayers()
    }

    /// Adds `octets`, as they stand, to what is to be sent.
    func queueRaw(_ octets: [UInt8]) {
        if sentCount == outbox.count {
            outbox = octets
            sentCount = 0
        } else {
            outbox.append(contentsOf: octets)
        }
    }

    /// Sends what the system takes, without waiting. A fault is kept in `outputFault`: the peer's last words go first.
    /// - Returns: octets that left.
    @discardableResult
    func sendOutbox() -> Int {
        var moved = 0
        while unsentCount > 0, outputFault == nil {
            let count = unsafe outbox.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[sentCount...])
                return isSocket
                    ? unsafe send(writing, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                    : unsafe Glibc.write(writing, rest.baseAddress, rest.count)
            }
            if count > 0 {
                sentCount += count
                moved += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return moved
            case let code: outputFault = .connectionLost(peer: facts.peer, reason: reason(code))
            }
        }
        if sentCount == outbox.count || outputFault != nil {
            outbox = []
            sentCount = 0
        }
        return moved
    }
}
