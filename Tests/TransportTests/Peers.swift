// The far end of a connection under test: raw descriptors in the hands of the test.

import Blocking
import Credentials
import Glibc
import InternetAddress
import MailTestKit
import TLSEngine
import Transport

/// A connected pair: our wire, and the peer's raw, blocking descriptor.
struct Pair {
    let wire: Wire
    let peer: Int32

    init(fate: (any HopFate)? = nil, sessionLimit: Deadline = .never, stop: Int32 = -1) {
        var both: [Int32] = [-1, -1]
        let code = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &both)
        precondition(code == 0)
        wire = Wire(
            socket: both[0], facts: WireFacts(peer: "peer.test:110"), hopFate: fate, sessionLimit: sessionLimit,
            stop: stop)
        peer = both[1]
    }

    func say(_ text: String) { put(Array(text.utf8), on: peer) }
    /// By word, not by closing alone: a child of another test holds our descriptors until its exec, and what we say
    /// meanwhile would be lost to a peer that is still there.
    func hangUp() {
        _ = shutdown(peer, Int32(SHUT_RDWR))
        _ = close(peer)
    }
    /// What the peer has received so far, read until end of file.
    func heard() -> [UInt8] { takeAll(from: peer) }
}

/// Writes all of `octets` to a blocking descriptor.
func put(_ octets: [UInt8], on descriptor: Int32) {
    var sent = 0
    while sent < octets.count {
        let count = unsafe octets.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress! + sent, octets.count - sent, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        sent += count
    }
}

/// Reads up to `count` octets from a blocking descriptor; fewer at the end of file.
func take(_ count: Int, from descriptor: Int32) -> [UInt8] {
    var octets: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while octets.count < count {
        let wanted = min(chunk.count, count - octets.count)
        let got = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, wanted) }
        guard got > 0 else { break }
        octets.append(contentsOf: chunk[..<got])
    }
    return octets
}

func takeAll(from descriptor: Int32) -> [UInt8] { take(.max, from: descriptor) }

extension Wire {
    func readText(within duration: Duration = .seconds(5)) throws -> String {
        String(decoding: try read(until: Deadline(after: duration)), as: UTF8.self)
    }
}

/// A listening socket on loopback with a port of the system's choice.
final class Listener: Sendable {
    let descriptor: Int32
    let port: UInt16

    init(_ host: String = "127.0.0.1", backlog: Int32 = 8) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        descriptor = listener
        let code = IPAddress(host).map { unsafe Endpoint($0).withSystemShape { unsafe bind(listener, $0, $1) } }
        precondition(code == 0 && listen(listener, backlog) == 0)
        port = Endpoint.of(socket: listener, peer: false)?.port ?? 0
    }

    deinit { _ = close(descriptor) }

    func accepted() -> Int32 { accept(descriptor, nil, nil) }
}

/// A server's certificate, and the clients that demand it.
final class Certified: Sendable {
    private let scratch = ScratchDirectory()
    private let files: CertificatePair
    private let name: String

    init(_ name: String = "peer.test") throws {
        files = CertificatePair(certificate: scratch.file("cert.pem"), key: scratch.file("key.pem"))
        self.name = name
        try CertificateMaker.makeSelfSigned(
            names: [name], days: 2, to: files)
    }

    func server() throws -> TLSContext { try TLSContext.server(certificates: [files]) }
    var demand: TLSDemand { demand(of: name) }
    func demand(of name: String) -> TLSDemand {
        TLSDemand(context: .client(trust: .file(files.certificate)), name: name)
    }
}
