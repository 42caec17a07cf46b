// mhsend: a sendmail that queues durably, and hands the queue to its carrier.

MHSend.run()
