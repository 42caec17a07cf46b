// Who gets a message instead of a recipient: by aliases, by the hook, by what a mailbox forwards.

import Blocking
import Glibc
import MailAliases
import MailEnvelope
import MailFormat
import MailRouting
import RunControl

/// Expands recipients, level by level: each answer is recorded before anything is done about it, and what it leads to is
/// looked at in turn. So after a crash, or when a file is edited meanwhile, nobody gets a message twice.
public final class Expander: Sendable {
    /// How many aliases may lead to one another.
    public static let depthLimit = 20

    /// What has to be found out before a recipient can be placed. The answer may take its time.
    public enum Question: Sendable, Hashable {
        /// Where the alias of this rank for the address leads: see ``LocalAddresses/Resolution/alias(_:_:)``.
        case alias(Address, AliasRank)
        /// Where the mail of a mailbox goes besides.
        case forward(mailbox: String)
        /// Whether a target that could not be read can be read by now.
        case again
    }

    public enum Answer: Sendable, Hashable {
        /// These get it instead, as far as a ``RecipientGraph`` takes them.
        case into(Expansion)
        /// Nobody: it stands for itself, as far as this question goes.
        case nothing
        /// It cannot be found out, or leads nowhere.
        case verdict(Verdict)
    }

    /// What a recipient is, as far as is known.
    public enum Standing: Sendable, Hashable {
        case address(LocalAddresses.Resolution)
        /// A program, a file, or nowhere.
        case target(AliasTarget)
        case unanswered(Question)
        case failed(Verdict)
    }

    private let settings: HubSettings
    private let locals: LocalAddresses
    public let book: AliasBook
    private let hook: AliasHook?
    private let forwardFiles: [String: ForwardFile]
    private let includes: Includes
    private let settling: Settling

    /// - Parameter waits: see ``AliasBook/init(_:waits:)``.
    public convenience init(_ settings: HubSettings, waits: Bool = true) {
        var files: [String: ForwardFile] = [:]
        for mailbox in settings.mailboxes where mailbox.forward.isEmpty {
            if let user = mailbox.unixUser { files[mailbox.name] = ForwardFile(ofUser: user) }
        }
        self.init(settings, forwardFiles: files, waits: waits)
    }

    /// - Parameters:
    ///   - forwardFiles: by mailbox.
    ///   - settling: only tests wait for less.
    init(
        _ settings: HubSettings, forwardFiles: [String: ForwardFile], waits: Bool = true,
        settling: Settling = Settling()
    ) {
        self.settings = settings
        self.forwardFiles = forwardFiles
        locals = settings.localAddresses
        book = AliasBook(settings, waits: waits, settling: settling)
        hook = AliasHook(settings)
        includes = Includes(settling: settling)
        self.settling = settling
    }

    // MARK: What there is to ask

    /// The aliases that stand in files alone.
    private struct Files: AliasNames {
        let book: AliasBook
        func hasAlias(for address: Address, _ rank: AliasRank) -> Bool { book.hasEntry(for: address, rank) }
    }

    /// What an address is that nothing was expanded from.
    public func standing(of address: Address) -> Standing {
        standing(of: 0, in: [BareRecipient(ExpandedRecipient(.address(address)))])
    }

    /// Where mail for an address belongs, without a look into anybody's home, which may be slow.
    public func resolve(_ address: Address) -> LocalAddresses.Resolution {
        locals.resolve(address, aliases: book.isEmpty ? nil : book)
    }

    /// What the recipient at `index` is.
    /// - Parameter answered: what was asked about it already, and led nowhere.
    public func standing(
        of index: Int, in recipients: [some RecipientNode], answered: Set<Question> = []
    ) -> Standing {
        let recipient = recipients[index].recipient
        guard case .address(let address) = recipient.destination else {
            return standing(ofTarget: "\(recipient.destination.description)")
        }
        let ancestors = recipients.ancestors(of: index)
        let isRepeated = same(address, among: ancestors, of: recipients) != nil
        let isDeep = ancestors.count >= Self.depthLimit
        var names: (any AliasNames)? = recipient.isFinal || isRepeated || book.isEmpty ? nil : book
        while true {
            let resolution = locals.resolve(address, aliases: names)
            switch resolution {
            case .alias(let named, let rank):
                guard answered.contains(.alias(named, rank)) else {
                    return isDeep ? .failed(Self.tooDeep) : .unanswered(.alias(named, rank))
                }
                names = names is AliasBook ? Files(book: book) : nil
            case .mailbox(let name):
                let question = Question.forward(mailbox: name)
                guard !recipient.isFinal, forwards(name), !answered.contains(question),
                    // What a mailbox has sent on comes to it once more: that is its own copy.
                    !([index] + ancestors).contains(where: { recipients[$0].recipient.identity?.description == name })
                else { return .address(resolution) }
                return isDeep ? .failed(Self.tooDeep) : .unanswered(question)
            case .unknownHere, .blocked, .elsewhere:
                return .address(resolution)
            }
        }
    }

