// A client of line protocols that can do what polite clients never do: any octets, replies line by line, a deadline.

import Blocking
import Glibc

/// A connection in clear to a server on the loopback, to be used by one thread.
public final class LineClient {
    private var socket: SocketEnd
    private let deadline: Deadline

    /// - Parameter patience: for the whole conversation.
    /// - Throws: ``KitError`` when nobody listens on `port`.
    public init(port: UInt16, patience: Duration = .seconds(30)) throws(KitError) {
        socket = SocketEnd(try Loopback.connect(to: port))
        deadline = Deadline(after: patience)
    }

    deinit { Glibc.close(socket.descriptor) }

    public func send(_ octets: [UInt8]) throws(KitError) {
        do { try socket.write(octets, until: deadline) } catch { throw KitError("cannot send: \(error)") }
    }

    public func send(_ text: String) throws(KitError) { try send(Array(text.utf8)) }

    /// The next line without its line end.
    /// - Throws: ``KitError`` when the server closes, or none comes in time.
    public func line() throws(KitError) -> String {
        do {
            return String(decoding: try socket.line(until: deadline), as: UTF8.self)
        } catch {
            throw KitError("no line came: \(error)")
        }
    }

    /// The lines of an SMTP reply, or the first line of a POP3 response.
    public func reply() throws(KitError) -> [String] {
        var lines = [try line()]
        while let last = lines.last, last.dropFirst(3).hasPrefix("-"), last.first?.isNumber == true {
            lines.append(try line())
        }
        return lines
    }

    /// Sends `command`, and returns the last line of the reply.
    @discardableResult
    public func say(_ command: String) throws(KitError) -> String {
        try send(command + "\r\n")
        return try reply().last ?? ""
    }

    /// All that comes until the server closes, as text.
    /// - Throws: ``KitError`` when it does not close in time.
    public func rest() throws(KitError) -> String {
        var octets: [UInt8] = []
        do {
            while true { octets += try socket.rawLine(until: deadline) }
        } catch .gone {
            return String(decoding: octets, as: UTF8.self)
        } catch {
            throw KitError("the server does not close; so far: \(String(decoding: octets, as: UTF8.self))")
        }
    }

    /// Shuts down the sending side.
    public func closeSending() { shutdown(socket.descriptor, Int32(SHUT_WR)) }
}
