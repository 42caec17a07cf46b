// The verbs that change what becomes of messages: rm, hold, release, expire, route.

import ArgumentParser
import CommandStart
import MailEnvelope
import SpoolQueue

extension MHQueue {
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove messages for good; nobody is told.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws { try chosen.order(hub) { _ in [.remove] }.end() }
    }

    struct Hold: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep messages from being tried until they are released.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages
        @Option(help: "The reason, as list and why show it.") var reason = "held by hand"

        func validate() throws {
            guard reason.contains(where: { !$0.isWhitespace }) else { throw ValidationError("--reason has no text") }
        }

        func run() throws { try chosen.order(hub) { _ in [.hold(reason)] }.end() }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let held messages be tried again, from now on.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws { try chosen.order(hub) { _ in [.release, .next(0)] }.end() }
    }

    struct Expire: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give messages up now: those who still wait get nothing, and the senders a notice.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws {
            try chosen.order(hub) { message in
                guard !message.isNotice else { throw QueueCommandError.isNotice(message.id.text) }
                let failures = message.state.waiting.map { index in
                    let last = message.state.recipients[index].verdict
                    let words = "given up by hand" + (last.map { "; the last answer was: \($0)" } ?? ", before any try")
                    return Order.fail([index], Verdict.temporary(4, 7, text: words).ended())
                }
                return (message.state.hold == nil ? [] : [.release]) + failures
            }.end()
        }
    }

    struct Route: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have messages leave by a route or an account, whatever the rc's rules say.")
        /// What stands for the rules of the rc.
        private static let byRules = "RULES"

        @OptionGroup var hub: HubOptions
        @Argument(help: "The route or the account; RULES for what the rc says.") var name: String
        @OptionGroup var chosen: ChosenMessages

        func run() throws {
            let route = name == Self.byRules ? nil : EnvelopeText(cleaning: name)
            let done = try chosen.order(
                hub,
                checking: { hub, queue in
                    guard try route == nil || WaysOut(hub.settings, queue).has(name) else {
                        throw QueueCommandError.noSuchRoute(name)
                    }
                },
                { _ in [.route(route), .next(0)] })
            try done.end()
        }
    }
}
