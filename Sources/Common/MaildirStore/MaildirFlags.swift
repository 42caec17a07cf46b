// The flags of a message in a Maildir, as they come with it from elsewhere.

/// Letters behind `:2,` in the name of a file in cur (maildir(5)). There is no `T`: what another client means to delete
/// elsewhere is not deleted here.
public struct MaildirFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let draft = MaildirFlags(rawValue: 1)
    public static let flagged = MaildirFlags(rawValue: 2)
    public static let replied = MaildirFlags(rawValue: 4)
    public static let seen = MaildirFlags(rawValue: 8)

    /// In the order that maildir(5) demands.
    var letters: String {
        let all: [(MaildirFlags, String)] = [(.draft, "D"), (.flagged, "F"), (.replied, "R"), (.seen, "S")]
        return all.filter { contains($0.0) }.map(\.1).joined()
    }
}
