// The aliases files of the hub, as they are now.

import Blocking
import Glibc
import MailAliases
import MailFormat
import MailRouting
import RunControl
import Synchronization

/// The aliases of all domains of the hub. Files are read when they are needed, and again when they have changed.
public final class AliasBook: AliasNames {
    /// How often it is asked whether a file has changed.
    private static let pace = Duration.seconds(1)

    private struct Known {
        var stamp: FileStamp?
        var file: Result<AliasFile, AliasFileFault>
        var looked: ContinuousClock.Instant
    }

    /// The files of each domain, in the order in which they are asked.
    private let domains: [String: [String]]
    private let hasHook: Bool
    private let waits: Bool
    private let settling: Settling
    private let known = Mutex<[String: Known]>([:])

    /// - Parameter waits: whether a file that is being changed is waited for; else what it said before counts, and of a new
    ///   one that it cannot be read.
    public convenience init(_ settings: HubSettings, waits: Bool = true) {
        self.init(settings, waits: waits, settling: Settling())
    }

    /// - Parameter settling: only tests wait for less.
    init(_ settings: HubSettings, waits: Bool, settling: Settling) {
        (self.waits, self.settling) = (waits, settling)
        hasHook = !settings.aliasHook.isEmpty
        var domains: [String: [String]] = [:]
        for domain in settings.domains {
            if let file = domain.aliases { domains[domain.name.lowercased()] = [file] }
        }
        for name in Set([settings.hostname, settings.qualify, "localhost"].map { $0.lowercased() }) {
            domains[name, default: []] += settings.aliases
        }
        self.domains = domains.filter { !$0.value.isEmpty }
    }

    /// Whether anything has to be asked about aliases at all.
    public var isEmpty: Bool { domains.isEmpty && !hasHook }

    public func hasAlias(for address: Address, _ rank: AliasRank) -> Bool {
        hasHook && rank == .exact || hasEntry(for: address, rank)
    }

    /// Whether a file names `address`, or might; the hook is not asked.
    func hasEntry(for address: Address, _ rank: AliasRank) -> Bool {
        guard let domain = address.domain, domains[domain] != nil else { return false }
        return table(of: domain).find(address, rank) != nil
    }

    /// What the files say of `address`, by aliases of this rank.
    public func find(_ address: Address, _ rank: AliasRank) -> AliasFinding? {
        address.domain.flatMap { domains[$0] == nil ? nil : table(of: $0).find(address, rank) }
    }

    /// Why nothing is known of an alias of this rank; `nil` where a file has it, or none might.
    public func fault(of address: Address, _ rank: AliasRank) -> AliasFileFault? {
        if case .unreadable(let fault) = find(address, rank) { fault } else { nil }
    }

    /// Whether the aliases of some address at `domain` stand in the file at `path`.
    func asks(_ path: String, for domain: String) -> Bool { domains[domain.lowercased()]?.contains(path) ?? false }

    /// All files. Read in advance, no question waits for one later.
    @discardableResult
    public func read() -> [Result<AliasFile, AliasFileFault>] {
        Set(domains.values.joined()).sorted().map { file(at: $0, waiting: true) }
    }

    private func table(of domain: String) -> AliasTable {
        AliasTable((domains[domain] ?? []).map { file(at: $0, waiting: waits) })
    }

    private func file(at path: String, waiting isPatient: Bool) -> Result<AliasFile, AliasFileFault> {
        let now = ContinuousClock.now
        let earlier = known.withLock { $0[path] }
        if let earlier, now - earlier.looked < Self.pace { return earlier.file }
        let stamp = FileStamp(path)
        if let earlier, let stamp, stamp == earlier.stamp {
            known.withLock { $0[path]?.looked = now }
            return earlier.file
        }
        let read = read(path, waiting: isPatient, else: earlier?.file)
        known.withLock { $0[path] = Known(stamp: read.stamp, file: read.file, looked: .now) }
        return read.file
    }

    private func read(
        _ path: String, waiting isPatient: Bool, else earlier: Result<AliasFile, AliasFileFault>?
    ) -> (stamp: FileStamp?, file: Result<AliasFile, AliasFileFault>) {
        do throws(AliasFileFault) {
            let file = try settling.trusted(path, atMost: AliasFile.sizeLimit, waiting: isPatient)
            return (file.stamp, .success(AliasFile(parsing: file.octets, path: path)))
        } catch {
            return (nil, error == .beingChanged(path) ? earlier ?? .failure(error) : .failure(error))
        }
    }
}
