// What a listener offers and allows.

/// The settings of one server conversation.
public struct SMTPServerOptions: Sendable, Hashable {
    public enum Mode: Sendable, Hashable {
        /// Mail from anyone for our own (RFC 5321).
        case mail
        /// Mail from those who log in (RFC 6409).
        case submission
        /// Mail from a program of this machine, whose user is known: nobody logs in.
        case local
        /// Delivery with a verdict for each recipient (RFC 2033).
        case lmtp
    }

    /// What becomes of bare CR, bare LF and NUL in content.
    public enum LineEnds: Sendable, Hashable {
        /// 550 and close.
        case refuse
        /// Bare LF ends a line, bare CR and NUL stay: for printers on private networks. Command lines may end in LF,
        /// too.
        case repair
    }

    public var mode: Mode
    /// The name in the greeting; without CR, LF or blanks.
    public var hostname: String
    /// The largest message in octets as stored; `nil` for no limit.
    public var sizeLimit: Int?
    /// Whether STARTTLS is offered.
    public var offersTLS = false
    /// The SASL mechanisms, in capitals; without any, AUTH is not offered.
    public var mechanisms: [String] = []
    /// Whether AUTH is offered without TLS, too. Passwords then cross the network for all to read.
    public var authenticatesInClear = false
    public var lineEnds = LineEnds.refuse
    /// The domain that completes an address without one; `nil` refuses such addresses.
    public var qualify: String?
    /// Whether a recipient may stay without a domain, for the caller to complete.
    public var takesBareNames = false
    /// Recipients of one transaction, told to clients by LIMITS (RFC 9422).
    public var recipientLimit = SMTPLimits.recipients
    /// How many errors close the connection; an accepted message resets the count.
    public var errorLimit = SMTPLimits.errors
    /// Commands that lead nowhere since the last message accepted; the next one closes the connection.
    public var idleCommandLimit = SMTPLimits.idleCommands
    /// Recipients refused since the last message accepted; the next RCPT closes the connection.
    public var refusedRecipientLimit = SMTPLimits.refusedRecipients

    /// Whether senders may ask for notices (RFC 3461). A stranger may not: a notice of success to the address in MAIL
    /// would be mail that we send to others at a stranger's word.
    public var offersDSN: Bool { mode != .mail }

    public init(mode: Mode, hostname: String, sizeLimit: Int? = 50 << 20) {
        self.mode = mode
        self.hostname = hostname
        self.sizeLimit = sizeLimit
    }
}
