// One end of a connection that is compressed in both directions, as an engine. Knows no socket and no clock.

internal import CZlib

/// Raw DEFLATE both ways (RFC 1951), as COMPRESS=DEFLATE has it (RFC 4978). Used by one thread at a time.
///
/// What the other end has compressed is made plain a piece at a time, when it is asked for: no few octets fill the
/// memory. How much they make may be more than a thousand times as much, which ``receivedCount`` lets others judge.
@safe public final class DeflateConnection {
    /// Octets of plain text given out in one piece at most.
    public static let pieceLimit = 65_536
    /// The window of the other end, which may choose the largest; ours costs both ends an eighth of that.
    private static let bits: (inflating: Int32, deflating: Int32) = (15, 12)
    private static let memoryLevel: Int32 = 5

    private let inflater: UnsafeMutablePointer<z_stream>
    private let deflater: UnsafeMutablePointer<z_stream>
    private var input: [UInt8] = []
    private var start = 0
    private var output: [UInt8] = []
    private var inputHasEnded = false
    /// Whether the last piece was as long as a piece may be, so that more may be made without any input.
    private var mayHoldMore = false
    /// What ended the other end's text; told once all good octets were taken.
    private var failure: DeflateError?

    /// Octets of compressed text that came.
    public private(set) var receivedCount = 0
    /// Whether nothing more can come, and all before that was taken.
    public private(set) var hasEnded = false

    /// - Throws: ``DeflateError`` when there is no memory for it.
    public init() throws(DeflateError) {
        unsafe inflater = .allocate(capacity: 1)
        unsafe deflater = .allocate(capacity: 1)
        unsafe inflater.initialize(to: z_stream())
        unsafe deflater.initialize(to: z_stream())
        let codes = unsafe (
            mh_inflateInit(inflater, -Self.bits.inflating),
            mh_deflateInit(deflater, Z_DEFAULT_COMPRESSION, -Self.bits.deflating, Self.memoryLevel)
        )
        // The deinit frees what was begun, as zlib minds no stream that was not.
        guard codes == (Z_OK, Z_OK) else { throw .noMemory }
    }

    deinit {
        unsafe inflateEnd(inflater)
        unsafe deflateEnd(deflater)
        unsafe inflater.deallocate()
        unsafe deflater.deallocate()
    }

    // MARK: From the other end

    /// Takes compressed octets.
    public func receive(_ octets: [UInt8]) {
        receivedCount += octets.count
        if start == input.count { input = octets } else { input = Array(input[start...]) + octets }
        start = 0
    }

    /// Nothing more comes.
    public func endOfInput() { inputHasEnded = true }

    /// The next plain octets; empty when more must come first.
    /// - Throws: ``DeflateError/broken(reason:)`` behind all good octets, again at every later call.
    public func takePlain() throws(DeflateError) -> [UInt8] {
        if let failure { throw failure }
        guard start < input.count || mayHoldMore else {
            hasEnded = hasEnded || inputHasEnded
            return []
        }
        var code = Z_OK
        var used = 0
        let made = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceLimit) { room, filled in
            unsafe input.withUnsafeMutableBufferPointer { octets in
                unsafe inflater.pointee.next_in = octets.baseAddress.map { unsafe $0 + start }
                unsafe inflater.pointee.avail_in = UInt32(octets.count - start)
                unsafe inflater.pointee.next_out = room.baseAddress
                unsafe inflater.pointee.avail_out = UInt32(room.count)
                code = unsafe inflate(inflater, Z_SYNC_FLUSH)
                unsafe used = octets.count - start - Int(inflater.pointee.avail_in)
                unsafe filled = room.count - Int(inflater.pointee.avail_out)
                // They point into memory that is not theirs to keep.
                unsafe inflater.pointee.next_in = nil
                unsafe inflater.pointee.next_out = nil
            }
        }
        start += used
        mayHoldMore = made.count == Self.pieceLimit
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            // Its last block: what follows would not be ours to read.
            (hasEnded, mayHoldMore, start) = (true, false, input.count)
        default:
            let words = unsafe inflater.pointee.msg.map { unsafe String(cString: $0) }
            let broken = DeflateError.broken(reason: words ?? "zlib's code \(code)")
            failure = broken
            if made.isEmpty { throw broken }
        }
        return made
    }

    // MARK: To the other end

    /// Takes plain octets. They are flushed whole, and what was said before is not used to compress what comes later: its
    /// length tells nothing of it.
    public func send(_ octets: [UInt8]) {
        guard !octets.isEmpty else { return }
        var octets = octets
        unsafe octets.withUnsafeMutableBufferPointer { octets in
            unsafe deflater.pointee.next_in = octets.baseAddress
            unsafe deflater.pointee.avail_in = UInt32(octets.count)
            var hasRoom = false
            while !hasRoom {
                output += unsafe [UInt8](unsafeUninitializedCapacity: 16_384) { room, filled in
                    unsafe deflater.pointee.next_out = room.baseAddress
                    unsafe deflater.pointee.avail_out = UInt32(room.count)
                    _ = unsafe deflate(deflater, Z_FULL_FLUSH)
                    hasRoom = unsafe deflater.pointee.avail_out > 0
                    unsafe filled = room.count - Int(deflater.pointee.avail_out)
                }
            }
            unsafe deflater.pointee.next_in = nil
            unsafe deflater.pointee.next_out = nil
        }
    }

    /// What goes to the other end; empty when there is nothing.
    public func takeCompressed() -> [UInt8] {
        defer { output = [] }
        return output
    }
}