    private static let tooDeep = Verdict.permanent(
        4, 6, text: "more than \(depthLimit) aliases lead to one another")

    private func standing(ofTarget text: String) -> Standing {
        do throws(AliasError) {
            let target = try AliasTarget(text)
            switch target {
            case .program, .file, .nowhere: return .target(target)
            case .include, .address, .sameName: return .unanswered(.again)
            }
        } catch {
            return .unanswered(.again)
        }
    }

    private func forwards(_ name: String) -> Bool {
        guard let mailbox = settings.mailbox(name) else { return false }
        return !mailbox.forward.isEmpty || forwardFiles[name]?.mayExist ?? false
    }

    // MARK: Answers

    /// The answer to a question about the recipient at `index`. It reads files, and may run a program.
    public func answer(_ question: Question, about index: Int, in recipients: [some RecipientNode]) -> Answer {
        do throws(AliasFileFault) {
            return
                switch question
            {
            case .alias(let named, let rank): try answer(alias: named, rank, index, recipients)
            case .forward(let mailbox): try answer(forward: mailbox, index, recipients)
            case .again: try answerAgain(index, recipients)
            }
        } catch {
            // What a program would have said, had it not been told to stop with us, says nothing about the alias.
            return .verdict(
                StopSignal.hasCome
                    ? .faultOfHop(3, 2, text: "the run was told to stop") : .temporary(3, 0, text: "\(error)"))
        }
    }

    private func answer(
        alias named: Address, _ rank: AliasRank, _ index: Int, _ recipients: [some RecipientNode]
    ) throws(AliasFileFault) -> Answer {
        guard case .address(let asked) = recipients[index].recipient.destination,
            let members = try members(of: named, rank)
        else { return .nothing }
        return .into(
            expansion(includes.unfolded(members), asked: asked, alias: named, of: index, recipients))
    }

    /// Where an address leads by the files and the hook, by aliases of this rank; `nil` where it is no alias.
    private func members(of named: Address, _ rank: AliasRank) throws(AliasFileFault) -> [AliasMember]? {
        var members: [AliasMember] = []
        switch book.find(named, rank) {
        case .entry(let entry, let file):
            if let fault = entry.fault { throw AliasFileFault(path: "\(file):\(entry.line)", words: "\(fault)") }
            members = entry.members
        case .unreadable(let fault): throw fault
        case nil: break
        }
        if let hook, rank == .exact { members += try hook.members(of: named) }
        return members.isEmpty ? nil : members
    }

    private func answer(
        forward name: String, _ index: Int, _ recipients: [some RecipientNode]
    ) throws(AliasFileFault) -> Answer {
        guard let mailbox = settings.mailbox(name), case .address(let address) = recipients[index].recipient.destination
        else {
            return .nothing
        }
        let recipient = recipients[index].recipient
        func child(_ address: Address, isFinal: Bool = false, notify: Notify) -> ExpandedRecipient {
            ExpandedRecipient(
                .address(address), notify: notify, originalRecipient: recipient.originalRecipient,
                identity: EnvelopeText(cleaning: name), alias: recipient.alias, isFinal: isFinal)
        }
        var targets: [(address: Address, isFinal: Bool)] = []
        if !mailbox.forward.isEmpty {
            targets = [(address, true)] + mailbox.forward.map { ($0, false) }
        } else {
            guard let members = try forwardFiles[name]?.members(settling), !members.isEmpty else { return .nothing }
            for case .success(.address(let target, let isFinal, _)) in members.map(\.target) {
                let isOwn =
                    target.domain == nil && [name, mailbox.unixUser].contains(target.localPart.lowercased())
                    || locals.resolve(target) == .mailbox(name)
                targets.append(isOwn ? (address, true) : (target, isFinal))
            }
        }
        let notify = Self.notify(recipient, count: targets.count)
        let children = targets.map {
            child($0.address.whole(at: settings.qualify), isFinal: $0.isFinal, notify: notify)
        }
        return .into(expansion(children, of: index, recipients))
    }

    /// Looks again at a target that could not be read.
    private func answerAgain(_ index: Int, _ recipients: [some RecipientNode]) throws(AliasFileFault) -> Answer {
        let recipient = recipients[index].recipient
        let text = recipient.destination.description
        guard let name = recipient.alias?.description, let named = try? Address(name) else {
            return .verdict(.permanent(1, 1, text: "nothing is known of the alias that led to \(text)"))
        }
        var members: [AliasMember]
        if case .include(let path)? = try? AliasTarget(text) {
            members = includes.unfolded(try includes.members(of: path), without: [path])
        } else {
            var found: [AliasMember]?
            for rank in AliasRank.allCases where found == nil { found = try self.members(of: named, rank) }
            guard let found else {
                return .verdict(.permanent(1, 1, text: "the alias \(named) that led to \(text) is gone"))
            }
            members = includes.unfolded(found)
        }
        for member in members {
            guard case .failure(let error) = member.target, Self.text(of: member) == text else { continue }
            throw AliasFileFault(path: member.place, words: "\(error)")
        }
        let above = recipients.ancestors(of: index).first
        let asked = above.flatMap { recipients.address(of: $0) } ?? named
        var expansion = expansion(members, asked: asked, alias: named, of: index, recipients)
        // What cannot be read yet, such as another file, is a recipient of its own already, or becomes one; never this one.
        guard !expansion.children.contains(where: { $0.destination == recipient.destination }) else {
            throw AliasFileFault(path: "\(named)", words: "\(text) cannot be read")
        }
        // A list that has become empty is nobody's loss where the alias leads to others.
        if expansion == Expansion([]), let above { expansion.known = [above] }
        return .into(expansion)
    }

