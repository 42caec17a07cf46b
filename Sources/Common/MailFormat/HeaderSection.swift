// The header section of a message (RFC 5322 §2.1) as octets and ranges: nothing is decoded, folding is kept.

import Octets

/// One header field: where its name and its body stand in the octets of its ``HeaderSection``.
public struct HeaderField: Sendable, Hashable {
    /// The name without the colon.
    public let name: Range<Int>
    /// Everything behind the colon up to the field's last line end, which is left out; inner line ends are kept.
    public internal(set) var body: Range<Int>
    /// The whole field, its last line end included.
    public internal(set) var whole: Range<Int>
}

/// The header fields of a message, in order, over the octets they stand in.
public struct HeaderSection: Sendable, Hashable {
    /// What ended the section.
    public enum End: Sendable, Hashable {
        /// An empty line, which belongs neither to the header nor to the body.
        case blankLine
        /// A line that is no field: it is the first line of the body.
        case garbage
        /// The message has no body, and perhaps no last line end either.
        case endOfMessage
        /// The section exceeds the ``HeaderScanner/Bounds``. The fields before the one that was too much are here; that
        /// one begins the body.
        case tooLong
    }

    /// All octets of the section in file form (LF), the closing empty line not included.
    public let octets: [UInt8]
    public let fields: [HeaderField]
    /// The `From ` line that an mbox puts before a message, its line end included.
    public let mboxLine: Range<Int>?
    public let end: End

    /// Reads the header of a message that is in memory; the body is passed over.
    public init(of message: [UInt8]) {
        var scanner = HeaderScanner()
        scanner.append(message)
        self = scanner.finish()
    }

    init(octets: [UInt8], fields: [HeaderField], mboxLine: Range<Int>?, end: End) {
        self.octets = octets
        self.fields = fields
        self.mboxLine = mboxLine
        self.end = end
    }

    /// Whether the message was resent (RFC 5322 §3.6.6): its other fields are then those of the original.
    public var isResent: Bool { ResentBlock(in: self) != nil }

    /// Whether the message is signed although a line of its header is no field, so that readers disagree where its body
    /// begins, and thus what was signed.
    public var hasBrokenSignature: Bool { end == .garbage && isSigned }

    /// ``octets`` without the ``mboxLine``.
    public var octetsOfFields: ArraySlice<UInt8> { octets[(mboxLine?.upperBound ?? 0)...] }

    /// Whether `field` is called `name`, ASCII case aside.
    public func isNamed(_ field: HeaderField, _ name: StaticString) -> Bool {
        field.name.count == name.utf8CodeUnitCount && octets[field.name].equalsIgnoringCase(name)
    }

    /// Whether `field` is called `name`, which a person has chosen; ASCII case aside.
    public func isNamed(_ field: HeaderField, _ name: String) -> Bool {
        field.name.count == name.utf8.count
            && zip(octets[field.name], name.utf8).allSatisfy { Octet.lowercased($0) == Octet.lowercased($1) }
    }

    /// The fields called `name`, in order.
    public func fields(named name: StaticString) -> [HeaderField] { fields.filter { isNamed($0, name) } }

    /// The first field called `name`.
    public func first(_ name: StaticString) -> HeaderField? { fields.first { isNamed($0, name) } }

    /// The body of `field` on one line: folding undone (RFC 5322 §2.2.3), white space at both ends cut off.
    public func unfolded(_ field: HeaderField) -> [UInt8] {
        var line = octets[field.body].filter { $0 != Octet.lf }
        // A CR is part of a line end only in foreign files; inside the text it stays.
        while let last = line.last, last == Octet.space || last == Octet.tab || last == Octet.cr { line.removeLast() }
        let lead = line.prefix { $0 == Octet.space || $0 == Octet.tab }.count
        line.removeFirst(lead)
        return line
    }
}
