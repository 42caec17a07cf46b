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

    private static let all: [(flag: MaildirFlags, letter: Character)] = [
        (.draft, "D"), (.flagged, "F"), (.replied, "R"), (.seen, "S"),
    ]

    /// Those that the letters behind `:2,` say; others are passed over.
    init(letters: ArraySlice<UInt8>) {
        let text = String(decoding: letters, as: UTF8.self)
        self.init(Self.all.filter { text.contains($0.letter) }.map(\.flag))
    }

    /// In the order that maildir(5) demands.
    var letters: String { String(Self.all.filter { contains($0.flag) }.map(\.letter)) }
}
