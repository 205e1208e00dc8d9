/// A kit that checks a policy.
