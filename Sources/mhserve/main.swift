// mhserve: serves POP3 and SMTP.

MHServeCommand.run()
