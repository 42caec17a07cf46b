// Finding the rc and reading it: the one way in for every command.

import Glibc
import Reporting

extension HubSettings {
    /// Finds and reads the rc.
    ///
    /// Looked for in this order: `explicitPath` (the option `-C`), `$MAILHUBRC`, `~/.mailhubrc`,
    /// `$XDG_CONFIG_HOME/mailhub/mailhubrc`, `/etc/mailhubrc`; root looks at `/etc/mailhubrc` before its own (DECISIONS 12).
    /// The first one that is there counts, alone; one that is there and cannot be read ends the search.
    /// - Throws: ``RunControlError``: for a person without an rc `noneFound`, for one who may not read it `unreadable`.
    public static func load(
        explicitPath: String? = nil, environment: [String: String] = Surroundings.environment()
    ) throws(RunControlError) -> HubSettings {
        try load(explicitPath: explicitPath, surroundings: Surroundings(environment: environment))
    }

    public static func load(
        explicitPath: String?, surroundings: Surroundings
    ) throws(RunControlError) -> HubSettings {
        let file = try find(explicitPath: explicitPath, surroundings)
        var settings = try read(file, surroundings, checksSafety: true)
        settings.source = absolute(settings.source)
        return settings
    }

    /// `path` so that it means the same in another working directory: who reads the rc may be a child, or come later.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(directory) }
        return "\(unsafe String(cString: directory))/\(path)"
    }

    /// Reads an rc that is at hand already, such as the copy that mhserve gives its worker.
    /// - Parameter source: the path that faults name, and that relative includes start from.
    public static func read(
        _ octets: [UInt8], source: String, surroundings: Surroundings
    ) throws(RunControlError) -> HubSettings {
        let file = SourceFile(path: source, octets: octets, owner: surroundings.effectiveUser, mode: 0o600)
        return try read(file, surroundings, checksSafety: false)
    }

    /// Where the rc is looked for when nothing names one, in order.
    public static func places(_ surroundings: Surroundings) -> [String] {
        var own: [String] = []
        if let home = surroundings.home { own.append("\(home)/.mailhubrc") }
        if let configHome = surroundings.configHome { own.append("\(configHome)/mailhub/mailhubrc") }
        return surroundings.effectiveUser == 0 ? [surroundings.systemPath] + own : own + [surroundings.systemPath]
    }

    private static func find(
        explicitPath: String?, _ surroundings: Surroundings
    ) throws(RunControlError) -> SourceFile {
        let named = explicitPath.map { ($0, "-C") } ?? surroundings.named.map { ($0, "$MAILHUBRC") }
        if let (path, name) = named {
            do throws(RunControlError) {
                return try SourceFile.open(path)
            } catch {
                guard case .missing = error else { throw error }
                throw .missing(path: path, namedBy: name)
            }
        }
        let places = places(surroundings)
        for path in places {
            do throws(RunControlError) {
                return try SourceFile.open(path)
            } catch {
                guard case .missing = error else { throw error }
            }
        }
        throw .noneFound(lookedIn: places)
    }

    private static func read(
        _ file: SourceFile, _ surroundings: Surroundings, checksSafety: Bool
    ) throws(RunControlError) -> HubSettings {
        var reader = SourceReader(surroundings: surroundings)
        let lines = reader.lines(of: file)
        if checksSafety {
            for file in reader.files {
                try file.refuseIfUnsafe(user: surroundings.effectiveUser) {
                    lines.contains { $0.keyword.place.file == file.path && Vocabulary.secrets.contains($0.keyword.key) }
                }
            }
        }
        var assembly = Assembly(surroundings: surroundings.ofHubUser(in: lines), faults: reader.faults)
        assembly.read(lines)
        let settings = assembly.conclude(
            source: file.path, isSystem: file.path == surroundings.systemPath)
        guard assembly.faults.isEmpty else {
            throw .faults(assembly.faults.sorted(files: reader.files.map(\.path)))
        }
        return settings
    }
}
