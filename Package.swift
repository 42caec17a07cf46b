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
        path: "Tests/\(name)Tests", exclude: [], swiftSettings: house)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "mailhub",
    products: [
        .library(name: "Octets", targets: ["Octets"])
    ],
    dependencies: [],
    targets: [
        library("CMHSys"),
        // Floor 0
        room("Octets"),
        room("Reporting", uses: "CMHSys"),
        room("MailFormat", uses: "Octets"),
        // Tests
        .target(name: "MailTestKit", dependencies: ["Octets"], path: "Tests/MailTestKit", swiftSettings: house),
        tests(of: "Octets"),
        tests(of: "Reporting"),
        tests(of: "MailFormat"),
    ]
)
