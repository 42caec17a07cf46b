// Who gets a message instead of a recipient: by aliases, by the hook, by what a mailbox forwards.

import Blocking
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
    /// Recipients that one recipient of the envelope may stand for.
    public static let recipientLimit = 1000

    /// What has to be found out before a recipient can be placed. The answer may take its time.
    public enum Question: Sendable, Hashable {
        /// Where the alias of this rank for the name leads: see ``LocalAddresses/Resolution/alias(_:_:)``.
        case alias(String, AliasRank)
        /// Where the mail of a mailbox goes besides.
        case forward(mailbox: String)
        /// Whether a target that could not be read can be read by now.
        case again
    }

    public enum Answer: Sendable, Hashable {
        /// These get it instead.
        case into([ExpandedRecipient])
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
        settling: Duration = AliasBook.settling
    ) {
        self.settings = settings
        self.forwardFiles = forwardFiles
        locals = settings.localAddresses
        book = AliasBook(settings, waits: waits, settling: settling)
        hook = AliasHook(settings)
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
        let isRepeated = ancestors.contains {
            recipients[$0].recipient.destination.isSame(as: address, qualify: settings.qualify)
        }
        let isDeep = ancestors.count >= Self.depthLimit
        var names: (any AliasNames)? = recipient.isFinal || isRepeated || book.isEmpty ? nil : book
        while true {
            let resolution = locals.resolve(address, aliases: names)
            switch resolution {
            case .alias(let name, let rank):
                guard answered.contains(.alias(name, rank)) else {
                    return isDeep ? .failed(Self.tooDeep) : .unanswered(.alias(name, rank))
                }
                names = names is AliasBook ? Files(book: book) : nil
            case .mailbox(let name):
                let question = Question.forward(mailbox: name)
                guard !recipient.isFinal, forwards(name), !answered.contains(question),
                    // What a mailbox has sent on comes to it once more: that is its own copy.
                    !([index] + ancestors).contains(where: { recipients[$0].recipient.identity?.description == name })
                else { return .address(resolution) }
                return isDeep ? .failed(Self.tooDeep) : .unanswered(question)
            case .unknownHere where isRepeated && !recipient.isFinal:
                if Self.leadsElsewhere(index, in: recipients) { return .target(.nowhere) }
                let way = ([index] + ancestors).reversed().map { recipients[$0].recipient.destination.description }
                return .failed(
                    .permanent(4, 6, text: "the aliases run in a circle: \(way.suffix(5).joined(separator: ", "))"))
            case .unknownHere, .blocked, .elsewhere:
                return .address(resolution)
            }
        }
    }

    /// Whether the alias that leads back to itself at `index` leads to somebody else, too: then the circle adds nobody, and
    /// is nobody's loss.
    private static func leadsElsewhere(_ index: Int, in recipients: [some RecipientNode]) -> Bool {
        let ancestors = recipients.ancestors(of: index)
        guard
            let root = ancestors.last(where: {
                recipients[$0].recipient.destination == recipients[index].recipient.destination
            })
        else {
            return false
        }
        return recipients.indices.contains { other in
            other != index && !recipients[other].isExpanded && recipients.ancestors(of: other).contains(root)
                && !ancestors.contains(other)
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

    /// Why nothing is known of the alias of this rank that might name `address`; `nil` where a file has it.
    public func fault(ofAlias name: String, _ rank: AliasRank, of address: Address) -> String? {
        guard let whole = try? address.qualified(with: settings.qualify),
            let named = try? Address(localPart: name, domain: whole.domain),
            case .unreadable(let fault) = book.find(named, rank)
        else { return nil }
        return "\(fault)"
    }

    // MARK: Answers

    /// The answer to a question about the recipient at `index`. It reads files, and may run a program.
    public func answer(_ question: Question, about index: Int, in recipients: [some RecipientNode]) -> Answer {
        do throws(AliasFileFault) {
            let answer =
                switch question {
                case .alias(let name, let rank): try answer(alias: name, rank, index, recipients)
                case .forward(let mailbox): try answer(forward: mailbox, index, recipients)
                case .again: try answerAgain(index, recipients)
                }
            guard case .into(let children) = answer else { return answer }
            return refusal(of: children.count, for: index, recipients).map { .verdict($0) } ?? answer
        } catch {
            // What a program would have said, had it not been told to stop with us, says nothing about the alias.
            return .verdict(
                StopSignal.hasCome
                    ? .faultOfHop(3, 2, text: "the run was told to stop") : .temporary(3, 0, text: "\(error)"))
        }
    }

    private func answer(
        alias name: String, _ rank: AliasRank, _ index: Int, _ recipients: [some RecipientNode]
    ) throws(AliasFileFault) -> Answer {
        guard case .address(let asked) = recipients[index].recipient.destination,
            let whole = try? asked.qualified(with: settings.qualify),
            let named = try? Address(localPart: name, domain: whole.domain)
        else { return .nothing }
        guard let members = try members(of: named, rank) else { return .nothing }
        return .into(try expanded(members, asked: whole, alias: named, index, recipients))
    }

    /// Where an address leads by the files and the hook; `nil` where it is no alias.
    /// - Parameter rank: `nil` for any.
    private func members(of named: Address, _ rank: AliasRank?) throws(AliasFileFault) -> (file: String, [AliasMember])?
    {
        var found: (file: String, members: [AliasMember])?
        switch rank.map({ book.find(named, $0) }) ?? book.find(named) {
        case .entry(let entry, let file):
            if let fault = entry.fault { throw AliasFileFault(path: "\(file):\(entry.line)", words: "\(fault)") }
            found = (file, entry.members)
        case .unreadable(let fault): throw fault
        case nil: break
        }
        if let hook, rank == .exact || rank == nil {
            let more = try hook.members(of: named)
            if !more.isEmpty { found = (found?.file ?? "alias-hook", (found?.members ?? []) + more) }
        }
        return found.map { ($0.file, $0.members) }
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
            guard let members = try forwardFiles[name]?.members(), !members.isEmpty else { return .nothing }
            for case .success(.address(let target, let isFinal, _)) in members.map(\.target) {
                let isOwn =
                    target.domain == nil && [name, mailbox.unixUser].contains(target.localPart.lowercased())
                    || locals.resolve(target) == .mailbox(name)
                targets.append(isOwn ? (address, true) : (target, isFinal))
            }
        }
        let notify = Self.notify(recipient, count: targets.count)
        return .into(
            targets.map { target in
                let whole = (try? target.address.qualified(with: settings.qualify)) ?? target.address
                return child(whole, isFinal: target.isFinal, notify: notify)
            })
    }

    /// Looks again at a target that could not be read.
    private func answerAgain(_ index: Int, _ recipients: [some RecipientNode]) throws(AliasFileFault) -> Answer {
        let recipient = recipients[index].recipient
        let text = recipient.destination.description
        guard let name = recipient.alias?.description, let named = try? Address(name) else {
            return .verdict(.permanent(1, 1, text: "nothing is known of the alias that led to \(text)"))
        }
        let members: [AliasMember]
        var file = ""
        if case .include(let path)? = try? AliasTarget(text) {
            members = try Include.members(of: path)
        } else {
            guard let found = try self.members(of: named, nil) else {
                return .verdict(.permanent(1, 1, text: "the alias \(named) that led to \(text) is gone"))
            }
            (file, members) = found
            for member in members {
                guard case .failure(let error) = member.target, Self.text(of: member) == text else { continue }
                throw AliasFileFault(path: "\(file):\(member.line)", words: "\(error)")
            }
        }
        let asked = recipients.ancestors(of: index).first.flatMap { recipients.address(of: $0) } ?? named
        let whole = (try? asked.qualified(with: settings.qualify)) ?? asked
        return .into(try expanded((file, members), asked: whole, alias: named, index, recipients))
    }

    /// A target that could not be read, as the queue keeps it: what can be read is never made of it.
    private static func text(of member: AliasMember) -> String {
        let text = EnvelopeText(cleaning: member.text).description
        if (try? AliasTarget(text)) == nil, !text.isEmpty { return text }
        return ":unreadable:\(member.line)"
    }

    private func expanded(
        _ found: (file: String, members: [AliasMember]), asked: Address, alias: Address, _ index: Int,
        _ recipients: [some RecipientNode]
    ) throws(AliasFileFault) -> [ExpandedRecipient] {
        let parent = recipients[index].recipient
        let members = Include.unfolded(found.members)
        let notify = Self.notify(parent, count: members.count)
        func child(
            _ destination: RecipientDestination, isFinal: Bool = false, via: [String] = []
        ) -> ExpandedRecipient {
            ExpandedRecipient(
                destination, notify: notify, originalRecipient: parent.originalRecipient, identity: parent.identity,
                alias: EnvelopeText(cleaning: "\(alias)"), isFinal: isFinal,
                via: via)
        }
        var children: [ExpandedRecipient] = []
        for member in members {
            switch member.target {
            case .success(.address(let address, let isFinal, let via)):
                let whole = (try? address.qualified(with: alias.domain ?? settings.qualify)) ?? address
                children.append(child(.address(whole), isFinal: isFinal, via: via))
            case .success(.sameName(let domain, let via)):
                guard let same = try? Address(localPart: asked.localPart, domain: domain ?? asked.domain) else {
                    continue
                }
                children.append(child(.address(same), via: via))
            case .success(.program), .success(.file), .success(.nowhere), .success(.include):
                children.append(child(.local(EnvelopeText(cleaning: member.text))))
            case .failure:
                children.append(child(.local(EnvelopeText(cleaning: Self.text(of: member)))))
            }
        }
        return children
    }

    /// An alias of several tells of success itself, and those that it leads to do not (RFC 3461 §5.2.7.3).
    private static func notify(_ parent: ExpandedRecipient, count: Int) -> Notify {
        guard count > 1, case .on(let conditions) = parent.notify else { return parent.notify }
        let rest = conditions.subtracting(.success)
        return rest.isEmpty ? .never : .on(rest)
    }

    private func refusal(of count: Int, for index: Int, _ recipients: [some RecipientNode]) -> Verdict? {
        let root = recipients.ancestors(of: index).last ?? index
        let others = recipients.indices.filter { recipients.ancestors(of: $0).last == root }.count
        guard others + count > Self.recipientLimit else { return nil }
        return .permanent(5, 3, text: "it leads to more than \(Self.recipientLimit) recipients")
    }
}

