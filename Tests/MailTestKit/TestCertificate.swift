// A self-signed certificate for localhost, made by openssl(1), so that no code of ours vouches for itself.

/// A key and a certificate in PEM files; a client whose trust file is `certificatePath` trusts it.
public struct TestCertificate: Sendable {
    public let certificatePath: String
    public let keyPath: String
    /// SHA-256 of the certificate, as `AB:CD:…`.
    public let fingerprint: String

    /// - Parameters:
    ///   - names: the DNS names and IPv4 addresses that the certificate is for; the first is its subject.
    ///   - expired: whether the certificate expired yesterday.
    /// - Throws: ``KitError`` when openssl(1) is missing or fails.
    public init(
        in scratch: ScratchDirectory, name: String = "server",
        names: [String] = ["localhost", "127.0.0.1"],
        expired: Bool = false
    ) throws(KitError) {
        certificatePath = scratch.file("\(name).crt")
        keyPath = scratch.file("\(name).key")
        let alternatives = names.map {
            $0.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\($0)" : "DNS:\($0)"
        }
        let request = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", keyPath, "-out", certificatePath, "-days", "30", "-subj",
            "/CN=\(names.first ?? "localhost")",
            "-addext", "subjectAltName=\(alternatives.joined(separator: ","))",
        ]
        try Self.run(request)
        if expired {
            // Signed again with its own key, with an end that has passed.
            try Self.run([
                "openssl", "x509", "-in", certificatePath, "-signkey", keyPath, "-days", "-1", "-out",
                certificatePath,
            ])
        }
        let text = try Self.run([
            "openssl", "x509", "-in", certificatePath, "-noout", "-fingerprint", "-sha256",
        ])
        fingerprint =
            text.split(separator: "=").last.map { String($0.filter { !$0.isWhitespace }) } ?? ""
    }

    @discardableResult
    private static func run(_ arguments: [String]) throws(KitError) -> String {
        let result = try runProgram(arguments)
        guard result.status == 0 else {
            throw KitError("\(arguments.joined(separator: " ")): \(result)")
        }
        return result.outputText
    }
}
