/// Comparing policies on the same text.