extension HubSettings {
    /// The folder of this hub that holds `path`, into which no alias writes: its state, or a Maildir.
    public func ownPlace(holding path: String) -> String? {
        ([stateDirectory] + mailboxes.map(\.maildir)).first { !$0.isEmpty && (path == $0 || path.hasPrefix($0 + "/")) }
    }
}

extension RecipientDestination {
    /// Whether it is `address`: a local name, whatever its case.
    fileprivate func isSame(as address: Address, qualify: String) -> Bool {
        guard case .address(let own) = self else { return false }
        return own.localPart.lowercased() == address.localPart.lowercased()
            && own.domain ?? qualify == address.domain ?? qualify
    }
}

/// Files of targets that aliases include.
enum Include {
    /// Octets of one.
    static let sizeLimit = 1 << 20
    /// How deep they include one another.
    static let depthLimit = 20

    /// The targets in the file at `path`.
    /// - Throws: ``AliasFileFault`` where it cannot be read, or is not to be believed.
    static func members(of path: String) throws(AliasFileFault) -> [AliasMember] {
        do throws(TrustedFileError) {
            return AliasFile.included(try TrustedFile(path, atMost: sizeLimit).octets)
        } catch {
            throw AliasFileFault(path: path, words: "\(error)")
        }
    }

    /// `members`, with what files lead to in the place of each that includes one; one that cannot be read stays.
    static func unfolded(_ members: [AliasMember], within stack: [String] = []) -> [AliasMember] {
        members.flatMap { member -> [AliasMember] in
            guard case .success(.include(let path)) = member.target else { return [member] }
            guard !stack.contains(path), stack.count < depthLimit else { return [] }  // a circle adds nobody
            do throws(AliasFileFault) {
                return unfolded(try Self.members(of: path), within: stack + [path])
            } catch {
                return [member]
            }
        }
    }
}
