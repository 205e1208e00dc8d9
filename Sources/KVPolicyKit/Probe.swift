/// Rows that are scored and never stored.
///
/// A probe is read after a chunk of the prompt. Its queries attend to all rows of the cache and to
/// the probe's own rows up to theirs. The policy sees them in place of the prompt's own last
/// queries, as the signal ``Signal/promptRows(_:)``; then the probe is gone. It enters no page and
/// takes no position, and no token ever attends to it.
///
/// While a policy is shown a probe, the probe's rows count as the latest tokens: the view's
/// `length` and a ``Protection`` of recent tokens include them.
public enum Probe: Hashable, Sendable {
  /// The positions of a probe of the prompt's own tokens.
  public enum Place: String, CaseIterable, Sendable {
    /// Right after the chunk.
    case afterChunk
    /// Where the tokens stand in the prompt.
    case trueEnd
  }

  /// The prompt's last tokens, so many or all, after every chunk but the last. A last token that is
  /// read by a decode step is not among them.
  case promptTail(Int, at: Place)
  /// Vectors that take the place of token embeddings: `count × width`, at the positions after the
  /// prompt, when the prompt ends.
  case embeddings(Tensor)
  /// The prompt once more, part after part, when it ends. The policy sees one part at a time
  /// (``LaneView/repeatedPositions``), and each part starts at the position after the prompt. Needs
  /// scope `sequence`, because the policy is asked once all parts were read. A last token that is
  /// read by a decode step is not among them.
  case promptAgain(PromptRepetition)

  /// Whether the probe is read after a chunk.
  package func isRead(afterLast isLast: Bool) -> Bool {
    switch self {
    case .promptTail: !isLast
    case .embeddings, .promptAgain: isLast
    }
  }

  /// How many rows the probe has at least when the prompt ends; 0 if it is not read then.
  package var rowsAtEnd: Int {
    switch self {
    case .promptTail, .promptAgain: 0
    case .embeddings(let vectors): vectors.shape.first ?? 0
    }
  }
}

extension PolicyAssignment {
  /// Refuses probes that no engine can read.
  static func checkProbes(_ policies: [any KVCachePolicy]) throws(PolicyError) {
    guard let prober = policies.first(where: { $0.probe != nil }), let probe = prober.probe else {
      return
    }
    func refusal(_ policy: any KVCachePolicy, _ reason: String) -> PolicyError {
      .impossible(policy: type(of: policy).name, reason: reason)
    }
    for policy in policies {
      if policy.positions != .original {
        throw refusal(
          policy, "a probe has positions in the text; let every layer have original positions")
      }
      guard let other = policy.probe else { continue }
      if other != probe {
        throw refusal(
          policy,
          "a probe is read once for all layers, and another layer's policy has another; give both "
            + "the same")
      }
      for signal in policy.signals {
        switch signal {
        case .promptColumnSums, .recentRows, .queries:
          throw refusal(
            policy, "a probe gives prompt rows and no \(signal); declare one of the two")
        default: break
        }
      }
      switch probe {
      case .promptTail(let count, _):
        guard count >= 1 else {
          throw refusal(policy, "a probe of \(count) tokens shows nothing; declare 1 or more")
        }
        guard policy.cadence.prompt == .everyChunk else {
          throw refusal(policy, "a probe after each chunk needs a decision after each chunk")
        }
      case .embeddings(let vectors):
        guard vectors.shape.count == 2, vectors.shape[0] >= 1 else {
          throw refusal(policy, "a probe of embeddings is a matrix of at least one row")
        }
        guard policy.cadence.prompt == .atEnd else {
          throw refusal(
            policy,
            "a probe when the prompt ends needs one decision, when it ends; set \"when\" to "
              + "\"afterPrompt\"")
        }
      case .promptAgain(let repetition):
        guard policy.cadence.prompt == .atEnd, policy.scope == .sequence else {
          throw refusal(
            policy,
            "a probe of the whole prompt needs scope sequence and one decision, when the prompt "
              + "ends")
        }
        if let reason = repetition.defect { throw refusal(policy, reason) }
      }
    }
  }
}
