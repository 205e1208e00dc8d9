import KVPolicyKit

extension PolicyRegistry {
  /// The policies that ship with the kit. A new policy takes its own file and a line here.
  public static let all = PolicyRegistry([
    FullCache.self,
    StreamingLLM.self,
    H2O.self,
    SnapKV.self,
    MorphKV.self,
    TOVA.self,
    RandomEviction.self,
  ])
}
