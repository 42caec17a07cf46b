// Octets waiting their turn, taken from the front.

/// A first-in first-out queue of octets that copies little: an empty queue takes an array over as it is.
struct OctetQueue {
    private var octets: [UInt8] = []
    private var start = 0

    var count: Int { octets.count - start }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ more: [UInt8]) {
        if isEmpty {
            octets = more
            start = 0
            return
        }
        // The front is dropped once it is the bigger half: each octet is moved at most once on average.
        if start > octets.count / 2 {
            octets.removeFirst(start)
            start = 0
        }
        octets.append(contentsOf: more)
    }

    /// Lends the first octets, at most `limit`, to `body`, and drops as many as it says it took.
    mutating func consume(atMost limit: Int, _ body: (UnsafeRawBufferPointer) -> Int) {
        let length = min(limit, count)
        let taken = unsafe octets.withUnsafeBytes {
            unsafe body(UnsafeRawBufferPointer(rebasing: $0[start..<start + length]))
        }
        start += min(max(0, taken), length)
        if isEmpty { removeAll() }
    }

    mutating func removeAll() {
        octets = []
        start = 0
    }
}
