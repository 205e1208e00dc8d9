/// What queries read of rows that were forgotten: one more part of the softmax, beside the rows of
/// their lane.
public struct ResidualPart: Hashable, Sendable {
  /// The logarithm of the factor that the weights lack: a weight w counts as w · e^top.
  public var top: Float
  /// The sum of the weights; 0 if nothing is read.
  public var total: Float

  /// A part of this size; by default nothing is read.
  public init(top: Float = -.infinity, total: Float = 0) { (self.top, self.total) = (top, total) }
}

/// A memory of constant size that takes in the rows that a policy forgets.
///
/// The sequence hands it every row of the policy's layers that a plan forgets, and every query of
/// these layers reads it beside the rows of its lane: where attention sums weights and values over
/// the rows, the memory adds its own sums at the end. What a policy is shown of attention says
/// nothing of the memory.
///
/// A memory belongs to a sequence; a fork copies the value.
public protocol ResidualMemory: Sendable {
  /// Bytes of the memory, and of the numbers that it computes with.
  var stateBytes: Int { get }
  /// Floats of scratch memory that ``recall(_:head:of:scratch:into:)`` needs.
  var scratchFloats: Int { get }

  /// Is told how positions turn keys, before any row is folded. Called for a fork too. Default:
  /// nothing.
  mutating func prepare(_ rotation: Rotation?)

  /// Takes in a row that a plan forgets. The rows of one plan and lane come in the order of their
  /// positions.
  ///
  /// - Parameters:
  ///   - key: the row's key, rotated at its position in the text.
  ///   - value: the row's value.
  ///   - lane: the row's lane.
  mutating func fold(key: Span<Float>, value: Span<Float>, of lane: LaneID)

  /// What a query reads of the rows that were folded. Several threads call it at once.
  ///
  /// - Parameters:
  ///   - query: the rotated query, not scaled.
  ///   - head: the query head within the group.
  ///   - lane: the lane that the query reads.
  ///   - scratch: ``scratchFloats`` floats of any value.
  ///   - mixed: `headDimension` floats, which become the sum of weights times values. Need not be
  ///     written if nothing is read.
  /// - Returns: the weights' sum, in the unit of the exponential of a logit (q · k / √d).
  func recall(
    _ query: Span<Float>, head: Int, of lane: LaneID, scratch: inout MutableSpan<Float>,
    into mixed: inout MutableSpan<Float>
  ) -> ResidualPart
}

extension ResidualMemory {
  /// Does nothing.
  public mutating func prepare(_ rotation: Rotation?) {}
}

/// A policy that keeps a memory of what it forgets.
///
/// It needs position rule `original`, because a key is folded as it is rotated, and a phase other
/// than `beforeOutput`, under which a row would be missing from one output.
public protocol ResidualPolicy: KVCachePolicy {
  /// The memory of a new sequence; nil if nothing is remembered.
  var residual: (any ResidualMemory)? { get }
}

extension KVCachePolicy {
  /// Bytes of the policy's state, that of its memory included.
  var allStateBytes: Int {
    stateBytes + ((self as? any ResidualPolicy)?.residual?.stateBytes ?? 0)
  }
}

extension PolicyAssignment {
  /// The memory of a policy, if it has one.
  ///
  /// - Throws: `PolicyError.impossible` for a policy whose declarations do not allow a memory.
  static func residual(of policy: any KVCachePolicy) throws(PolicyError) -> (any ResidualMemory)? {
    guard let residual = (policy as? any ResidualPolicy)?.residual else { return nil }
    func impossible(_ reason: String) -> PolicyError {
      .impossible(policy: type(of: policy).name, reason: reason)
    }
    if policy.positions != .original {
      throw impossible(
        "it remembers keys as they were stored, which needs original positions; set \"positions\" "
          + "to \"original\"")
    }
    if policy.phase == .beforeOutput {
      throw impossible(
        "it decides between a step's logits and its output, and a row that it forgets there would "
          + "be missing from the rows and from the memory; choose another phase or policy")
    }
    return residual
  }
}
