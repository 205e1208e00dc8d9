/// The shape of a model's cache: how many lanes there are and how wide a row is.
public struct CacheShape: Hashable, Sendable {
  /// Transformer layers.
  public let layers: Int
  /// Key/value heads per layer: each is a lane.
  public let keyHeads: Int
  /// Query heads per layer; a multiple of `keyHeads`.
  public let queryHeads: Int
  /// Elements of one key (and of one value).
  public let headDimension: Int

  /// Makes a shape; every number must be positive and `queryHeads` a multiple of `keyHeads`.
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

  /// Query heads that share one key head.
  public var group: Int { queryHeads / keyHeads }
}
