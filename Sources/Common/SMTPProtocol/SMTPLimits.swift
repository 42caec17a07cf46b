// The bounds of SMTP, each with its source.

/// How much a peer may send us, in octets unless the name says otherwise.
public enum SMTPLimits {
    /// A command line, CRLF included: 512 (RFC 5321 §4.5.3.1.4) plus what the extensions add to MAIL and RCPT: SIZE 26
    /// (RFC 1870 §3), BODY 17 (RFC 6152 §2), SMTPUTF8 10 (RFC 6531 §3.1), AUTH 500 (RFC 4954 §3), DSN 528 (RFC 3461
    /// §4), and room for UTF-8 local parts: rounded up.
    public static let commandLine = 2048
    /// A command line that no extension has lengthened, CRLF included (RFC 5321 §4.5.3.1.4): what we send of AUTH, whose
    /// initial response must fit it (RFC 4954 §4).
    public static let plainCommandLine = 512
    /// An AUTH line or a SASL response that is accepted, CRLF included (RFC 4954 §4).
    public static let authenticationLine = 12_288
    /// A line of a reply, CRLF included. RFC 5321 §4.5.3.1.5 says 512; servers send more, so we accept what Postfix
    /// does (`line_length_limit`).
    public static let replyLine = 2048
    /// Lines of one reply. No RFC bounds them; the longest EHLO answers known have about 20.
    public static let replyLines = 128
    /// The whole reply to the final dot: more than anybody sends by mistake, since a positive one counts however it is
    /// written.
    public static let verdict = 1 << 20
    /// A line of a reply that we send, code and CRLF included (RFC 5321 §4.5.3.1.5).
    public static let ownReplyLine = 512
    /// Recipients of one transaction: the minimum that RFC 5321 §4.5.3.1.8 demands of a server.
    public static let recipients = 100
    /// The name in EHLO (RFC 5321 §4.5.3.1.2).
    public static let domain = 255
    /// ORCPT, as it stands on the wire (RFC 3461 §4.2).
    public static let originalRecipient = 500
    /// The name of a SASL mechanism, in characters (RFC 4422 §3.1).
    public static let mechanismName = 20
    /// Challenges of one login, as in POP3 and IMAP: no mechanism needs more than a few.
    public static let challenges = 32
    /// Errors until a server closes. No RFC says; Postfix has 20, chasquid 3.
    public static let errors = 10
    /// Commands that lead nowhere (NOOP, RSET, VRFY, HELP, EHLO) since the last message accepted; as Postfix
    /// (`smtpd_junk_command_limit`).
    public static let idleCommands = 100
    /// Recipients refused since the last message accepted: ten times what a transaction must allow.
    public static let refusedRecipients = 1000
}
