// Whoever speaks to the network needs deadlines and threads with it: one import gives both.

@_exported import Blocking
