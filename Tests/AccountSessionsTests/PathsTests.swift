// The way to a server is what the rc says of it, and there is one place that reads it.

import Credentials
import InternetAddress
import MailTestKit
import Testing

@testable import AccountSessions
@testable import RunControl
@testable import TLSEngine
@testable import Transport

@Suite struct PathsTests {
    private static let pin = String(repeating: "AB:", count: 31) + "AB"

    /// The settings of an rc with one account, which says `words` besides.
    private func settings(_ words: String..., top: String = "") throws -> HubSettings {
        let lines =
            [top, "mailbox alice", "account home", "  user alice", "  password secret"] + words.map { "  \($0)" }
        return try HubSettings.read(
            Array((lines.joined(separator: "\n") + "\n").utf8), source: "rc",
            context: ProcessContext(environment: ["HOME": "/home/alice"]))
    }

    private func path(_ settings: HubSettings, _ side: AccountSide = \.fetchServer) throws -> Path {
        let account = try #require(settings.account("home"))
        return try Paths(settings).path(for: .account("home", try #require(account[keyPath: side])))
    }

    private func asked(_ path: Path) -> TLSClientSettings? {
        guard case .client(let settings) = path.demand?.context.role else { return nil }
        return settings
    }

    private func trust(_ path: Path) -> TLSTrust? { asked(path)?.trust }

    @Test("an account's words become its path")
    func words() throws {
        let rc = try settings(
            "owner alice", "fetch imaps mail.example.org", "send submission 192.0.2.1:5870", "inet 6", "timeout 30s")
        let fetch = try path(rc)
        #expect((fetch.host, fetch.port) == ("mail.example.org", 993))
        #expect(fetch.beginsWithTLS)
        #expect(fetch.demand?.name == "mail.example.org")
        #expect(trust(fetch) == .system)
        #expect(fetch.family == rc.account("home")?.inet && fetch.family != .any)
        #expect(fetch.source == nil)
        #expect(fetch.patience == .seconds(30))
        guard case .here = fetch.names else {
            Issue.record("a direct path resolves its names elsewhere")
            return
        }
        let send = try path(rc, \.sendServer)
        #expect((send.host, send.port) == ("192.0.2.1", 5870))
        #expect(!send.beginsWithTLS)
        #expect(send.demand?.name == "192.0.2.1")
        let from = try settings("owner alice", "fetch pop3 mail.example.org", "source-ip 127.0.0.1")
        #expect(try path(from).source == IPAddress("127.0.0.1"))
    }

    @Test(
        "TLS must meet the pins, else whom the account's file or the hub's file vouches for, by the name the rc gives")
    func demands() throws {
        let host = "fetch imaps mail.example.org"
        #expect(
            try trust(path(settings("owner alice", host, top: "tls_trust_file /etc/hub.pem"))) == .file("/etc/hub.pem"))
        let own = try path(
            settings("owner alice", host, "tls_trust_file /etc/own.pem", "tls_host_override other.example.org"))
        #expect(trust(own) == .file("/etc/own.pem"))
        #expect(own.demand?.name == "other.example.org")
        let pinned = try path(settings("owner alice", host, "tls_fingerprint \(Self.pin)"))
        #expect(trust(pinned) == .pins([try #require(CertificatePin(Self.pin))]))
    }

    @Test("TLS shows the account's certificate, and is of the version and the suites that it says")
    func asksOfTLS() throws {
        for side in [\AccountSettings.fetchServer, \.sendServer] as [AccountSide] {
            let rc = try settings(
                "owner alice", "fetch imaps a.example", "send submission a.example", "tls_cert_file /a.crt",
                "tls_key_file /a.key", "tls_min 1.3", "tls_ciphers A:B C")
            let asked = asked(try path(rc, side))
            #expect(asked?.certificate == CertificatePair(certificate: "/a.crt", key: "/a.key"))
            #expect(asked?.leastVersion == .v13 && asked?.ciphers == ["A", "B", "C"])
        }
        let plain = asked(try path(settings("owner alice", "fetch imaps a.example", "tls_cert_file /b.pem")))
        #expect(plain?.certificate == CertificatePair(certificate: "/b.pem", key: "/b.pem"))
        #expect(plain?.leastVersion == .v12 && plain?.ciphers == [])
    }

    @Test("accounts that trust alike share what it costs to trust")
    func shared() throws {
        let rc = try settings("owner alice", "fetch imaps mail.example.org", "send submission other.example.org")
        let (paths, account) = (Paths(rc), try #require(rc.account("home")))
        let fetch = try paths.path(for: .account("home", try #require(account.fetchServer)))
        let send = try paths.path(for: .account("home", try #require(account.sendServer)))
        #expect(fetch.demand?.context === send.demand?.context)
    }

    @Test("an account that demands a chain gets no path around it")
    func chain() throws {
        var rc = try settings("owner alice", "fetch imaps mail.example.org")
        rc.accounts[0].via = "abroad"
        let expected = PathError.noChain("abroad", account: "home", position: rc.accounts[0].position)
        #expect(throws: expected) { try path(rc) }
        #expect(
            expected.description
                == "rc:3:9: account home goes over the chain abroad, and this release cannot connect over a chain yet")
        #expect(expected.exitStatus == .configuration)
        let server = try #require(rc.accounts[0].fetchServer)
        #expect(throws: PathError.noAccount("nobody")) { try Paths(rc).path(for: .account("nobody", server)) }
    }

    @Test("nobody else makes a path, or says whom TLS must meet")
    func onlyMaker() throws {
        var makers: Set<String> = []
        for file in try Project.swiftFiles(below: "Sources") {
            if try Project.text("Sources/\(file)").contains(/\b(Path|TLSDemand)\(/) { makers.insert(file) }
        }
        #expect(makers == ["Common/AccountSessions/Paths.swift"])
    }
}
