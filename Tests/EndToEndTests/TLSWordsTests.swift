// What an account's words ask of TLS, at servers of others.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("The words about TLS")
struct TLSWordsTests {
    /// The pin of the certificate's key, made as curl(1) says.
    private static func keyPin(_ certificate: TestCertificate) throws -> String {
        let command =
            "openssl x509 -in \(certificate.certificatePath) -noout -pubkey | openssl pkey -pubin -outform DER "
            + "| openssl dgst -sha256 -binary | openssl base64"
        let result = try runProgram(["sh", "-c", command])
        return "sha256//" + result.outputText.filter { !$0.isWhitespace }
    }

    @Test(
        "FE2, ask 28: a pin of the key or of the certificate is enough, one of several will do, and another one ends it with 77",
        .needs(.dovecot))
    func pins() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(certificateNames: ["elsewhere.example"], expiredCertificate: true)
            let (key, certificate) = (try Self.keyPin(dovecot.certificate), dovecot.certificate.fingerprint)
            let other = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
            for (pins, status) in [(key, 0), (certificate, 0), ("\(other) \(key)", 0), (other, 77)] {
                let rig = FetchRig()
                rig.configure("imaps localhost:\(dovecot.imapsPort)", "tls_fingerprint \(pins)")
                let result = try rig.fetch()
                #expect(result.status == Int32(status), "\(pins): \(result)")
                if status == 77 {
                    // What to pin instead is there to be compared and copied.
                    #expect(result.errorText.contains(key) && result.errorText.contains(certificate), "\(result)")
                }
            }
        }
    }

    /// A server of openssl(1) that speaks TLS 1.2 at most.
    private static func oldServer(_ scratch: ScratchDirectory, _ more: String...) throws -> (ServerProcess, UInt16) {
        let certificate = try TestCertificate(in: scratch)
        let port = try Loopback.freePort()
        let words = [
            "openssl", "s_server", "-accept", "\(port)", "-cert", certificate.certificatePath, "-key",
            certificate.keyPath, "-tls1_2", "-quiet",
        ]
        let server = try ServerProcess(words + more, logs: [scratch.file("openssl.log")])
        try server.waitForPorts([port])
        return (server, port)
    }

    @Test("FE17: tls_min and tls_ciphers are asked of the server, which may have neither: 76")
    func versions() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let (server, port) = try Self.oldServer(scratch, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
            defer { server.stop() }
            for (line, words) in [
                ("tls_min 1.3", "speaks no version of TLS that we take"),
                ("tls_ciphers ECDHE-ECDSA-AES256-GCM-SHA384", "refused the TLS handshake or ended it"),
            ] {
                let rig = FetchRig()
                rig.configure(
                    "imaps localhost:\(port)", "tls_trust_file \(scratch.file("server.crt"))", "timeout 2", line)
                let result = try rig.fetch()
                #expect(result.status == 76 && result.errorText.contains(words), "\(line): \(result)")
            }
            // With what the server has, TLS stands, and it is the silence behind it that is told.
            let rig = FetchRig()
            rig.configure(
                "imaps localhost:\(port)", "tls_trust_file \(scratch.file("server.crt"))", "timeout 2",
                "tls_ciphers ECDHE-ECDSA-AES128-GCM-SHA256")
            #expect(try rig.fetch().status == 75)
        }
    }

    @Test("FE2: --check says what is wrong with the certificate to show, its key, and the names of suites")
    func check() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let (mine, other) = (
                try TestCertificate(in: scratch, name: "mine"), try TestCertificate(in: scratch, name: "other")
            )
            for (lines, words) in [
                (["tls_cert_file /nowhere.pem"], "/nowhere.pem: cannot be used as a certificate"),
                (
                    ["tls_cert_file \(mine.certificatePath)", "tls_key_file \(other.keyPath)"],
                    "is not the key of the certificate"
                ),
                (["tls_cert_file \(mine.certificatePath)"], "cannot be used as a private key"),
                (["tls_ciphers NOSUCH"], "tls-ciphers NOSUCH: "),
            ] {
                let rig = FetchRig()
                rig.configure("imaps localhost:1993", lines[0], lines.count > 1 ? lines[1] : "# no more")
                let result = try rig.fetch("--check")
                #expect(result.status == 78 && result.errorText.contains(words), "\(lines): \(result)")
                #expect(result.errorText.contains("mailhubrc:1"), "its line is told: \(result)")
            }
            _ = unsafe chmod(mine.keyPath, 0o644)
            let rig = FetchRig()
            rig.configure(
                "imaps localhost:1993", "tls_cert_file \(mine.certificatePath)", "tls_key_file \(mine.keyPath)")
            let result = try rig.fetch("--check")
            #expect(result.status == 0 && result.errorText.contains("chmod 600 \(mine.keyPath)"), "\(result)")
        }
    }

    @Test(
        "FE2, ask 28: roots are those of the system, or of tls_trust_file; a certificate may be vouched for by way of others"
    )
    func roots() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let script = """
                set -e; cd "$1"
                request() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null; }
                root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.crt -days 9 -subj /CN=$1 2>/dev/null; }
                sign() { openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 9 -out $1.crt -extfile $3 2>/dev/null; }
                echo basicConstraints=critical,CA:TRUE >between.ext
                echo subjectAltName=DNS:localhost >leaf.ext
                root one; root other
                request between; sign between one between.ext
                request leaf; sign leaf between leaf.ext
                """
            let made = try runProgram(["sh", "-c", script, "sh", scratch.path])
            #expect(made.status == 0, "\(made)")
            let port = try Loopback.freePort()
            let server = try ServerProcess(
                [
                    "openssl", "s_server", "-accept", "\(port)", "-cert", scratch.file("leaf.crt"), "-key",
                    scratch.file("leaf.key"), "-cert_chain", scratch.file("between.crt"), "-quiet",
                ], logs: [scratch.file("log")])
            defer { server.stop() }
            try server.waitForPorts([port])
            // Where TLS stands it is the silence behind it that is told.
            for (line, system, status) in [
                ("tls_trust_file \(scratch.file("one.crt"))", "other", 75),
                ("tls_trust_file \(scratch.file("other.crt"))", "one", 77),
                ("# as the system has it", "one", 75), ("# as the system has it", "other", 77),
            ] {
                let rig = FetchRig()
                rig.configure("imaps localhost:\(port)", "timeout 2", line)
                let result = try InstalledCommands.run(
                    ["mhfetch", "-C", rig.scratch.file("mailhubrc")],
                    environment: ["HOME": rig.scratch.path, "SSL_CERT_FILE": scratch.file("\(system).crt")])
                #expect(result.status == Int32(status), "\(line), \(system): \(result)")
            }
        }
    }
}
