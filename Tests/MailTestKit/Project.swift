// The project's own files, for tests that read what it says of itself.

/// The project that these tests belong to.
public enum Project {
    /// Its folder, found by where this file stands.
    public static let path = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

    /// The text of the file at `path` in it.
    public static func text(_ path: String) throws -> String {
        guard let octets = ScratchDirectory.read("\(Self.path)/\(path)") else { throw KitError("no \(path)") }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The Swift files below `folder`, by their paths relative to it.
    public static func swiftFiles(below folder: String) throws -> [String] {
        let found = try runProgram(["find", "\(path)/\(folder)", "-name", "*.swift", "-printf", "%P\\n"])
        guard found.status == 0 else { throw KitError("cannot look through \(folder)") }
        return found.outputText.split(separator: "\n").map(String.init).sorted()
    }
}
