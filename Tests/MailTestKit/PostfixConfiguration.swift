// The main.cf, master.cf and queue folders of a private Postfix.

import Glibc

struct PostfixConfiguration {
    let root: String
    let scratch: String
    let libraryPath: String
    let ports: (smtp: UInt16, smtps: UInt16)
    let certificate: TestCertificate
    let delivery: PostfixPeer.Delivery
    let authenticationSocket: String?
    let settings: String

    /// Stand-ins for the user `postfix` and the group `postdrop`: unprivileged, distinct, and used for nothing else.
    static let owner = "news"
    static let dropGroup = "uucp"

    private var transport: String {
        switch delivery {
        case .discard, .queueOnly: "discard:"
        case .smtp(let port): "smtp:[127.0.0.1]:\(port)"
        case .lmtp(let port): "lmtp:inet:127.0.0.1:\(port)"
        }
    }

    var main: String {
        let login =
            authenticationSocket.map { socket in
                """
                smtpd_sasl_auth_enable = yes
                smtpd_sasl_type = dovecot
                smtpd_sasl_path = \(socket)
                smtpd_tls_auth_only = yes
                smtpd_relay_restrictions = permit_sasl_authenticated, reject
                """
            } ?? "smtpd_relay_restrictions = permit_mynetworks, reject"
        return """
            compatibility_level = 3.6
            queue_directory = \(scratch)/queue
            data_directory = \(scratch)/data
            command_directory = \(root)/usr/sbin
            daemon_directory = \(root)/usr/lib/postfix/sbin
            shlib_directory = \(root)/usr/lib/postfix
            meta_directory = \(root)/usr/share/postfix
            sendmail_path = \(root)/usr/sbin/sendmail
            mailq_path = \(root)/usr/sbin/sendmail
            newaliases_path = \(root)/usr/sbin/sendmail
            mail_owner = \(Self.owner)
            setgid_group = \(Self.dropGroup)
            default_privs = nobody
            import_environment = MAIL_CONFIG MAIL_DEBUG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH=\(libraryPath)
            export_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH=\(libraryPath)
            maillog_file = \(scratch)/maillog
            maillog_file_prefixes = \(scratch)
            myhostname = peer.example
            mydestination =
            alias_maps =
            alias_database =
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            mynetworks = 127.0.0.0/8
            relay_domains = static:all
            relay_recipient_maps =
            relay_transport = \(transport)
            default_transport = \(transport)
            disable_dns_lookups = yes
            local_header_rewrite_clients =
            smtp_line_length_limit = 0
            smtpd_error_sleep_time = 0
            message_size_limit = 120000000
            in_flow_delay = 0
            smtpd_client_connection_count_limit = 200
            smtpd_client_event_limit_exceptions = 127.0.0.0/8
            smtpd_peername_lookup = no
            smtpd_tls_security_level = may
            smtpd_tls_cert_file = \(certificate.certificatePath)
            smtpd_tls_key_file = \(certificate.keyPath)
            \(login)
            \(settings)

            """
    }

    var master: String {
        let manager = if case .queueOnly = delivery { "" } else { "qmgr unix n - n 300 1 qmgr" }
        return """
            127.0.0.1:\(ports.smtp) inet n - n - - smtpd
            127.0.0.1:\(ports.smtps) inet n - n - - smtpd
              -o smtpd_tls_wrappermode=yes
            \(manager)
            pickup unix n - n 60 1 pickup
            cleanup unix n - n - 0 cleanup
            tlsmgr unix - - n 1000? 1 tlsmgr
            rewrite unix - - n - - trivial-rewrite
            bounce unix - - n - 0 bounce
            defer unix - - n - 0 bounce
            trace unix - - n - 0 bounce
            verify unix - - n - 1 verify
            flush unix n - n 1000? 0 flush
            proxymap unix - - n - - proxymap
            smtp unix - - n - - smtp
            relay unix - - n - - smtp
            lmtp unix - - n - - lmtp
            showq unix n - n - - showq
            error unix - - n - - error
            retry unix - - n - - error
            discard unix - - n - - discard
            local unix - n n - - local
            virtual unix - n n - - virtual
            anvil unix - - n - 1 anvil
            scache unix - - n - 1 scache
            postlog unix-dgram n - n - 1 postlogd

            """
    }

    /// Makes the folders of the queue, with the owners and modes that Postfix's own installation gives them.
    func makeQueue(in scratch: ScratchDirectory) throws(KitError) {
        let owner = try DovecotPeer.account(Self.owner).user
        let group = try DovecotPeer.account(Self.dropGroup).group
        func make(_ name: String, mode: mode_t, group: gid_t = 0, owner: uid_t) {
            let path = scratch.file(name)
            _ = unsafe mkdir(path, 0o700)
            _ = unsafe chown(path, owner, group)
            _ = unsafe chmod(path, mode)
        }
        make("queue", mode: 0o755, owner: 0)
        make("data", mode: 0o700, owner: owner)
        make("queue/pid", mode: 0o755, owner: 0)
        let parts = [
            "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
            "saved",
        ]
        for part in parts + ["trace"] { make("queue/\(part)", mode: 0o700, owner: owner) }
        make("queue/public", mode: 0o710, group: group, owner: owner)
        make("queue/maildrop", mode: 0o1730, group: group, owner: owner)
    }
}
