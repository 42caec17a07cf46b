// Two ends of TLS in one process, and certificates of a test's own.

import Credentials
import MailTestKit

@testable import TLSEngine

/// Certificate, key and digest in a scratch directory.
final class TestCertificate {
    let directory = ScratchDirectory()
    let files: CertificatePair
    let fingerprint: CertificateFingerprint

    /// - Parameters:
    ///   - validFrom: seconds from now.
    ///   - validUntil: seconds from now.
    init(_ names: [String], validFrom: Int = -60, validUntil: Int = 3600) throws {
        files = CertificatePair(certificate: directory.file("crt.pem"), key: directory.file("key.pem"))
        fingerprint = try CertificateMaker.makeSelfSigned(
            names: names, validFrom: validFrom, validUntil: validUntil, to: files)
    }

    var trust: TLSTrust { .file(files.certificate) }
    func server() throws -> TLSContext { try TLSContext.server(certificates: [files]) }
}

/// A client and a server, and the wire between them.
struct TLSPair {
    let client: TLSConnection
    let server: TLSConnection

    init(_ certificate: TestCertificate, trust: TLSTrust? = nil, host: String) throws {
        try self.init(server: certificate.server(), trust: trust ?? certificate.trust, host: host)
    }

    init(server: TLSContext, trust: TLSTrust, host: String) throws {
        try self.init(server: server, asking: TLSClientSettings(trust: trust), host: host)
    }

    init(server: TLSContext, asking settings: TLSClientSettings, host: String) throws {
        client = try TLSConnection(client: .client(settings), to: host)
        self.server = try TLSConnection(server: server)
    }

    /// Everything that `end` has to say now.
    static func octets(of end: TLSConnection) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = end.takeCiphertext()
            if part.isEmpty { return all }
            all += part
        }
    }

    /// Carries octets both ways, in pieces of `size`, until both ends are silent.
    func carry(size: Int = .max) {
        while true {
            let fromClient = Self.octets(of: client)
            Self.hand(fromClient, to: server, size: size)
            let fromServer = Self.octets(of: server)
            Self.hand(fromServer, to: client, size: size)
            if fromClient.isEmpty, fromServer.isEmpty { return }
        }
    }

    static func hand(_ octets: [UInt8], to end: TLSConnection, size: Int) {
        var at = 0
        while at < octets.count {
            let stop = size < octets.count - at ? at + size : octets.count
            end.receive(Array(octets[at..<stop]))
            _ = try? end.advance()  // the failure is kept, and thrown at the next call again
            at = stop
        }
    }

    /// All plaintext that `end` has.
    static func plaintext(of end: TLSConnection) throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = try end.takePlaintext()
            if part.isEmpty { return all }
            all += part
        }
    }
}

/// The error that `body` throws; `nil` when it throws none.
func tlsError(_ body: () throws -> Void) -> TLSError? {
    do {
        try body()
        return nil
    } catch {
        return error as? TLSError
    }
}

extension SplitMix {
    /// `count` octets, the same for the same seed.
    mutating func octets(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 24) } }
}
