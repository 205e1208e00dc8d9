import KVPolicyKit

/// Reads the pages of the cache whose keys may match the query best. Nothing is forgotten.
///
/// Tang et al., "Quest: Query-Aware Sparsity for Efficient Long-Context LLM Inference", ICML 2024;
/// both rules of mit-han-lab/Quest, that of its evaluation and that of its kernels.
public struct Quest: RowReader {
  /// The name in configurations.
  public static let name = "quest"
  /// What is read.
  public static let summary = "reads the pages whose keys may match the query best"
  /// Where the method was published.
  public static let source = "Tang et al., ICML 2024; mit-han-lab/Quest"

  /// Whether the page of the newest token is read in any case.
  enum NewestPage: String, CaseIterable, Sendable {
    /// It is read, and takes one of the pages.
    case always
    /// It is read if its bound is among the best.
    case scored

    /// Appends the pages to read, ascending, of the pages whose bounds are in a range of `bounds`.
    func choose(
      _ count: Int, of bounds: [Float], in range: Range<Int>, into chosen: inout [Int]
    ) {
      let others = self == .always ? range.dropLast() : range
      Selection.largest(count - range.count + others.count, of: bounds, in: others, into: &chosen)
      if self == .always { chosen.append(range.count - 1) }
    }
  }

  private let (pageSize, budget, denseLayers, minPages): (Int, Int, Int, Int)
  private let newestPage: NewestPage
  private let gqa: ReadSharing
  /// The bounds of a lane's pages, and the pages chosen; kept for their memory.
  private var (bounds, chosen): ([Float], [Int]) = ([], [])

  /// Reads the reader's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    pageSize = try settings.integer("pageSize", default: 16, atLeast: 1, "positions of a page")
    budget = try settings.integer(
      "budget", default: 1024, atLeast: 1, "rows that a query reads, in whole pages")
    denseLayers = try settings.integer(
      "denseLayers", default: 2, atLeast: 0, "first layers that read everything")
    newestPage = try settings.choice(
      "newestPage", default: .always, "whether the newest token's page is always read")
    minPages = try settings.integer(
      "minPages", default: 1, atLeast: 1, "least number of pages read")
    gqa = try settings.choice(
      "gqa", default: .max, "which bounds choose: each query head's own, or those of a group")
  }

  /// Reads `pages` pages of `page` positions, the newest always, chosen by the sum of a group's
  /// bounds, in all layers but the first `dense`.
  init(pages: Int, of page: Int, denseLayers dense: Int) {
    (pageSize, budget, denseLayers, minPages) = (page, page * pages, dense, 1)
    (newestPage, gqa) = (.always, .sum)
  }

  /// Pages of 16 positions, or of the whole budget if it is less; all layers read the budget.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    ["budget": .integer(rows), "pageSize": .integer(min(16, rows)), "denseLayers": 0]
  }

  /// Bounds of the keys by page.
  public var digest: PageDigest? { PageDigest(rows: pageSize) }

  /// Reads the pages with the greatest bounds on the query's products with their keys.
  public mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
    guard layer.layer >= denseLayers else { return }
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let (pages, count) = (lane.pageCount, pageCount(of: lane))
      lane.pageBounds(into: &bounds)
      let lists = gqa.reduce(&bounds, group: lane.group)
      for list in 0..<lists {
        chosen.removeAll(keepingCapacity: true)
        newestPage.choose(
          count, of: bounds, in: list * pages..<(list + 1) * pages, into: &chosen)
        plan.read(pages: chosen, of: lane.id, head: gqa == .perQueryHead ? list : nil)
      }
    }
  }

  /// How many pages of a lane a query reads.
  private func pageCount(of lane: borrowing LaneView) -> Int {
    // The evaluation counts whole pages of a text that is shorter than the budget.
    let rows = newestPage == .scored ? min(lane.count, budget) : budget
    return min(max(minPages, rows / pageSize), lane.pageCount)
  }
}

/// How the query heads of a group choose what they read.
enum ReadSharing: String, CaseIterable, Sendable {
  /// Each head chooses by its own numbers and reads rows of its own.
  case perQueryHead
  /// The group chooses by the largest of its heads' numbers.
  case max
  /// The group chooses by the sum of its heads' numbers.
  case sum

  /// Reduces the numbers of a group's heads, which follow one another, to those of each list.
  ///
  /// - Returns: how many lists there are.
  func reduce(_ numbers: inout [Float], group: Int) -> Int {
    guard self != .perQueryHead else { return group }
    let count = numbers.count / group
    for head in 1..<group {
      for index in 0..<count {
        let (number, other) = (numbers[index], numbers[head * count + index])
        numbers[index] = self == .max ? Swift.max(number, other) : number + other
      }
    }
    return 1
  }
}
