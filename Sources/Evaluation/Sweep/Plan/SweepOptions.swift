public import KVPolicyKit
public import ReferenceModel

/// How the engine of a sweep reads prompts and stores rows.
public struct SweepOptions: Codable, Equatable, Sendable {
  /// Prompt tokens that go through a layer together; fewer if a policy says so.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var rowFormat = StoreConfiguration.Default.format
  /// Rows per page.
  public var pageRows = StoreConfiguration.Default.pageRows
  /// How quantised weights are multiplied.
  public var arithmetic = LlamaModel.defaultArithmetic

  /// The defaults of all commands.
  public init() {}

  /// The store of a sequence.
  public var store: StoreConfiguration {
    StoreConfiguration(pageRows: pageRows, format: rowFormat)
  }

  /// The options of a plan, under the names of the command line's options.
  init(_ value: JSONValue) throws(SweepError) {
    var reader = try MemberReader(value, place: "options") { SweepError.plan($0) }
    chunk = try reader.integer("chunk", in: 1...65_536, default: chunk)
    rowFormat = try reader.choice("rows", default: rowFormat)
    pageRows = try reader.integer("pageRows", in: 4...64, default: pageRows)
    guard pageRows.nonzeroBitCount == 1 else {
      throw .plan("'pageRows' of 'options' is \(pageRows); it must be 4, 8, 16, 32 or 64")
    }
    arithmetic = try reader.choice("arithmetic", default: arithmetic)
    try reader.refuseUnknown()
  }

  /// The options as a plan states them.
  var value: JSONValue {
    [
      "chunk": JSONValue(chunk), "rows": .string(rowFormat.rawValue),
      "pageRows": JSONValue(pageRows), "arithmetic": .string(arithmetic.rawValue),
    ]
  }
}
