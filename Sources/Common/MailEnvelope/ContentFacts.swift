// What an envelope must know of the message it is for, counted as the message came in.

import Octets

/// What the next hop is told of a message, or may not accept.
public struct ContentFacts: Sendable, Hashable {
    /// The size that MAIL announces (RFC 1870 §3): octets on the wire with CRLF line ends, without stuffed dots and the
    /// closing line.
    public var wireSize: Int
    /// Whether it has octets above 127.
    public var is8Bit: Bool
    /// Whether it has CR or NUL octets, which the wire must not carry (RFC 5321 §2.3.8, RFC 2045 §2.8).
    public var hasStrays: Bool
    /// Whether it has lines that are longer than SMTP allows (RFC 5321 §4.5.3.1.6).
    public var hasLongLines: Bool
    /// Whether its header says that it is signed, so that nothing in it may be changed.
    public var isSigned: Bool

    /// Octets of a line at most, its end not counted.
    public static let lineLimit = 998

    public init(
        wireSize: Int, is8Bit: Bool = false, hasStrays: Bool = false, hasLongLines: Bool = false, isSigned: Bool = false
    ) {
        self.wireSize = wireSize
        self.is8Bit = is8Bit
        self.hasStrays = hasStrays
        self.hasLongLines = hasLongLines
        self.isSigned = isSigned
    }

    /// The facts of the same content with `top`, whole lines in file form, above it.
    public func below(_ top: [UInt8]) -> ContentFacts {
        guard !top.isEmpty else { return self }
        var counter = ContentCounter()
        counter.count(top)
        let above = counter.facts(isSigned: false)
        return ContentFacts(
            wireSize: above.wireSize + wireSize, is8Bit: above.is8Bit || is8Bit,
            hasStrays: above.hasStrays || hasStrays, hasLongLines: above.hasLongLines || hasLongLines,
            isSigned: isSigned)
    }
}

/// Counts a message in file form as it streams by. Where the chunks are cut changes nothing.
public struct ContentCounter: Sendable {
    private var octets = 0
    private var lines = 0
    private var is8Bit = false
    private var hasStrays = false
    private var hasLongLines = false
    /// Octets since the last line end.
    private var line = 0
    private var last = Octet.lf

    public init() {}

    public mutating func count(_ chunk: [UInt8]) {
        guard let end = chunk.last else { return }
        last = end
        octets += chunk.count
        var bits: UInt8 = 0
        var strays: UInt8 = 0
        unsafe chunk.withUnsafeBufferPointer { buffer in
            // In blocks short enough for one octet to count their lines, so that the compiler can use vectors.
            var start = 0
            while start < buffer.count {
                let stop = min(start + 255, buffer.count)
                var found: UInt8 = 0
                for at in start..<stop {
                    let octet = unsafe buffer[at]
                    found &+= octet == Octet.lf ? 1 : 0
                    strays |= octet == Octet.cr || octet == Octet.nul ? 1 : 0
                    bits |= octet
                }
                lines += Int(found)
                unsafe countLine(UnsafeBufferPointer(rebasing: buffer[start..<stop]), hasEnd: found > 0)
                start = stop
            }
        }
        is8Bit = is8Bit || bits >= 0x80
        hasStrays = hasStrays || strays != 0
    }

    /// Counts how long lines are. Where it ends, a block of many lines is looked at from its end alone.
    private mutating func countLine(_ block: UnsafeBufferPointer<UInt8>, hasEnd: Bool) {
        if hasEnd {
            if line + block.count > ContentFacts.lineLimit, let end = unsafe block.firstIndex(of: Octet.lf) {
                hasLongLines = hasLongLines || line + end > ContentFacts.lineLimit
            }
            line = unsafe block.lastIndex(of: Octet.lf).map { block.count - 1 - $0 } ?? 0
        } else {
            line += block.count
        }
        hasLongLines = hasLongLines || line > ContentFacts.lineLimit
    }

    /// The facts, if the message ends here. A last line without its end gets one on the wire.
    public func facts(isSigned: Bool) -> ContentFacts {
        ContentFacts(
            wireSize: octets + lines + (last == Octet.lf ? 0 : 2), is8Bit: is8Bit, hasStrays: hasStrays,
            hasLongLines: hasLongLines, isSigned: isSigned)
    }
}
