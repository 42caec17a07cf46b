// Finding the rc and reading it: the one way in for every command.

import Glibc
import Reporting

extension HubSettings {
    /// Finds and reads the rc.
    ///
    /// Looked for in this order: `explicitPath` (the option `-C`), `$MAILHUBRC`, `~/.mailhubrc`,
    /// `$XDG_CONFIG_HOME/mailhub/mailhubrc`, `/etc/mailhubrc`; root looks at `/etc/mailhubrc` before its own.
    /// The first one that is there counts, alone; one that is there and cannot be read ends the search.
    /// - Throws: ``RunControlError``: `noneFound` where there is none, `missing` where the one named is not there,
    ///   `unreadable`, `notAFile` or `unsafe` where it may not be read, `faults` for what is wrong in it.
    public static func load(
        explicitPath: String? = nil, environment: [String: String] = ProcessContext.environment()
    ) throws(RunControlError) -> HubSettings {
        try load(explicitPath: explicitPath, context: ProcessContext(environment: environment))
    }

    /// Finds and reads the rc as ``load(explicitPath:environment:)`` does, in the context given.
    public static func load(
        explicitPath: String?, context: ProcessContext
    ) throws(RunControlError) -> HubSettings {
        try settings(in: try find(explicitPath: explicitPath, context), context)
    }

    /// As ``load(explicitPath:environment:)``; `nil` for a user who has no rc of his own and is not the user of the machine's
    /// hub: what he has to send he leaves for that hub.
    public static func loadOwn(
        explicitPath: String? = nil, environment: [String: String] = ProcessContext.environment()
    ) throws(RunControlError) -> HubSettings? {
        let context = ProcessContext(environment: environment)
        guard explicitPath == nil, context.named == nil, context.effectiveUser != 0 else {
            return try load(explicitPath: explicitPath, context: context)
        }
        let owner = FileSafety.owner(of: context.systemState)
        let file: SourceFile
        do throws(RunControlError) {
            file = try find(explicitPath: nil, context)
        } catch {
            switch error {
            case .noneFound where owner != nil && owner != context.effectiveUser: return nil
            case .unreadable(context.systemPath, _) where owner != context.effectiveUser: return nil
            default: throw error
            }
        }
        guard file.path == context.systemPath else { return try settings(in: file, context) }
        do throws(RunControlError) {
            let settings = try settings(in: file, context)
            return isUser(context, of: settings) ? settings : nil
        } catch {
            // What is wrong with it is told its own user, who can mend it.
            guard owner == context.effectiveUser else { return nil }
            throw error
        }
    }

    private static func settings(in file: SourceFile, _ context: ProcessContext) throws(RunControlError) -> HubSettings
    {
        var settings = try read(file, context, checksSafety: true)
        settings.source = absolute(settings.source)
        return settings
    }

    /// Whether the user of this process is that of the machine's hub.
    private static func isUser(_ context: ProcessContext, of settings: HubSettings) -> Bool {
        if let name = settings.runAs {
            guard let entry = unsafe getpwnam(name) else { return false }
            return unsafe entry.pointee.pw_uid == context.effectiveUser
        }
        return FileSafety.owner(of: settings.stateDirectory) == context.effectiveUser
    }

    /// `path` made absolute: a child may read the rc again from another working directory.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(directory) }
        return "\(unsafe String(cString: directory))/\(path)"
    }

    /// Reads an rc that is at hand already, such as the copy that mhserve gives its worker.
    /// - Parameter source: the path that faults name, and that relative includes start from.
    /// - Throws: ``RunControlError/faults(_:)``. Who may read or change the files is not examined.
    public static func read(
        _ octets: [UInt8], source: String, context: ProcessContext
    ) throws(RunControlError) -> HubSettings {
        let file = SourceFile(path: source, octets: octets, owner: context.effectiveUser, mode: 0o600, stamp: nil)
        return try read(file, context, checksSafety: false)
    }

    /// Where the rc is looked for when nothing names one, in order.
    public static func standardPaths(_ context: ProcessContext) -> [String] {
        var own: [String] = []
        if let home = context.home { own.append("\(home)/.mailhubrc") }
        if let configHome = context.configHome { own.append("\(configHome)/mailhub/mailhubrc") }
        return context.effectiveUser == 0 ? [context.systemPath] + own : own + [context.systemPath]
    }

    private static func find(
        explicitPath: String?, _ context: ProcessContext
    ) throws(RunControlError) -> SourceFile {
        let named = explicitPath.map { ($0, "-C") } ?? context.named.map { ($0, "$MAILHUBRC") }
        if let (path, name) = named {
            do throws(RunControlError) {
                return try SourceFile.open(path)
            } catch {
                guard case .missing = error else { throw error }
                throw .missing(path: path, namedBy: name)
            }
        }
        let paths = standardPaths(context)
        for path in paths {
            do throws(RunControlError) {
                return try SourceFile.open(path)
            } catch {
                guard case .missing = error else { throw error }
            }
        }
        throw .noneFound(lookedIn: paths)
    }

    private static func read(
        _ file: SourceFile, _ context: ProcessContext, checksSafety: Bool
    ) throws(RunControlError) -> HubSettings {
        var reader = SourceReader(context: context)
        let lines = reader.lines(of: file)
        if checksSafety {
            for file in reader.files {
                try file.refuseIfUnsafe(user: context.effectiveUser) {
                    lines.contains {
                        $0.keyword.position.file == file.path && Vocabulary.secrets.contains($0.keyword.key)
                    }
                }
            }
        }
        var assembly = Assembly(context: context.ofHubUser(in: lines), faults: reader.faults)
        assembly.read(lines)
        var settings = assembly.conclude(
            source: file.path, isSystem: file.path == context.systemPath)
        settings.sources = reader.files.map(\.path)
        guard assembly.faults.isEmpty else {
            throw .faults(assembly.faults.sorted(files: reader.files.map(\.path)))
        }
        return settings
    }
}
