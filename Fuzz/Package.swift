// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// A fuzz target over rooms of the hub. Their coverage comes from the command line: see README.md.
func fuzz(_ name: String, over rooms: String...) -> Target {
    .executableTarget(
        name: name, dependencies: ["FuzzKit"] + rooms.map { .product(name: $0, package: "mailhub") },
        swiftSettings: house)
}

let package = Package(
    name: "mailhub-fuzz",
    dependencies: [.package(name: "mailhub", path: "..")],
    targets: [
        .systemLibrary(name: "CFuzzer"),
        .target(name: "FuzzKit", dependencies: ["CFuzzer"], swiftSettings: house),
        fuzz("FuzzOctets", over: "Octets"),
        fuzz("FuzzAddressList", over: "MailFormat"),
        fuzz("FuzzHeader", over: "MailFormat"),
        fuzz("FuzzMIME", over: "MailFormat"),
        fuzz("FuzzSASL", over: "SASLMechanisms"),
        fuzz("FuzzRecordData", over: "Resolver"),
        fuzz("FuzzSMTPServer", over: "SMTPProtocol", "MailEnvelope", "MailFormat", "Octets"),
        fuzz("FuzzSMTPClient", over: "SMTPProtocol", "MailEnvelope", "MailFormat", "Octets"),
        fuzz("FuzzPOP3Server", over: "POP3Protocol"),
        fuzz("FuzzPOP3Client", over: "POP3Protocol"),
        fuzz("FuzzIMAPClient", over: "IMAPProtocol"),
        fuzz("FuzzRunControl", over: "RunControl"),
        fuzz("FuzzAliases", over: "MailAliases", "MailFormat", "MailRouting"),
        fuzz("FuzzSpoolQueue", over: "SpoolQueue", "MailEnvelope", "MailFormat", "Octets"),
    ]
)
