// Which mail protocol a server speaks, by its first words: to tell a wrong port from a broken server.

/// The first line of a server.
public enum ServerGreeting {
    /// The protocol that greets like this: POP3 (RFC 1939 §4), IMAP (RFC 3501 §7.1) or SMTP (RFC 5321 §3.1).
    /// - Parameter line: the line, its end left out or not.
    public static func protocolName(_ line: [UInt8]) -> String? {
        if line.starts(with: "+OK".utf8) { return "POP3" }
        if line.starts(with: "* OK".utf8) || line.starts(with: "* PREAUTH".utf8) { return "IMAP" }
        return line.starts(with: "220 ".utf8) || line.starts(with: "220-".utf8) ? "SMTP" : nil
    }

    /// What a person is to do about a server that has sent `line` and should have sent something else: the rc, if it
    /// greets in another protocol than `expected`.
    public static func advice(_ line: [UInt8], expected: String) -> String? {
        guard let name = protocolName(line), name != expected else { return nil }
        return "that is \(name): look at the service and the port in the rc"
    }
}
