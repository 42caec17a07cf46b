// The wait of a conversation in which nobody has to speak.

import Glibc
import Reporting

extension Wire {
    /// Waits until the peer has said something that ``read(until:)`` gives, or until `alarm`. There is no pace to keep, and
    /// no part of the peer's words makes the wait longer.
    /// - Returns: whether there is something to read, be it the end.
    /// - Throws: ``TransportError``; `stopped(peer:)` when the order to stop has come.
    public func awaitInput(or alarm: Alarm) throws(TransportError) -> Bool {
        while inbox.isEmpty, !inputEnded, !layersHoldInput {
            guard reading >= 0 else { throw .closed(peer: facts.peer) }
            guard !sessionLimit.hasPassed else { throw .sessionTooLong(peer: facts.peer) }
            var watched = [
                pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
                pollfd(fd: unsentCount > 0 && outputFault == nil ? writing : -1, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: hopFate?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = unsafe poll(&watched, nfds_t(watched.count), alarm.pollTimeout)
            if ready < 0, errno != EINTR { throw .system(doing: "poll", code: errno) }
            if watched[3].revents != 0 { throw .stopped(peer: facts.peer) }
            if watched[0].revents != 0 { receive() }
            if watched[1].revents != 0 { sendOutbox() }
            guard inbox.isEmpty, !inputEnded else { return true }
            if watched[2].revents != 0, let fate = hopFate?.verdict() {
                throw .hopDied(peer: facts.peer, reason: fate)
            }
            if alarm.hasCome { return false }
        }
        return true
    }
}
