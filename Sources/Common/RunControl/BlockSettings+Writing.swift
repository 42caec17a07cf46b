// Single blocks as lines of an rc, for code that makes or changes one.
//
// Only what was said is written: by a line of the rc (an inherited one, too), or by assigning the property.

extension MailboxSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension AccountSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension RouteSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension ChainSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension DomainSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension ListenerSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for values that no rc can hold.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension BlockSettings {
    /// The block as lines of an rc, read again to prove them: a stranger's values might add lines of their own.
    fileprivate func proved() throws(RunControlError) -> String {
        var page = Page(.said, isMasked: false)
        page.add(self)
        let source = head.map(page.rendered).joined(separator: " ")
        var faults = FaultList()
        let lines = LineSplitter.lines(of: Array(page.text.utf8), file: source, faults: &faults)
        // All paths are absolute already: no home is needed.
        var assembly = Assembly(context: ProcessContext(environment: [:]), faults: faults)
        assembly.read(lines)
        guard assembly.faults.isEmpty else { throw .faults(assembly.faults.sorted(files: [source])) }
        guard assembly.said == page.text else {
            throw .faults([RunControlFault(headPlace ?? .nowhere, "\(source): cannot be written in an rc")])
        }
        return page.text
    }
}

extension Assembly {
    /// What was read, written again.
    fileprivate var said: String {
        var page = Page(.said, isMasked: false)
        page.add(top.settings)
        for draft in mailboxes { page.add(draft.settings) }
        for draft in accounts { page.add(draft.settings) }
        for draft in routes { page.add(draft.settings) }
        for draft in chains { page.add(draft.settings) }
        for draft in domains { page.add(draft.settings) }
        for draft in listeners { page.add(draft.settings) }
        return page.text
    }
}
