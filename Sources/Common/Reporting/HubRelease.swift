// Which release this is.

public enum HubRelease {
    public static let version = "0.1.0"

    /// What `--version` prints, without its line end.
    public static func line(for command: String) -> String { "\(command) \(version) (mailhub)" }
}
