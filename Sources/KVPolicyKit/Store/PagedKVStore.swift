/// How a store holds rows.
public struct StoreConfiguration: Hashable, Sendable {
  /// Rows per page: 4, 8, 16, 32 or 64.
  public var pageRows = Default.pageRows
  /// How keys and values are stored.
  public var format = Default.format
  /// The most bytes that the pages of the store may take, and the most that the columns of one
  /// sequence may take.
  ///
  /// A limit beyond the memory of the machine protects less: pages still give an error when the
  /// system has no more memory, but a policy's columns, which are allocated when a hook first reads
  /// or writes them, then end the process.
  public var limitBytes = Default.limitBytes

  /// The defaults.
  public enum Default {
    /// Rows per page.
    public static let pageRows = 16
    /// How keys and values are stored.
    public static let format = RowFormat.f16
    /// The most bytes that pages may take: 16 GiB.
    public static let limitBytes = 16 << 30
  }

  /// Sixteen rows per page, 16-bit rows, 16 GiB.
  public init() {}

  /// Makes a configuration; every argument has a default.
  public init(
    pageRows: Int = Default.pageRows, format: RowFormat = Default.format,
    limitBytes: Int = Default.limitBytes
  ) {
    self.pageRows = pageRows
    self.format = format
    self.limitBytes = limitBytes
  }
}

/// The paged store that sequences share: one pool of pages, each belonging to one lane.
///
/// Not thread-safe: one owner mutates it. Sequences made from it keep it alive.
public final class PagedKVStore {
  /// The shape of every sequence in the store.
  public let shape: CacheShape
  /// How the store holds rows.
  public let configuration: StoreConfiguration
  let pool: PagePool
  /// The pools of blocks of codes, by the bytes of a block.
  private var codePools: [Int: PagePool] = [:]
  let layout: PageLayout

  /// Makes an empty store; memory is allocated as rows are appended.
  ///
  /// - Throws: `StoreError.badSetting` for a shape that no cache can have, a page size that is not
  ///   offered, a head dimension that the format cannot store, or a limit below one page per lane.
  public init(
    shape: CacheShape, configuration: StoreConfiguration = StoreConfiguration()
  ) throws(StoreError) {
    guard [4, 8, 16, 32, 64].contains(configuration.pageRows) else {
      throw .badSetting(
        "a page of \(configuration.pageRows) rows is not possible; use 4, 8, 16, 32 or 64")
    }
    if let problem = shape.problem { throw .badSetting(problem) }
    self.shape = shape
    self.configuration = configuration
    layout = try PageLayout(
      pageRows: configuration.pageRows, headDimension: shape.headDimension,
      format: configuration.format)
    guard configuration.limitBytes >= layout.pageBytes * shape.lanes else {
      throw .badSetting(
        "a limit of \(configuration.limitBytes) bytes does not hold one page of "
          + "\(layout.pageBytes) bytes for each of the \(shape.lanes) lanes")
    }
    pool = PagePool(
      pageBytes: layout.pageBytes, limit: PagePool.Limit(bytes: configuration.limitBytes))
  }

  /// All pools, which share the limit.
  var pools: [PagePool] { [pool] + codePools.values }

  /// A lane's keys, or values, in these formats of codes.
  ///
  /// - Throws: `StoreError.badSetting` for a format that the store's rows cannot have.
  func codes(_ formats: [CodeFormat]) throws(StoreError) -> CodedSide {
    let (layouts, pools) = try blocks(formats, width: shape.headDimension)
    return CodedSide(width: shape.headDimension, layouts: layouts, pools: pools)
  }

  /// The blocks of these formats for rows of which `width` numbers are stored, and their pools.
  func blocks(
    _ formats: [CodeFormat], width: Int
  ) throws(StoreError) -> ([CodeBlock], [PagePool]) {
    var layouts: [CodeBlock] = []
    for format in formats {
      layouts.append(
        try CodeBlock(format, width: width, isWide: configuration.format == .f32))
    }
    return (layouts, layouts.map { pool(ofBytes: $0.bytes) })
  }

  private func pool(ofBytes bytes: Int) -> PagePool {
    if let pool = codePools[bytes] { return pool }
    let fresh = PagePool(pageBytes: bytes, limit: pool.limit)
    codePools[bytes] = fresh
    return fresh
  }

  /// Bytes of one page.
  public var pageBytes: Int { layout.pageBytes }
  /// Pages in use by all sequences; a shared page counts once.
  public var pagesInUse: Int { pool.used }
  /// The most pages ever in use.
  public var peakPagesInUse: Int { pool.peakUsed }
  /// Pages given back since the store was made.
  public var pagesReturned: Int { pool.returned }
  /// Pages that the limit still allows.
  public var freePages: Int { pool.freePages }
  /// Bytes mapped from the operating system: whole slabs.
  public var mappedBytes: Int { pools.reduce(0) { $0 + $1.mappedBytes } }
  /// Bytes of key and value per token over all lanes.
  public var bytesPerToken: Int { 2 * layout.rowBytes * shape.lanes }

  /// Makes an empty sequence under policies that were assigned for this store's shape.
  ///
  /// - Precondition: the policies were assigned for the store's number of layers and, beside a
  ///   codec, its head dimension. These numbers come from the program that calls, so a mismatch is
  ///   a mistake in its code and traps.
  public func makeSequence(_ policies: PolicyAssignment) -> KVSequence {
    precondition(
      policies.owner.count == shape.layers, "policies were assigned for another number of layers")
    return KVSequence(store: self, policies: policies)
  }
}
