// The words that stand at the beginning of a line, blocks aside.

import Reporting

/// From a second to ten years: beyond that a person has made a mistake.
let anyDuration = 1...315_360_000

let topRules: [Rule<HubSettings>] = [
    Rule("hostname") { $0.hostname = try $1.domain("the host name") },
    Rule("run-as") { $0.runAs = try $1.next("the user").text },
    Rule("qualify") { $0.qualify = try $1.domain("the domain of bare names") },
    Rule("state") { $0.stateDirectory = try $1.path("the state directory") },
    Rule("maildirs") { settings, arguments in
        let word = arguments.peek
        settings.maildirs = try arguments.path("the path of the Maildirs")
        guard let word, !settings.maildirs.split(separator: "/").contains(where: { $0.contains("%m") }) else { return }
        throw arguments.fault(word, "maildirs: %m must stand for the mailbox, as in \(settings.maildirs)/%m")
    },
    Rule("postmaster") { $0.postmaster = try $1.refer(.mailbox, "the mailbox") },
    Rule("log") { settings, arguments in
        switch arguments.peek?.text {
        case "syslog": settings.log = .syslog
        case "stderr": settings.log = .standardError
        case "none": settings.log = .nowhere
        case let word?:
            guard word.hasPrefix("/") || word.hasPrefix("~") else {
                let hint = Nearest.hint(to: word, among: ["syslog", "stderr", "none"])
                throw arguments.fault(
                    try arguments.next("a destination"),
                    "log goes to syslog, stderr, none or a file, not \"\(word)\"\(hint)")
            }
            settings.log = .file(try arguments.path("the log file"))
            return
        case nil: break
        }
        _ = try arguments.next("syslog, stderr, none or a file")
    },
    Rule("geoip") { $0.geoip = try $1.path("the country database") },
    Rule("tls_trust_file") { settings, arguments in
        if arguments.peek?.text == "system" {
            _ = try arguments.next("a file")
            settings.tlsTrustFile = nil
        } else {
            settings.tlsTrustFile = try arguments.path("the trust file")
        }
    },
    Rule("tls_certificate") { $0.tlsCertificate = try $1.certificatePair() },
    Rule("alert-after") { $0.alertAfter = try $1.durationToEnd("the time", in: anyDuration) },
    Rule("notify") { $0.notify = try $1.command() },
    Rule("queue-lifetime") { $0.queue.lifetime = try $1.durationToEnd("the lifetime", in: 3600...315_360_000) },
    Rule("warn-after") { settings, arguments in
        if arguments.peek?.text == "off" {
            _ = try arguments.next("a time")
            settings.queue.warnAfter = nil
        } else {
            settings.queue.warnAfter = try arguments.durationToEnd("the time", in: 60...315_360_000)
        }
    },
    Rule("retry") { settings, arguments in
        settings.queue.firstRetry = try arguments.duration("the first delay", in: 1...86_400)
        let longest = arguments.peek
        settings.queue.longestRetry = try arguments.duration("the longest delay", in: 1...604_800)
        guard let longest, settings.queue.longestRetry < settings.queue.firstRetry else { return }
        throw arguments.fault(longest, "retry: the longest delay is shorter than the first")
    },
    Rule("size-limit") { $0.limits.messageSize = try $1.size("the message size", in: 65_536...1 << 31) },
    Rule("max-recipients") { $0.limits.recipients = try $1.number("the number of recipients", in: 1...10_000) },
    Rule("errors-limit") { $0.limits.errors = try $1.number("the number of errors", in: 1...1000) },
    Rule("max-connections") { $0.limits.connections = try $1.number("the number of connections", in: 1...65_535) },
    Rule("max-connections-per-address") {
        $0.limits.connectionsPerAddress = try $1.number("the number of connections", in: 1...65_535)
    },
    Rule("smtp-idle") { $0.limits.smtpIdle = try $1.durationToEnd("the time", in: 1...86_400) },
    Rule("pop3-idle") { $0.limits.pop3Idle = try $1.durationToEnd("the time", in: 1...86_400) },
    Rule("free-space") { $0.limits.freeSpace = try $1.size("the free space", in: 0...1 << 40) },
]
