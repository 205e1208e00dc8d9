/// The smallest KV footprint at which a policy still answers nearly as well as full attention:
/// "Cache Me If You Can" (arXiv 2506.17121) compares policies by it.
///
/// A policy measured with several budgets gives points of footprint and score. Between neighbours
/// the score is taken to be linear. A curve that falls again has more than one crossing, so both
/// the first and the last are stated.
public struct CriticalFootprint: Equatable, Sendable {
  /// Where a curve reaches the wanted score.
  public enum Crossing: Equatable, Sendable, CustomStringConvertible {
    /// At this footprint.
    case at(Double)
    /// At or before this footprint, the smallest that was measured.
    case atMost(Double)
    /// Only beyond this footprint, the largest that was measured.
    case beyond(Double)

    /// `0.45`, `≤0.30` or `>0.93`.
    public var description: String {
      switch self {
      case .at(let footprint): "\(footprint)"
      case .atMost(let footprint): "≤\(footprint)"
      case .beyond(let footprint): ">\(footprint)"
      }
    }
  }

  /// The smallest footprint with the wanted score.
  public let first: Crossing
  /// The smallest footprint from which on no measured point falls below the wanted score.
  public let last: Crossing

  /// The share of full attention's score that the paper asks for.
  public static let standardShare = 0.9

  /// The critical footprint of a curve; nil without points.
  ///
  /// - Parameters:
  ///   - points: footprints and scores, in any order; greater scores are better. Of two points with
  ///     equal footprints the one with the lower score comes first.
  ///   - full: the score of full attention.
  ///   - share: the wanted share of it.
  public init?(
    _ points: [(footprint: Double, score: Double)], full: Double,
    share: Double = CriticalFootprint.standardShare
  ) {
    let wanted = share * full
    let sorted = points.sorted { ($0.footprint, $0.score) < ($1.footprint, $1.score) }
    guard let least = sorted.first, let most = sorted.last else { return nil }
    var crossings: [Crossing] = least.score >= wanted ? [.atMost(least.footprint)] : []
    for (one, next) in zip(sorted, sorted.dropFirst())
    where one.score < wanted && next.score >= wanted {
      let part = (wanted - one.score) / (next.score - one.score)
      crossings.append(.at(one.footprint + part * (next.footprint - one.footprint)))
    }
    let never = Crossing.beyond(most.footprint)
    first = crossings.first ?? never
    last = most.score >= wanted ? crossings.last ?? never : never
  }
}
