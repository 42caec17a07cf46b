// Hints for people who come from msmtp, mpop or fetchmail.

/// Words of msmtp, mpop and fetchmail whose meaning here has another form.
enum Predecessors {
    /// The word here that means the same.
    static func synonym(of key: String, in scope: Scope) -> String? {
        switch (scope, key) {
        case (.top, "log-user"): "always-bcc"
        case (.top, "alias-file"), (.top, "globalias-file"): "aliases"
        case (.account, "username"), (.account, "login"): "user"
        case (.account, "pass"): "password"
        case (.account, "protocol"), (.account, "proto"), (.account, "service"): "fetch"
        case (.account, "folder"), (.account, "mailbox"): "folders"
        case (.account, "poll-interval"), (.account, "interval"): "every"
        case (.account, "certfile"), (.account, "sslcertfile"): "tls_trust_file"
        case (.account, "sslfingerprint"): "tls_fingerprint"
        default: nil
        }
    }

    /// What to write instead, where no single word means the same.
    static func hint(for key: String, in scope: Scope) -> String? {
        switch (scope, key) {
        case (.account, "host"), (.account, "port"):
            "write \"send submission HOST:PORT\" or \"fetch pop3s HOST:PORT\" instead of \"\(key)\""
        case (.account, "tls-starttls"):
            "the service says it: submission, smtp, pop3 and imap begin with STARTTLS, submissions, pop3s and imaps with TLS"
        case (.account, "tls-certcheck"):
            "certificates are always checked; name the one to trust with tls_fingerprint or tls_trust_file"
        case (.account, "logfile"), (.top, "logfile"), (.top, "syslog"), (.account, "syslog"):
            "write \"log syslog\" or \"log FILE\" at the beginning of a line"
        case (.account, "dsn-notify"), (.account, "dsn-return"), (.account, "allow-from-override"):
            "it is for all mail that is handed in; write it at the beginning of a line"
        case (.account, "delivery"):
            "fetched mail goes to the Maildir of the account's owner; for another place write \"deliver mbox FILE\" or "
                + "\"deliver program COMMAND\""
        case (.account, "uidls-file"): "what was fetched is remembered below the state directory; remove the line"
        case (.account, "only-new"): "only new mail is ever fetched; remove the line"
        case (.top, "poll"), (.top, "skip"):
            "that is fetchmail's; write \"account NAME\", and indented below it \"fetch imaps HOST\", \"user LOGIN\", "
                + "\"password TEXT\""
        case (.top, "set"): "that is fetchmail's; leave it out, and see mailhubrc(5) for what stands outside blocks"
        case (.account, "ssl"), (.account, "sslproto"):
            "the service says it: pop3s and imaps begin with TLS, pop3 and imap with STARTTLS"
        case (.account, "fetchall"), (.account, "nofetchall"): "only new mail is ever fetched; remove the line"
        case (.account, "nokeep"): "write \"keep off\""
        case (.account, "mda"):
            "fetched mail goes to the Maildir of the account's owner; for a program write \"deliver program COMMAND\""
        case (.account, "smtphost"), (.account, "smtp"):
            "fetched mail goes to the Maildir of the account's owner; for a server write \"deliver smtp HOST\" or "
                + "\"deliver lmtp HOST\""
        case (.top, "defaults"): "there is no defaults block; let an account inherit: account NAME : OTHER"
        case (.account, "proxy-host"), (.account, "proxy-port"): Refusal.message(Vocabulary.chainDeed)
        default: nil
        }
    }
}
