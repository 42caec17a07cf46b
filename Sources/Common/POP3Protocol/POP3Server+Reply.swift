// What a POP3 server says: each reply and its form on the wire. No text can break a line.

import Octets

extension POP3Server {
    /// One message of LIST.
    public struct Size: Hashable, Sendable {
        public let message: Int
        public let octets: Int
        public init(message: Int, octets: Int) {
            self.message = message
            self.octets = octets
        }
    }

    /// One message of UIDL.
    public struct UniqueID: Hashable, Sendable {
        public let message: Int
        public let id: [UInt8]
        public init(message: Int, id: [UInt8]) {
            self.message = message
            self.id = id
        }
    }

    /// An answer, or a part of one.
    public enum Reply: Hashable, Sendable {
        /// The first line of the session.
        case greeting(String)
        case ok(String)
        /// Outside of a command (`awaitingReply` is false) a farewell: close after it.
        case err(POP3ResponseCode?, String)
        /// The answer to ``Event/fault(_:)``.
        case fault(Fault)
        /// A challenge of AUTH, not yet in base64.
        case challenge([UInt8])
        /// All of CAPA.
        case capabilities([String])
        case stat(messages: Int, octets: Int)
        case size(Size)
        case uniqueID(UniqueID)
        /// LIST or UIDL of all: begins here, goes on with any number of `.sizes` or `.uniqueIDs`, ends with `.listEnd`.
        case listBegin(String)
        case sizes([Size])
        case uniqueIDs([UniqueID])
        case listEnd
        /// RETR (with its octet count) or TOP (without): `.content` follows, `.contentEnd` ends it.
        case contentBegin(octets: Int?)
        /// Content in file form: LF line ends. A file that holds CRLF goes through `LineEndDecoder` first.
        case content([UInt8])
        case contentEnd
    }

    /// RFC 1939 §3: a reply has at most 512 octets, line end included.
    static let replyLimit = 512

    /// The octets of `reply`; `dots` encodes the content of one message, piece by piece.
    static func octets(of reply: Reply, dots: inout DotEncoder) -> [UInt8] {
        switch reply {
        case .greeting(let text), .ok(let text), .listBegin(let text): return line("+OK", text)
        case .err(let code, let text):
            let bracketed = code.map { "[\(String(decoding: $0.octets, as: UTF8.self))] " } ?? ""
            return line("-ERR", bracketed + text)
        case .fault(let fault): return line("-ERR", fault.text)
        case .challenge(let octets): return [0x2B, Octet.space] + Base64.encode(octets) + [Octet.cr, Octet.lf]
        case .capabilities(let names):
            return line("+OK", "what this server can do") + names.flatMap { line("", $0) } + end
        case .stat(let messages, let octets): return line("+OK", "\(messages) \(octets)")
        case .size(let size): return line("+OK", "\(size.message) \(size.octets)")
        case .uniqueID(let entry): return [UInt8]("+OK ") + Self.line(of: entry)
        case .sizes(let sizes):
            var octets: [UInt8] = []
            octets.reserveCapacity(sizes.count * 16)
            for size in sizes { octets += Array("\(size.message) \(size.octets)\r\n".utf8) }
            return octets
        case .uniqueIDs(let entries):
            var octets: [UInt8] = []
            octets.reserveCapacity(entries.count * 48)
            for entry in entries { octets += line(of: entry) }
            return octets
        case .listEnd: return end
        case .contentBegin(let octets):
            dots = DotEncoder()
            return line("+OK", octets.map { "\($0) octets" } ?? "the top of the message")
        case .content(let file):
            var wire: [UInt8] = []
            wire.reserveCapacity(file.count + file.count / 32 + 16)
            dots.encode(file, in: 0..<file.count, into: &wire)
            return wire
        case .contentEnd:
            var wire: [UInt8] = []
            dots.finish(into: &wire)
            return wire
        }
    }

    private static let end: [UInt8] = [Octet.dot, Octet.cr, Octet.lf]

    private static func line(of entry: UniqueID) -> [UInt8] {
        let id = entry.id.prefix(70).map { $0 >= 0x21 && $0 <= 0x7E ? $0 : 0x3F }
        return Array("\(entry.message) ".utf8) + id + [Octet.cr, Octet.lf]
    }

    /// `status text` in one line: control characters become `?`, what exceeds the limit is cut off.
    private static func line(_ status: String, _ text: String) -> [UInt8] {
        var octets = Array(status.utf8)
        if !octets.isEmpty, !text.isEmpty { octets.append(Octet.space) }
        octets += text.utf8.map { $0 < Octet.space || $0 == 0x7F ? 0x3F : $0 }
        return octets.prefix(replyLimit - 2) + [Octet.cr, Octet.lf]
    }
}
