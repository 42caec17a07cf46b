// Both ends of a compressed connection.

import Testing

@testable import DeflateEngine

@Suite("A compressed connection")
struct DeflateConnectionTests {
    private func taken(from end: DeflateConnection) throws(DeflateError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = try end.takePlain()
            if piece.isEmpty { return all }
            all += piece
        }
    }

    private static let lines = ["a1 NOOP\r\n", "* OK héllo\r\na1 OK done\r\n", String(repeating: "x", count: 100_000)]

    @Test("each of our writes is there, whole, wherever the network cuts it")
    func everySplit() throws {
        for text in Self.lines {
            let plain = Array(text.utf8)
            let wire: [UInt8]
            do {
                let ours = try DeflateConnection()
                ours.send(plain)
                wire = ours.takeCompressed()
                #expect(ours.takeCompressed().isEmpty)
            }
            for cut in wire.indices {
                let theirs = try DeflateConnection()
                theirs.receive(Array(wire[..<cut]))
                var all = try taken(from: theirs)
                theirs.receive(Array(wire[cut...]))
                all += try taken(from: theirs)
                #expect(all == plain && theirs.receivedCount == wire.count, "cut before octet \(cut)")
            }
        }
    }

    @Test("a conversation goes on for long, and what was said before compresses nothing that comes later")
    func conversation() throws {
        let (ours, theirs) = (try DeflateConnection(), try DeflateConnection())
        let secret = Array("the same words, and none of them shorter for having been said before\r\n".utf8)
        var lengths: Set<Int> = []
        for _ in 0..<1000 {
            ours.send(secret)
            let wire = ours.takeCompressed()
            lengths.insert(wire.count)
            theirs.receive(wire)
            #expect(try taken(from: theirs) == secret)
        }
        #expect(lengths.count <= 2, "\(lengths)")
        ours.send([])
        #expect(ours.takeCompressed().isEmpty)
    }

    @Test("FE9: a thousand times as much as came is given out in small pieces, and none of it is lost")
    func bomb() throws {
        let ours = try DeflateConnection()
        let plain = [UInt8](repeating: 0x61, count: 8 << 20)
        ours.send(plain)
        let wire = ours.takeCompressed()
        #expect(plain.count / wire.count > 200)
        let theirs = try DeflateConnection()
        theirs.receive(wire)
        var count = 0
        while true {
            let piece = try theirs.takePlain()
            if piece.isEmpty { break }
            #expect(piece.count <= DeflateConnection.pieceLimit)
            count += piece.count
        }
        #expect(count == plain.count)
    }

    @Test("what is no DEFLATE is told, behind all that is, and again; a stream that is ended is the end")
    func broken() throws {
        // Also where it is known with the last octet that came.
        for count in [1, 3] {
            let (ours, theirs) = (try DeflateConnection(), try DeflateConnection())
            ours.send(Array("good".utf8))
            theirs.receive(ours.takeCompressed() + [UInt8](repeating: 0xFF, count: count))
            #expect(try theirs.takePlain() == Array("good".utf8))
            for _ in 0..<2 {
                #expect(throws: DeflateError.broken(reason: "invalid block type")) { try theirs.takePlain() }
            }
        }
        let other = try DeflateConnection()
        other.receive([0x03, 0x00] + Array("more".utf8))  // an empty last block
        #expect(try other.takePlain().isEmpty && other.hasEnded)
        let cut = try DeflateConnection()
        cut.endOfInput()
        #expect(try cut.takePlain().isEmpty && cut.hasEnded)
    }
}
