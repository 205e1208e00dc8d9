import KVPolicyKit

/// Attention arithmetic without tricks: sums in `Double`, one row after the other.
enum Plain {
  /// `q·k / √d`.
  static func scaledProduct(_ query: [Float], _ key: [Float]) -> Float {
    var sum = 0.0
    for index in query.indices { sum += Double(query[index]) * Double(key[index]) }
    return Float(sum / Double(query.count).squareRoot())
  }

  /// Probabilities; all 0 if no logit is finite.
  static func softmax(_ logits: [Float]) -> [Float] {
    guard let largest = logits.max(), largest > -.infinity else {
      return logits.map { _ in 0 }
    }
    let exponentials = logits.map { exponentialOf(Double($0) - Double(largest)) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { Float($0 / sum) }
  }

  /// The logarithm of the sum of exponentials; −∞ if no logit is finite.
  static func logSum(_ logits: [Float]) -> Float {
    guard let largest = logits.max(), largest > -.infinity else { return -.infinity }
    let sum = logits.reduce(0) { $0 + exponentialOf(Double($1) - Double(largest)) }
    return Float(Double(largest) + logarithm(sum))
  }

  /// The sum of `vectors` times `probabilities`, which may be more than the vectors.
  static func mix(_ vectors: [[Float]], _ probabilities: [Float]) -> [Float] {
    guard let width = vectors.first?.count else { return [] }
    var sums = [Double](repeating: 0, count: width)
    for (vector, probability) in zip(vectors, probabilities) where probability != 0 {
      for index in 0..<width { sums[index] += Double(probability) * Double(vector[index]) }
    }
    return sums.map { Float($0) }
  }

  /// The keys or values of a lane, row by row.
  @unsafe static func vectors(_ rows: LaneRows, value: Bool) -> [[Float]] {
    // Every slot holds a live row, so the page was not given back and its address is not null.
    return unsafe (0..<rows.count).map { row in
      var floats = unsafe [Float](repeating: 0, count: rows.headDimension)
      let side = unsafe value ? rows.codes?.values : rows.codes?.keys
      if let side = unsafe side, unsafe side.decode(row, to: &floats) { return floats }
      let slot = unsafe Int(rows.slots[row])
      guard let page = unsafe rows.pages[slot / rows.pageRows] else { return [] }
      let index = unsafe slot % rows.pageRows + (value ? rows.pageRows : 0)
      let base = unsafe page + index * rows.rowBytes
      return unsafe (0..<rows.headDimension).map { unsafe rows.format.element($0, of: base) }
    }
  }
}

/// `stride` floats per query head (or per query head and query).
struct SignalRows {
  var values: [Float]
  let stride: Int

  init(count: Int, stride: Int) {
    values = Array(repeating: 0, count: count * stride)
    self.stride = stride
  }

  init(_ rows: [[Float]], stride: Int) {
    self.init(count: rows.count, stride: stride)
    for (index, row) in rows.enumerated() {
      values.replaceSubrange(index * stride..<index * stride + row.count, with: row)
    }
  }

  mutating func add(_ row: [Float], to index: Int) {
    for (offset, value) in row.enumerated() { values[index * stride + offset] += value }
  }
}

/// The signals of one call. An empty array means not declared; reading this signal traps.
struct ShownSignals {
  let stride: Int
  var logits: [Float] = []
  var probabilities: [Float] = []
  var promptRows: PlainPromptRows?
  /// How many rows the probe has that `promptRows` covers.
  var probeRowCount = 0
  /// The positions of the tokens that the probe repeats.
  var repeated = 0..<0
  var columnSums: [Float] = []
  /// How many tokens were just read.
  var tokenCount = 0
  /// Query heads of the queries.
  var queryHeads = 0
  var valueReach: (any ValueReachSource)?
  var rawQueries: [Float] = []
  var turnedQueries: [Float] = []
  var layerInputs: [Float] = []

  init(stride: Int) { self.stride = stride }

  /// Lends the signals in the form that a policy gets, for the duration of `body`.
  func lend<Result>(_ body: (SignalBuffers) -> Result) -> Result {
    var buffers = SignalBuffers()
    buffers.stride = stride
    buffers.promptRowCount = promptRows?.count ?? 0
    buffers.promptRows = promptRows
    buffers.probeRowCount = probeRowCount
    buffers.repeated = repeated
    (buffers.tokenCount, buffers.queryHeads) = (tokenCount, queryHeads)
    buffers.inputWidth = layerInputs.count / max(1, tokenCount)
    buffers.valueReach = valueReach
    // All numbers lie in one array, whose pointers are used inside this closure only.
    let all = logits + probabilities + columnSums + rawQueries + turnedQueries + layerInputs
    return unsafe all.withUnsafeBufferPointer { all in
      var first = 0
      func next(_ values: [Float]) -> UnsafePointer<Float>? {
        defer { first += values.count }
        return unsafe values.isEmpty ? nil : all.baseAddress.map { unsafe $0 + first }
      }
      unsafe buffers.logits = next(logits)
      unsafe buffers.probabilities = next(probabilities)
      unsafe buffers.columnSums = next(columnSums)
      unsafe buffers.rawQueries = next(rawQueries)
      unsafe buffers.turnedQueries = next(turnedQueries)
      unsafe buffers.layerInputs = next(layerInputs)
      return body(buffers)
    }
  }
}

/// The prompt rows of one layer, computed in advance: one slice for each query.
final class PlainPromptRows: PromptRowSource {
  /// By key head and query: the logits of the group's query heads.
  private let rows: [[SignalRows]]
  private let queries: [RecentQuery]
  private let group: Int
  private let stride: Int

  init(_ rows: [[SignalRows]], _ queries: [RecentQuery], group: Int, stride: Int) {
    self.rows = rows
    self.queries = queries
    self.group = group
    self.stride = stride
  }

  var count: Int { queries.count }

  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void) {
    let sums = queries.flatMap { $0.logSums[lane.head * group..<(lane.head + 1) * group] }
    unsafe sums.withUnsafeBufferPointer { sums in
      for (query, heads) in rows[lane.head].enumerated() {
        unsafe heads.values.withUnsafeBufferPointer { values in
          guard let base = values.baseAddress, let sums = sums.baseAddress else { return }
          body(
            unsafe PromptSlice(
              first: query, count: 1, stride: stride, base: base, logSums: sums,
              logSumStride: group, positions: queries.map(\.position)))
        }
      }
    }
  }
}

/// How far values move the residual stream, in plain loops.
final class PlainValueReach: ValueReachSource {
  private let source: SyntheticAttention

  init(_ source: SyntheticAttention) { self.source = source }

  func reach(of values: [Float], in lane: LaneID, by norm: ReachNorm) -> [[Float]] {
    let (group, width) = (source.shape.group, source.shape.headDimension)
    return (lane.head * group..<(lane.head + 1) * group).map { head in
      let rows = (0..<width).map { source.output(lane.layer, head, $0) }
      return stride(from: 0, to: values.count, by: width).map { first in
        let moved = rows.map { row in
          zip(row, values[first..<first + width]).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return switch norm {
        case .sum: moved.reduce(0) { $0 + $1.magnitude }
        case .euclidean: moved.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
      }
    }
  }
}

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The natural logarithm; −∞ of 0.
func logarithm(_ x: Double) -> Double { log(x) }

/// `eˣ`.
func exponentialOf(_ x: Double) -> Double { exp(x) }

/// `base` to the power of `exponent`.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

/// Sine and cosine of an angle.
func sineAndCosine(_ angle: Double) -> (sine: Double, cosine: Double) { (sin(angle), cos(angle)) }
