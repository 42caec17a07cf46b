// Single blocks written as an rc has them, for who makes or changes one.
//
// They say what was said and nothing else: by a line of the rc (an inherited one, too), or by assigning the property.

extension MailboxSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension AccountSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension RouteSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension ChainSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension DomainSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension ListenerSettings {
    /// The block as lines of an rc, secrets as they are.
    /// - Throws: ``RunControlError/faults(_:)`` for what no rc may say.
    public func written() throws(RunControlError) -> String { try proved() }
}

extension BlockSettings {
    /// The block as lines of an rc that the reader takes: values may be a stranger's, who would like to add lines of his own.
    fileprivate func proved() throws(RunControlError) -> String {
        var page = Page(.said, isMasked: false)
        page.add(self)
        let source = head.map(page.rendered).joined(separator: " ")
        var faults = FaultList()
        let lines = LineSplitter.lines(of: Array(page.text.utf8), file: source, faults: &faults)
        // All paths are absolute already, so that nobody's home counts.
        var assembly = Assembly(context: ProcessContext(environment: [:]), faults: faults)
        assembly.read(lines)
        guard assembly.faults.isEmpty else { throw .faults(assembly.faults.sorted(files: [source])) }
        guard assembly.said == page.text else {
            throw .faults([RunControlFault(headPlace ?? .nowhere, "\(source): cannot be said in an rc")])
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
