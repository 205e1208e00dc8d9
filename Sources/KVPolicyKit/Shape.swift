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

  /// The most query heads that all layers of a cache may have together.
  public static let mostHeads = 1 << 20
  /// The most elements that a key may have.
  public static let longestKey = 1 << 20

  /// Makes a shape. Every number is positive and `queryHeads` is a multiple of `keyHeads`.
  ///
  /// A shape is a plain description and accepts any numbers. ``PagedKVStore`` and
  /// ``PolicyAssignment`` refuse a shape that no cache can have.
  public init(layers: Int, keyHeads: Int, queryHeads: Int, headDimension: Int) {
    self.layers = layers
    self.keyHeads = keyHeads
    self.queryHeads = queryHeads
    self.headDimension = headDimension
  }

  /// Query heads that share one key head (`G` in the papers on grouped-query attention); 0 if there
  /// is no key head.
  public var group: Int { keyHeads > 0 ? queryHeads / keyHeads : 0 }

  /// Lanes of one sequence; `Int.max` if the product overflows.
  public var lanes: Int {
    let (lanes, overflows) = layers.multipliedReportingOverflow(by: keyHeads)
    return overflows ? .max : lanes
  }

  /// Bytes of `queries` recent queries that an engine keeps for the signal `recentRows` in some
  /// layers: for every query head a vector and a sum of exponentials. Engines have room for twice as
  /// many queries.
  func recentQueryBytes(_ queries: Int, layers: Int) -> Int {
    let each = Double(queryHeads) * (Double(headDimension) + 1) * 4
    return Int(exactly: 2 * Double(queries) * Double(layers) * each) ?? .max
  }

  /// Why no cache can have this shape; nil if a cache can.
  var problem: String? {
    let sizes =
      "\(layers) layers, \(keyHeads) key heads, \(queryHeads) query heads and \(headDimension) "
      + "elements per key"
    guard min(layers, keyHeads, queryHeads, headDimension) > 0, queryHeads % keyHeads == 0 else {
      return "a cache of \(sizes) is not possible; each must be at least 1, and the query heads a "
        + "multiple of the key heads"
    }
    let (heads, overflows) = layers.multipliedReportingOverflow(by: queryHeads)
    guard !overflows, heads <= CacheShape.mostHeads, headDimension <= CacheShape.longestKey else {
      return "a cache of \(sizes) is too large; use at most \(CacheShape.mostHeads) query heads in "
        + "all layers, and \(CacheShape.longestKey) elements per key"
    }
    return nil
  }
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