    /// A target that could not be read, as the queue keeps it: what can be read is never made of it.
    private static func text(of member: AliasMember) -> String {
        let text = EnvelopeText(cleaning: member.text).description
        if (try? AliasTarget(text)) == nil, !text.isEmpty { return text }
        return ":unreadable:\(member.line)"
    }

    /// Those that the members of `alias` stand for, which include no file that can be read.
    /// - Parameter asked: the address that the alias was found for.
    private func expansion(
        _ members: [AliasMember], asked: Address, alias: Address, of index: Int, _ recipients: [some RecipientNode]
    ) -> Expansion {
        let parent = recipients[index].recipient
        let notify = Self.notify(parent, count: members.count)
        func child(
            _ destination: RecipientDestination, isFinal: Bool = false, via: [String] = []
        ) -> ExpandedRecipient {
            ExpandedRecipient(
                destination, notify: notify, originalRecipient: parent.originalRecipient, identity: parent.identity,
                alias: EnvelopeText(cleaning: "\(alias)"), isFinal: isFinal,
                via: via)
        }
        func local(_ text: String) -> ExpandedRecipient { child(.local(EnvelopeText(cleaning: text))) }
        let children = members.map { member in
            switch member.target {
            case .success(.address(let address, let isFinal, let via)):
                return child(
                    .address(address.whole(at: alias.domain ?? settings.qualify)), isFinal: isFinal, via: via)
            case .success(.sameName(let place, let via)):
                return child(
                    .address(Address(localPartOf: asked, domainOf: place ?? asked.whole(at: settings.qualify))),
                    via: via)
            case .success(.program), .success(.file), .success(.nowhere), .success(.include):
                return local(member.text)
            case .failure: return local(Self.text(of: member))
            }
        }
        return expansion(children, of: index, recipients)
    }

    /// Those who get the message in the place of the recipient at `index`. One that it was expanded from itself is among
    /// them only as the mailbox of that name.
    private func expansion(
        _ children: [ExpandedRecipient], of index: Int, _ recipients: [some RecipientNode]
    ) -> Expansion {
        let way = [index] + recipients.ancestors(of: index)
        var expansion = Expansion([])
        for child in children {
            if case .address(let address) = child.destination, !child.isFinal,
                let earlier = same(address, among: way, of: recipients), locals.resolve(address) == .unknownHere
            {
                expansion.known.append(earlier)
            } else {
                expansion.children.append(child)
            }
        }
        return expansion
    }

    /// Which of some recipients has this address: a local name, whatever its case.
    private func same(_ address: Address, among indexes: [Int], of recipients: [some RecipientNode]) -> Int? {
        let (local, domain) = (address.localPart.lowercased(), address.domain ?? settings.qualify)
        return indexes.first { index in
            guard case .address(let own) = recipients[index].recipient.destination else { return false }
            return own.localPart.lowercased() == local && own.domain ?? settings.qualify == domain
        }
    }

    /// An alias of several tells of success itself, and those that it leads to do not (RFC 3461 §5.2.7.3).
    private static func notify(_ parent: ExpandedRecipient, count: Int) -> Notify {
        guard count > 1, case .on(let conditions) = parent.notify else { return parent.notify }
        let rest = conditions.subtracting(.success)
        return rest.isEmpty ? .never : .on(rest)
    }
}

extension HubSettings {
    /// The folder of this hub that holds `path`, into which no alias writes: its state, or a Maildir; whatever links lead
    /// there.
    public func ownPlace(holding path: String) -> String? {
        let place = Self.resolved(path)
        return ([stateDirectory] + mailboxes.map(\.maildir)).first { folder in
            guard !folder.isEmpty else { return false }
            let own = Self.resolved(folder)
            return place == own || place.hasPrefix(own + "/")
        }
    }

    /// `path` without links, doubled slashes and the like, as far as it exists.
    private static func resolved(_ path: String) -> String {
        if let found = unsafe realpath(path, nil) {
            defer { unsafe free(found) }
            return unsafe String(cString: found)
        }
        let parts = path.split(separator: "/")
        guard let name = parts.last, parts.count > 1 else { return "/" + parts.joined(separator: "/") }
        let above = resolved("/" + parts.dropLast().joined(separator: "/"))
        return above == "/" ? "/\(name)" : "\(above)/\(name)"
    }
}
