/// The shape of a model's cache: how many lanes there are and how wide a row is.
public struct CacheShape: Hashable, Sendable {
  /// Transformer layers.
  public let layers: Int
  /// Key/value heads per layer; each has one lane.
  public let keyHeads: Int
  /// Query heads per layer; a multiple of `keyHeads`.
  public let queryHeads: Int
  /// Elements of one key, and of one value.
  public let headDimension: Int

  /// Makes a shape. Every number is positive and `queryHeads` is a multiple of `keyHeads`.
  public init(layers: Int, keyHeads: Int, queryHeads: Int, headDimension: Int) {
    precondition(
      layers > 0 && keyHeads > 0 && headDimension > 0 && queryHeads > 0
        && queryHeads % keyHeads == 0,
      "a cache shape needs positive sizes and query heads in whole groups")
    self.layers = layers
    self.keyHeads = keyHeads
    self.queryHeads = queryHeads
    self.headDimension = headDimension
  }

  /// Query heads that share one key head (`G` in the papers on grouped-query attention).
  public var group: Int { queryHeads / keyHeads }

  /// Lanes of one sequence.
  public var lanes: Int { layers * keyHeads }
}

/// One lane of a sequence: a layer and a key head.
///
/// The store pages lanes and a plan edits lanes; each lane has its own length.
public struct LaneID: Hashable, Sendable, Comparable {
  /// The layer, from 0.
  public let layer: Int
  /// The key head within the layer, from 0.
  public let head: Int

  /// Names a lane.
  public init(layer: Int, head: Int) {
    self.layer = layer
    self.head = head
  }

  /// Orders lanes by layer, then head.
  public static func < (a: LaneID, b: LaneID) -> Bool { (a.layer, a.head) < (b.layer, b.head) }
}

/// The number of tokens a sequence has read, however many rows its cache still holds.
///
/// A separate type, so that it cannot be mistaken for a number of rows: the next token's position
/// is `tokens`, also after every row was dropped.
public struct LogicalLength: Hashable, Sendable, Comparable {
  /// Tokens read so far.
  public var tokens: Int

  /// A length of `tokens` tokens.
  public init(_ tokens: Int) { self.tokens = tokens }

  /// Orders by tokens.
  public static func < (a: LogicalLength, b: LogicalLength) -> Bool { a.tokens < b.tokens }
}
