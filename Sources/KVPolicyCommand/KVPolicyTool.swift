/// The command line.
