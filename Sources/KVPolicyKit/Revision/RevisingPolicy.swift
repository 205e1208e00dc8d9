/// How a policy corrects past tokens.
public struct Revision: Hashable, Sendable {
  /// The query with which a past token reads rows that it has not read before.
  public enum PastQuery: String, CaseIterable, Hashable, Sendable {
    /// The query computed from the token's corrected hidden state.
    case recomputed
    /// The query of the step that read the token.
    case cached
  }

  /// Tokens that pass through the layers in a step: the new token, and before it the last
  /// `window − 1` tokens that were decoded.
  public let window: Int
  /// Which query reads.
  public let pastQuery: PastQuery

  /// The most tokens of a window.
  public static let longestWindow = 1024

  /// A revision of the last `window` tokens. ``PolicyAssignment`` refuses fewer than one, and more
  /// than ``longestWindow``.
  public init(window: Int, pastQuery: PastQuery = .recomputed) {
    (self.window, self.pastQuery) = (window, pastQuery)
  }
}

/// A policy that reads a part of the cache, and lets tokens that were decoded a few steps ago read
/// what later tokens read.
///
/// In every step the last tokens pass through all layers again. In each layer, keys and values of
/// the past tokens are computed from their corrected hidden states and written over the stored
/// ones; then the reader names rows for the new token alone; and each past token also reads those
/// of the rows that are not later than itself and that it has not read before. Their part joins
/// what the token has read so far, whose queries and keys stay as they were. Tokens of prompts,
/// which read everything, are not revised.
///
/// The policy decides about all layers, forgets nothing and needs full-precision rows.
public protocol RevisingPolicy: ReadingPolicy {
  /// Which tokens are revised, and how.
  var revision: Revision { get }
}

extension PolicyAssignment {
  /// How past tokens are corrected; nil if they are not.
  ///
  /// - Throws: `PolicyError.impossible` for a revision that no engine can carry out.
  static func revision(
    of policies: [any KVCachePolicy], codecs: [(any RowCodec)?], owner: [Int]
  ) throws(PolicyError) -> Revision? {
    for (index, policy) in policies.enumerated() {
      guard let revision = (policy as? any RevisingPolicy)?.revision, owner.contains(index) else {
        continue
      }
      func impossible(_ reason: String) -> PolicyError {
        .impossible(policy: type(of: policy).name, reason: reason)
      }
      guard (1...Revision.longestWindow).contains(revision.window) else {
        throw impossible(
          "it computes \(revision.window) tokens in a step; use 1 to \(Revision.longestWindow)")
      }
      guard revision.window == 1 || owner.allSatisfy({ $0 == index }) else {
        throw impossible(
          "it corrects tokens in every layer, and other policies have some of them; give it all "
            + "layers, or a window of 1")
      }
      if policy.phase != .afterOutput {
        throw impossible("it corrects outputs, which only phase .afterOutput leaves whole")
      }
      if policy.cadence != .never && revision.window > 1 {
        throw impossible("it forgets rows, which it may have to write over; declare cadence .never")
      }
      if let codec = codecs[index], revision.window > 1 {
        throw impossible(
          "it writes over the keys and values of past tokens, which \(type(of: codec).name) may have "
            + "stored as codes; leave out \"codec\" and \"keys\", or set \"window\" to 1")
      }
      return revision.window > 1 ? revision : nil
    }
    return nil
  }
}
