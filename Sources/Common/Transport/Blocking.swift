// Exports Blocking: whoever uses the network needs deadlines and threads too, and one import gives both.

@_exported import Blocking
