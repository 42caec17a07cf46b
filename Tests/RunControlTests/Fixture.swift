// What the tests of the rc share: a machine that is the same everywhere.

import Reporting

@testable import RunControl

enum Fixture {
    static var context: ProcessContext {
        var context = ProcessContext(environment: [:])
        context.home = "/home/alice"
        context.userName = "alice"
        context.configHome = "/home/alice/.config"
        context.stateHome = "/home/alice/.local/state"
        return context
    }

    static func read(_ text: String) throws -> HubSettings {
        try HubSettings.read(Array(text.utf8), source: "rc", context: context)
    }

    /// The listing of all faults of `text`.
    static func listing(_ octets: [UInt8]) -> [String] {
        do throws(RunControlError) {
            _ = try HubSettings.read(octets, source: "rc", context: context)
            return []
        } catch {
            return error.lines
        }
    }

    static func listing(_ text: String) -> [String] { listing(Array(text.utf8)) }

    /// An rc with every word that this release can do.
    static let everything = """
        hostname         hub.home.arpa
        run-as           mailhub
        qualify          home.arpa
        state            /var/lib/mailhub
        maildirs         ~/Mail/%m
        postmaster       alice
        log              ~/log/mailhub
        tls_trust_file   /etc/ssl/own.pem
        tls-certificate  ~/hub.crt key ~/hub.key
        alert-after      6h
        queue-only       on
        show-recipients  own
        notice-language  de
        notice-texts     /etc/mailhub/texts
        always-bcc       archive@example.org
        resolver         127.0.0.1:5353 2001:db8::53
        dnssec           off
        private-domain   home.arpa
        aliases          /etc/mail/aliases
        aliases          "/etc/more aliases"
        alias-hook       "/usr/bin/who is" -q
        allow_from_override off
        dsn_notify       failure, delay
        dsn_return       headers
        online-query     command "/usr/bin/which-way" -q
        notify           "tell me"
        queue-lifetime   1w
        warn_after       off
        retry            1m 2h
        size-limit       10m
        max-recipients   50
        errors-limit     7
        max-connections  70
        max-connections-per-address 8
        smtp-idle        1m
        pop3-idle        2m
        free-space       1g
        accounts-at-once 4
        mailbox alice
          address        alice@home.arpa, alice@example.org al-*@example.org
          unix-user      alice
          passwordhash   "$scrypt$ a\\"b\\\\c"
          show           inbox
        mailbox bob
          address        bob
          deliver        lmtp /run/dovecot/lmtp for bob
          sent           "Sent Items"
          expire         Trash 30d
          expire         "Sent Items" 52w
          forward        bob@provider.example "\"odd one\"@provider.example"
          password       "# \\" , -> \\x"
        mailbox carol
          maildir        "~/My Mail/carol"
          passwordfile   ~/carol.pass
        account gmail
          owner          alice
          for            bob
          for            carol
          address        alice@gmail.com
          passwordeval   "pass show mail/gmail"
          fetch          imaps imap.gmail.com
          folders        INBOX, "[Gmail]/Spam" -> Junk, "a, b"
          folders        "Sent Mail" -> "Sent -> Old", "Lists/*" -> "Mail/*", !"Lists/old %"
          search         UNSEEN NOT FROM "a b"
          mark-seen
          skip           over 20m
          header-only    over 2m
          per-run        500 1g
          filter         "header-judge --strict"
          keep           30d
          flags          off
          transcript     ~/transcripts
          received_header
          log-messages
          delivered-to   on
          preconnect     "tunnel up"
          postconnect    tunnel "down now"
          compress       on
          idle           INBOX
          every          1h 30m
          at             06:30, 18:05
          jitter         5m
          deliver        maildir
          deliver        mbox "~/mail box"
          deliver        program "/usr/bin/sort it" -d %user "%%" "a|b"
          deliver        lmtp /run/lmtp for alice
          deliver        smtp mail.example.net:2525 for b@example.net tls off insecure
          deliver        append club "Old Mail"
          fallback       alice
          from-line
          from-quoting   on
          envelope       X-Envelope-To skip 2
          send           submissions smtp.gmail.com:4650
          connections    5
          tls_fingerprint 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
          tls_host_override mail.gmail.com
          tls_cert_file  ~/alice.crt
          tls_key_file   ~/alice.key
          tls_min        1.3
          tls_ciphers    TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256 ECDHE+AESGCM
          inet           6
          source-ip      2001:db8::1
          timeout        30
        account club : gmail
          address        club@example.net
          deliver        maildir
          passwordeval   sh "a $b" "c d"
          keep           on
        account isp
          from           bob@isp.example
          owner          bob
          for            everyone
          user           b0b
          password       "back\\\\slash"
          auth           plain
          fetch          pop3 [2001:db8::2]:1110
          keep           off
          tls            off insecure
          domain         neutral.example
          reply-to       answers@example.org
          send           smtp 192.0.2.1
          inet           4
          pipelining     off
        account work
          owner          carol
          user           carol@work.example
          address        carol@work.example
          tokeneval      "oauth-token work"
          only           when sending
          auth           xoauth2
          fetch          imaps outlook.office365.com
          send           submission smtp.office365.com [2001:db8::25]:2587
          move           "Archive/Hub, done"
          tls_fingerprint sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
        route notices
          from           <> *@hub.home.arpa
          not-from       root@hub.home.arpa
          to             *@example.com
          not-to         x@example.com
          header-from    *
          not-header-from "a b@example.com"
          use            isp gmail
          last
          on-connect-failure bounce
          online         "home*" ppp0
          show-recipients all
          limit          100/1h30m
          rewrite        all * *@example.org
          rewrite        from root "Alice, at home <alice@example.org>"
        route direct
          to             *@*.direct
          mx
          tls            required
          inet           prefer6
          source-ip      2001:db8::1
          smtp-port      2525
          timeout        1m
          connections    7
        route uucp
          to             *@*.uucp
          pipe           /usr/bin/uux -a%sender "%user at %domain"
          from-line
          from-quoting
        domain example.org
          mailboxes      alice bob
          catchall       alice
          aliases        /etc/mail/example.org
          suffix         +-
          drop-characters .
          block          sales *-news@example.org
        domain plain.example
        listen smtp       [::]:25
        listen pop3s      [::]:995 allow 192.168.0.0/16 fd00::/8 deny 192.168.1.1 max-connections 9
        listen submission *
          tls_certificate /a.crt key /a.key
        """
}
