import KVPolicyKit

extension PolicyRegistry {
  /// The policies that ship with the kit. A new policy takes its own file and a line here.
  public static let all = PolicyRegistry(
    [
      FullCache.self,
      StreamingLLM.self,
      H2O.self,
      SnapKV.self,
      MorphKV.self,
      TOVA.self,
      RandomEviction.self,
      PyramidKV.self,
      AdaKV.self,
      ChunkKV.self,
      CriticalKV.self,
      ScoredPolicy<KeyNorm>.self,
      ScoredPolicy<KeyDiff>.self,
      ScoredPolicy<LagKV>.self,
      ScoredPolicy<CUR>.self,
      ScoredPolicy<ExpectedAttention>.self,
      ScoredPolicy<Cap>.self,
      ScoredPolicy<LeverageScores>.self,
      ScoredPolicy<JudgeQ>.self,
      KVzip.self,
      SAGEKV.self,
      ReFreeKV.self,
      InertiaKV.self,
      RKV.self,
      DuoAttention.self,
      PruLong.self,
      BaKlaVa.self,
      ForesightKV.self,
      WriteGatedKV.self,
      KVzap.self,
      LESS.self,
      Composed.self,
      ReaderPolicy<Quest>.self,
      ReaderPolicy<RefreshKV>.self,
      ReaderPolicy<ClusterKV>.self,
      RetroAttention.self,
      CodecPolicy<KIVI>.self,
      CodecPolicy<ThinK>.self,
      CodecPolicy<MiKV>.self,
    ], parts: .all)
}

extension PartRegistry {
  /// The parts that ship with the kit. A new part takes its own file and a line here.
  public static let all = PartRegistry(
    scores: [
      WindowScore.self, KeyNorm.self, KeyDiff.self, LagKV.self, CUR.self, RedundancyScore.self,
      ExpectedAttention.self, Cap.self, LeverageScores.self,
      ForesightScore.self, JudgeQ.self,
    ],
    budgets: [PyramidBudget.self, AdaptiveBudget.self, ProfileBudget.self],
    units: [Chunks.self],
    readers: [Quest.self, RefreshKV.self, ClusterKV.self],
    codecs: [KIVI.self, ThinK.self, MiKV.self])
}
