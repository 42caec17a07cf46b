// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// One room of the common house: a folder, a module of the same name, one concept. Imports go only down.
func room(_ name: String, uses: Target.Dependency...) -> Target {
    .target(name: name, dependencies: uses, path: "Sources/Common/\(name)", swiftSettings: house)
}

/// A C library of the system, seen through its `shims.h`.
func library(_ name: String, pkgConfig: String? = nil) -> Target {
    .systemLibrary(name: name, path: "Sources/Common/SystemLibraries/\(name)", pkgConfig: pkgConfig)
}

func command(_ name: String, uses: Target.Dependency...) -> Target {
    .executableTarget(name: name, dependencies: uses, path: "Sources/\(name)", swiftSettings: house)
}

func tests(of name: String, uses: Target.Dependency...) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: name), "MailTestKit"] + uses,
        path: "Tests/\(name)Tests", swiftSettings: house)
}

/// Tests of what is inside a command: its module is imported, its `main` does not run.
func tests(ofCommand command: String, as name: String, uses: Target.Dependency...) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: command), "MailTestKit"] + uses,
        path: "Tests/\(name)Tests", swiftSettings: house)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let package = Package(
    name: "mailhub",
    // The rooms that read foreign input: what Fuzz/ is built on.
    products: [
        .library(name: "Octets", targets: ["Octets"]),
        .library(name: "InternetAddress", targets: ["InternetAddress"]),
        .library(name: "MailFormat", targets: ["MailFormat"]),
        .library(name: "MailEnvelope", targets: ["MailEnvelope"]),
        .library(name: "MailRouting", targets: ["MailRouting"]),
        .library(name: "MailAliases", targets: ["MailAliases"]),
        .library(name: "SASLMechanisms", targets: ["SASLMechanisms"]),
        .library(name: "Resolver", targets: ["Resolver"]),
        .library(name: "SMTPProtocol", targets: ["SMTPProtocol"]),
        .library(name: "POP3Protocol", targets: ["POP3Protocol"]),
        .library(name: "IMAPProtocol", targets: ["IMAPProtocol"]),
        .library(name: "RunControl", targets: ["RunControl"]),
        .library(name: "SpoolQueue", targets: ["SpoolQueue"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        library("CMHSys"),
        library("COpenSSL", pkgConfig: "openssl"),
        library("CUnbound"),
        library("CIDN2"),
        library("CMaxMindDB", pkgConfig: "libmaxminddb"),
        library("CGPGME", pkgConfig: "gpgme"),
        library("CSSH2", pkgConfig: "libssh2"),
        library("CZlib", pkgConfig: "zlib"),

        // The floors of docs/architecture.md, which a test compares with this.
        // Floor 0: words: octets, addresses, files that stay, waiting
        room("Octets"),
        room("Reporting", uses: "CMHSys"),
        room("InternetAddress"),
        room("MailFormat", uses: "Octets", "InternetAddress"),
        room("Credentials", uses: "Octets"),
        room("DurableFiles", uses: "CMHSys", "Octets", "Reporting"),
        room("Blocking", uses: "CMHSys", "Reporting"),

        // Floor 1: what is carried
        room("MailEnvelope", uses: "Octets", "MailFormat"),
        room("Digests", uses: "Reporting", "COpenSSL"),
        room("MessageContent", uses: "Octets", "MailFormat", "MailEnvelope", "DurableFiles", "Reporting"),

        // Floor 2: engines, and what C or the disk has to do with
        room("POP3Protocol", uses: "Octets", "Reporting"),
        room("IMAPProtocol", uses: "Octets", "Reporting"),
        room("SMTPProtocol", uses: "Octets", "MailFormat", "MailEnvelope", "Reporting"),
        room("SASLMechanisms", uses: "Credentials", "Octets", "Digests", "COpenSSL"),
        room(
            "TLSEngine", uses: "Credentials", "Octets", "DurableFiles", "InternetAddress", "Digests", "Reporting",
            "COpenSSL"),
        room("DeflateEngine", uses: "Reporting", "CZlib"),
        room("MailRouting", uses: "MailFormat"),
        room("MailAliases", uses: "Octets", "MailFormat", "MailEnvelope", "MailRouting"),
        room("AccessControl", uses: "InternetAddress"),
        room("DomainNames", uses: "MailFormat", "CIDN2"),
        room("Resolver", uses: "Blocking", "Reporting", "CMHSys", "CUnbound"),
        room("GeoLookup", uses: "InternetAddress", "Reporting", "CMaxMindDB"),
        room("MaildirStore", uses: "Octets", "Digests", "Reporting", "DurableFiles"),
        room("MboxStore", uses: "Octets", "Blocking", "Reporting", "DurableFiles"),

        // Floor 3: when and where: the rc, connections, children, the states on disk
        room(
            "RunControl",
            uses: "Credentials", "DurableFiles", "InternetAddress", "MailEnvelope", "MailFormat", "MailRouting",
            "Octets",
            "Reporting"),
        room(
            "Transport", uses: "Octets", "InternetAddress", "Reporting", "Blocking", "TLSEngine", "DeflateEngine",
            "CMHSys"),
        room("Programs", uses: "Credentials", "Blocking", "Reporting", "CMHSys"),
        room(
            "SpoolQueue",
            uses: "Octets", "InternetAddress", "MailFormat", "MailEnvelope", "MessageContent", "MailRouting",
            "Reporting",
            "DurableFiles", "Blocking"),
        room("HubHealth", uses: "Reporting", "DurableFiles"),
        room("FetchCalendar", uses: "Octets", "Reporting", "DurableFiles"),
        room(
            "FetchLedger", uses: "Octets", "Reporting", "DurableFiles", "FetchCalendar", "IMAPProtocol", "POP3Protocol",
            "MaildirStore"),
        room(
            "FetchSpool", uses: "Octets", "Reporting", "DurableFiles", "MaildirStore", "FetchLedger"),
        room("LoginLedger", uses: "Octets", "Reporting", "DurableFiles", "Blocking"),
        room("MailExchange", uses: "InternetAddress", "Reporting", "Blocking", "Resolver"),

        // Floor 4: doors
        room(
            "AccountSessions",
            uses: "Credentials", "Digests", "DurableFiles", "InternetAddress", "LoginLedger", "RunControl", "Programs",
            "Transport",
            "TLSEngine",
            "SASLMechanisms",
            "POP3Protocol",
            "IMAPProtocol", "SMTPProtocol", "MailEnvelope", "MessageContent", "Octets", "Blocking",
            "Reporting"),
        room(
            "Delivery",
            uses: "Digests", "MailEnvelope", "MailFormat", "Blocking", "Octets", "Reporting", "DurableFiles",
            "MaildirStore", "MboxStore", "MessageContent", "Programs"),
        room(
            "MailboxLogins",
            uses: "Credentials", "AccessControl", "RunControl", "SASLMechanisms", "MailRouting", "MailFormat",
            "InternetAddress", "Digests", "Blocking", "Octets", "Reporting"),
        room(
            "AddressExpansion",
            uses: "Blocking", "MailAliases", "MailEnvelope", "MailFormat", "MailRouting", "Programs", "Reporting",
            "RunControl"),
        room("CommandStart", uses: "RunControl", "Programs", "Reporting", argumentParser),

        // Floor 5: what we want
        command(
            "mhfetch",
            uses: "CommandStart", "AccountSessions", "FetchCalendar", "FetchLedger", "HubHealth", "SpoolQueue",
            "LoginLedger", "Programs",
            "POP3Protocol",
            "IMAPProtocol",
            "Delivery", "FetchSpool", "InternetAddress", "MailEnvelope", "MailFormat", "MailRouting", "MessageContent",
            "CMHSys", "MaildirStore", "MboxStore", "DurableFiles", "RunControl", "TLSEngine", "Transport", "Blocking",
            "Octets",
            "Reporting", argumentParser),
        command(
            "mhsend",
            uses: "RunControl", "SpoolQueue", "Programs", "MailFormat", "MailRouting", "MailEnvelope", "MessageContent",
            "Blocking", "DurableFiles", "SMTPProtocol", "Octets", "Reporting"),
        command(
            "mhcarry",
            uses: "CommandStart", "AccountSessions", "AddressExpansion", "MailAliases", "FetchCalendar", "LoginLedger",
            "SMTPProtocol", "SpoolQueue",
            "Delivery",
            "MaildirStore", "MboxStore",
            "MailRouting", "MailFormat", "MailEnvelope", "MailExchange", "MessageContent", "RunControl", "Resolver",
            "DomainNames",
            "Transport", "Blocking", "InternetAddress",
            "DurableFiles", "Octets", "Programs", "Reporting", argumentParser),
        command(
            "mhqueue",
            uses: "CommandStart", "AddressExpansion", "MailEnvelope", "SpoolQueue", "Programs", "MailRouting",
            "MailFormat",
            "MessageContent", "RunControl",
            "Octets",
            "Reporting", argumentParser),
        command(
            "mhroute",
            uses: "CommandStart", "AddressExpansion", "DurableFiles", "MailAliases", "MailEnvelope", "MailRouting",
            "MailFormat",
            "RunControl", "Reporting", argumentParser),
        command(
            "mhserve",
            uses: "Credentials", "CommandStart", "AddressExpansion", "MailboxLogins", "AccessControl",
            "InternetAddress", "SMTPProtocol",
            "POP3Protocol", "SpoolQueue", "Delivery", "MaildirStore", "MailRouting", "MailFormat", "MailEnvelope",
            "MessageContent", "RunControl", "TLSEngine", "SASLMechanisms", "Programs", "DurableFiles", "Octets",
            "Reporting", "CMHSys",
            argumentParser,
            .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio")),

        // Tests
        .target(
            name: "MailTestKit", dependencies: ["Octets", "Digests", "Blocking", "CMHSys"], path: "Tests/MailTestKit",
            swiftSettings: house),
        .testTarget(
            name: "ArchitectureTests", dependencies: ["MailTestKit"], path: "Tests/ArchitectureTests",
            swiftSettings: house),
        tests(of: "Octets"),
        tests(of: "Reporting"),
        tests(of: "InternetAddress"),
        tests(of: "MailFormat", uses: "InternetAddress"),
        tests(of: "DurableFiles", uses: "Octets"),
        tests(of: "Blocking"),
        tests(of: "Credentials"),
        tests(of: "Digests"),
        tests(of: "SASLMechanisms", uses: "Credentials", "Octets"),
        tests(of: "MailEnvelope", uses: "MailFormat"),
        tests(of: "MailRouting", uses: "MailFormat"),
        tests(of: "MailAliases", uses: "MailFormat", "MailRouting"),
        tests(
            of: "AddressExpansion", uses: "MailAliases", "MailEnvelope", "MailFormat", "MailRouting", "RunControl"),
        tests(of: "TLSEngine", uses: "Credentials", "Octets", "Reporting"),
        tests(of: "Resolver", uses: "Blocking"),
        tests(of: "DomainNames", uses: "MailFormat"),
        tests(of: "MailExchange", uses: "Blocking", "InternetAddress", "Resolver"),
        tests(of: "GeoLookup", uses: "InternetAddress"),
        tests(of: "MaildirStore", uses: "Blocking", "Digests", "DurableFiles", "Reporting"),
        tests(of: "DeflateEngine"),
        tests(of: "FetchSpool", uses: "DurableFiles", "MaildirStore"),
        tests(of: "MboxStore", uses: "Blocking", "DurableFiles"),
        tests(of: "MessageContent", uses: "DurableFiles", "MailEnvelope", "MailFormat", "Octets"),
        tests(of: "POP3Protocol", uses: "Octets"),
        tests(of: "IMAPProtocol", uses: "Octets"),
        tests(of: "SMTPProtocol", uses: "Octets", "MailEnvelope", "MailFormat"),
        tests(of: "RunControl", uses: "Credentials", "InternetAddress", "MailRouting", "MailFormat", "Reporting"),
        tests(of: "AccessControl", uses: "InternetAddress"),
        tests(
            of: "Transport",
            uses: "Credentials", "Blocking", "IMAPProtocol", "InternetAddress", "Octets", "POP3Protocol",
            "SMTPProtocol", "TLSEngine"),
        tests(of: "Programs", uses: "Blocking"),
        tests(
            of: "AccountSessions",
            uses: "Credentials", "InternetAddress", "RunControl", "Transport", "TLSEngine", "SASLMechanisms",
            "POP3Protocol", "IMAPProtocol", "SMTPProtocol", "MailEnvelope", "MailFormat", "Octets", "Blocking",
            "Reporting",
            "Programs", "LoginLedger"),
        tests(of: "HubHealth", uses: "DurableFiles"),
        tests(of: "FetchCalendar", uses: "DurableFiles"),
        tests(
            of: "FetchLedger", uses: "Octets", "Digests", "DurableFiles", "IMAPProtocol", "POP3Protocol",
            "MaildirStore"),
        tests(of: "LoginLedger", uses: "Blocking", "DurableFiles"),
        tests(
            of: "MailboxLogins",
            uses: "AccessControl", "Credentials", "InternetAddress", "RunControl", "Reporting", "SASLMechanisms"),
        tests(
            of: "SpoolQueue", uses: "Blocking", "DurableFiles", "MailEnvelope", "MailFormat", "MessageContent",
            "Octets",
            "Reporting"),
        tests(
            of: "Delivery", uses: "Blocking", "DurableFiles", "MailEnvelope", "MaildirStore", "MessageContent",
            "Reporting"),
        tests(
            ofCommand: "mhfetch", as: "MHFetch",
            uses: "AccountSessions", "Digests", "FetchLedger", "DurableFiles", "Delivery", "MaildirStore",
            "IMAPProtocol", "POP3Protocol",
            "Transport",
            "CommandStart", "RunControl", "Reporting", "Octets"),
        tests(
            ofCommand: "mhsend", as: "MHSend",
            uses: "Blocking", "DurableFiles", "MailEnvelope", "MailFormat", "MessageContent", "Octets", "RunControl",
            "SpoolQueue", "Reporting"),
        tests(
            ofCommand: "mhserve", as: "MHServe",
            uses: "Credentials", "AccessControl", "Delivery", "DurableFiles", "InternetAddress", "MailEnvelope",
            "Octets",
            "Programs", "RunControl", "Reporting", "SMTPProtocol", "SpoolQueue", "TLSEngine",
            .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio")),
        tests(
            ofCommand: "mhqueue", as: "MHQueue",
            uses: "AddressExpansion", "RunControl", "MailEnvelope", "MailFormat", "MailRouting", "MessageContent",
            "Reporting", "SpoolQueue",
            argumentParser),
        tests(
            ofCommand: "mhcarry", as: "MHCarry",
            uses: "DurableFiles", "MailEnvelope", "MailFormat", "MailRouting", "MessageContent", "SpoolQueue",
            "RunControl",
            "SMTPProtocol",
            "Reporting"),
        .testTarget(
            name: "SystemLibrariesTests", dependencies: ["CGPGME", "CMaxMindDB", "CSSH2", "CUnbound"],
            path: "Tests/SystemLibrariesTests", swiftSettings: house),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "MailTestKit", "Blocking", "Octets", "mhfetch", "mhsend", "mhcarry", "mhqueue", "mhserve", "mhroute",
            ],
            path: "Tests/EndToEndTests", swiftSettings: house),
    ]
)
