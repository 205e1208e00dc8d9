/// The policies that ship with the kit.
public enum AllPolicies {}
