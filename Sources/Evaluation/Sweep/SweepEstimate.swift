import KVPolicyKit
import ReferenceModel

extension Sweep {
  /// Tokens that the probe of an estimate decodes.
  private static let probeSteps = 8
  /// The most tokens of a probe's prompt.
  private static let longestProbe = 512

  /// The seconds that cells would take with all jobs, estimated from a short measurement of full
  /// attention on every model. Hooks of policies, and what longer caches cost, are not in it.
  public func estimatedSeconds(_ cells: [PlannedCell]) throws -> Double {
    var seconds = 0.0
    for number in models.indices {
      let own = cells.filter { $0.model == number }
      guard !own.isEmpty else { continue }
      let speed = try probe(models[number], longest: own.map(\.cell.length).max() ?? 1)
      for batch in SweepBatch.batches(of: own) {
        let first = batch.cells[0]
        let work = try first.task.work(
          length: first.cell.length, seed: first.cell.seed, for: models[number])
        let hasReference = batch.cells.contains { $0.configuration == Comparison.reference }
        let runs = batch.cells.count + (first.task.together > 1 && !hasReference ? 1 : 0)
        seconds +=
          Double(runs * first.cell.documents)
          * (Double(work.prompt) * speed.prompt + Double(work.decode) * speed.decode)
      }
    }
    return seconds / Double(max(1, jobs))
  }

  /// Seconds per token of a prompt, and of a step after it.
  private func probe(
    _ model: SweepModel, longest: Int
  ) throws -> (prompt: Double, decode: Double) {
    let engine = try engine(of: model)
    let session = try engine.makeSession(Comparison.reference)
    // Reads a few tokens first, so that the probe does not pay for loading the weights.
    try session.prefill([0])
    let room = model.files.configuration.contextLength - Sweep.probeSteps - 1
    let tokens = max(1, min(longest / 2, Sweep.longestProbe, room))
    let start = ProcessorTime.now().seconds
    try session.prefill(Array(repeating: 0, count: tokens), chunk: options.chunk)
    let middle = ProcessorTime.now().seconds
    for _ in 0..<Sweep.probeSteps { try session.decode(0) }
    let end = ProcessorTime.now().seconds
    return ((middle - start) / Double(tokens), (end - middle) / Double(Sweep.probeSteps))
  }
}
