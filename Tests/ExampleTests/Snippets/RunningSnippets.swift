import BundledModel
import Evaluation
import Foundation
import KVPolicyCommand
import KVPolicyKit
import Policies
import ReferenceModel

/// Examples in comments that need a model or end the process: compiled, and run elsewhere.
enum RunningSnippets {
  typealias MyPolicy = LeastRecentlyAttended

  /// A command line with one policy more.
  static func tool() -> Never {
    exit(KVPolicyTool(registry: .all.adding(MyPolicy.self)).run(CommandLine.arguments))
  }

  /// A comparison without the command line.
  static func compare(_ model: LlamaModel, _ tokens: [Int]) throws {
    let comparison = Comparison(model: model, registry: .all)
    let result = try comparison.run([.init(PolicyConfiguration("h2o"))], tokens: tokens)
    print(result.table)
  }

  /// Tasks without the command line.
  static func tasks() throws {
    let comparison = try TaskComparison(BundledModel.open(), registry: .all)
    let h2o = PolicyConfiguration("h2o", try H2O.settings(budget: .rows(256)) ?? [:])
    print(try comparison.run([.init(h2o, budget: 256)]).table)
  }

  /// The difference of two policies in a sweep.
  static func difference(_ h2o: SweepRecord, _ full: SweepRecord) -> PairedDifference? {
    let difference = PairedDifference(of: h2o.documents, to: full.documents, in: "all")
    return difference
  }

  /// An explanation without the command line.
  static func explain(_ prompt: [Int]) throws {
    let files = try BundledModel.open()
    let explainer = Explainer(
      model: LlamaModel(files), tokenizer: try files.tokenizer(), registry: .all)
    let snapkv = PolicyConfiguration("snapkv", try SnapKV.settings(budget: .rows(64)) ?? [:])
    let explanation = try explainer.run([.init(snapkv, budget: 64)], prompt: prompt)
    try ExplanationPage(explanation).html
      .write(toFile: "explain.html", atomically: true, encoding: .utf8)
  }

  /// What the README's program does.
  static func readme() throws {
    let model = LlamaModel(try BundledModel.open())
    let morphkv = try PolicyConfiguration(parsing: #"{"policy": "morphkv", "capacity": 16}"#)
    let store = try PagedKVStore(shape: model.shape)
    let session = try model.makeSession(morphkv, registry: .all, in: store)
    try session.prefill(Array(1...64))
    print(session.sequence.picture(layers: 0..<2))
  }
}
