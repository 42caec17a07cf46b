// The dovecot.conf of a private Dovecot that needs no root.

struct DovecotConfiguration {
    let root: String
    let scratch: String
    let user: String
    let group: String
    let environment: [String: String]
    let ports: (pop3: UInt16, pop3s: UInt16, imap: UInt16, imaps: UInt16)
    let certificate: TestCertificate
    let authenticationSocket: String
    let settings: String

    var text: String {
        let handedOn = environment.filter { $0.key != "PATH" }.map { "\($0.key)=\($0.value)" }.sorted()
        return """
            base_dir = \(scratch)/run
            state_dir = \(scratch)/state
            log_path = \(scratch)/dovecot.log
            libexec_dir = \(root)/usr/lib/dovecot
            mail_plugin_dir = \(root)/usr/lib/dovecot/modules
            import_environment = \(handedOn.joined(separator: " "))
            default_login_user = \(user)
            default_internal_user = \(user)
            default_internal_group = \(group)
            first_valid_uid = 1
            first_valid_gid = 1
            listen = 127.0.0.1
            protocols = pop3 imap
            ssl = yes
            ssl_cert = <\(certificate.certificatePath)
            ssl_key = <\(certificate.keyPath)
            disable_plaintext_auth = no
            auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
            auth_failure_delay = 0
            mail_max_userip_connections = 200
            mail_location = maildir:~/Maildir
            passdb {
              driver = passwd-file
              args = scheme=PLAIN \(scratch)/passwd
            }
            userdb {
              driver = passwd-file
              args = \(scratch)/passwd
            }
            # Without the listener no log-in is slowed down for the failures before it.
            service anvil {
              chroot =
              unix_listener anvil-auth-penalty {
                mode = 0
              }
            }
            service stats {
              chroot =
            }
            service auth {
              unix_listener \(authenticationSocket) {
                mode = 0666
              }
            }
            \(login("pop3", ports.pop3, ports.pop3s))
            \(login("imap", ports.imap, ports.imaps))
            \(settings)

            """
    }

    /// The lines with which it takes mail by LMTP.
    static func lmtp(_ port: UInt16) -> String {
        """

        protocols = pop3 imap lmtp
        service lmtp {
          chroot =
          inet_listener lmtp {
            port = \(port)
          }
          unix_listener lmtp-door {
            mode = 0666
          }
        }
        """
    }

    private func login(_ name: String, _ plain: UInt16, _ inTLS: UInt16) -> String {
        """
        service \(name)-login {
          chroot =
          inet_listener \(name) {
            port = \(plain)
          }
          inet_listener \(name)s {
            port = \(inTLS)
            ssl = yes
          }
        }
        """
    }
}
