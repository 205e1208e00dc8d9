import KVPolicyKit
import ReferenceModel

/// A run over the text under one policy.
struct PolicyRun {
  /// The use of the vocabulary logits of every decode step.
  enum Role {
    /// The logits are recorded: this run is the reference.
    case recording
    /// The logits are compared with the recorded ones.
    case comparing
  }

  let comparison: Comparison
  /// The comparison's model, or for the reference its copy in exact arithmetic.
  let model: LlamaModel
  let entry: PolicyEntry
  /// The prompt and its continuation.
  let text: [Int]
  /// The index of this run, and the number of runs.
  let place: (run: Int, runs: Int)
  /// The attention to come, for the policy that has seen it.
  var future: FutureMasses?
  /// Full attention's outputs to compare with; nil in the reference's own run.
  var referenceOutputs: [Float]?
  /// The attention outputs, if the comparison wants them.
  private(set) var meter: OutputMeter?
  /// What the run showed of its inside, if the comparison wants it.
  private(set) var observed: ObservedRun?
  private var fidelity = Fidelity()

  init(
    comparison: Comparison, model: LlamaModel, entry: PolicyEntry, text: [Int],
    place: (run: Int, runs: Int)
  ) {
    self.comparison = comparison
    self.model = model
    self.entry = entry
    self.text = text
    self.place = place
  }

  /// Runs and measures. Savings are 0 until ``PolicyMeasurement/relative(to:)`` fills them in.
  mutating func measure(
    _ role: Role, _ recorded: inout RecordedLogits, progress: (RunProgress) -> Void
  ) throws -> PolicyMeasurement {
    let session = try makeSession()
    let clock = ContinuousClock()

    progress(at(0))
    let start = clock.now
    try session.prefill(Array(text[..<comparison.promptTokens]), chunk: comparison.chunk)
    let promptTime = clock.now - start
    let promptHooks = session.policyTime.total
    let afterPrompt = watch(session)

    var decodeTime = Duration.zero
    for step in 0..<comparison.decodeTokens {
      let token = text[comparison.promptTokens + step]
      fidelity.predict(token, from: session.logits)
      if step % 8 == 0 { progress(at(comparison.promptTokens + step)) }
      let start = clock.now
      try session.decode(token)
      decodeTime += clock.now - start
      switch role {
      case .recording: recorded.append(session.logits)
      case .comparing:
        recorded.withStep(step) { fidelity.compare($0, with: session.logits) }
      }
    }
    progress(at(text.count))
    if let meter {
      observed = ObservedRun(
        outputErrors: meter.meanErrors, afterPrompt: afterPrompt,
        atEnd: ObservedRun.kept(session.sequence, model.shape))
    }
    return measurement(
      session.sequence.statistics, grows: session.sequence.grows,
      prompt: (promptTime.seconds, promptHooks),
      decode: (decodeTime.seconds, session.policyTime.total - promptHooks))
  }

  /// A session under the entry's policy, in a store of its own.
  private func makeSession() throws -> LlamaSession {
    let store = try PagedKVStore(shape: model.shape, configuration: comparison.store)
    guard let future else {
      return try model.makeSession(entry.configuration, registry: comparison.registry, in: store)
    }
    let oracle = try FutureAttention(entry.configuration, future)
    return model.makeSession(
      store.makeSequence(try PolicyAssignment(oracle, shape: model.shape)))
  }

  /// Watches the attention outputs of the steps, if the comparison wants them. Returns what each
  /// lane holds now.
  private mutating func watch(_ session: LlamaSession) -> [[Int]] {
    guard comparison.measuresFidelity else { return [] }
    let meter = OutputMeter(model, steps: comparison.decodeTokens, reference: referenceOutputs)
    self.meter = meter
    session.onAttention = { layer, output in meter.add(layer: layer, output) }
    return ObservedRun.kept(session.sequence, model.shape)
  }

  private func at(_ tokens: Int) -> RunProgress {
    RunProgress(
      label: entry.label, run: place.run, runs: place.runs, tokens: tokens,
      totalTokens: text.count)
  }

  private func measurement(
    _ statistics: CacheStatistics, grows: Bool, prompt: (seconds: Double, hooks: Double),
    decode: (seconds: Double, hooks: Double)
  ) -> PolicyMeasurement {
    // Avoids a division by zero if the clock is too coarse to see the run.
    let (promptSeconds, decodeSeconds) = (max(prompt.seconds, 1e-9), max(decode.seconds, 1e-9))
    return PolicyMeasurement(
      label: entry.label, configuration: entry.configuration.value, budget: entry.budget,
      budgetBytes: entry.budgetBytes, takesBudget: entry.takesBudget, grows: grows,
      rowsPerLaneLeast: statistics.shortestLane, rowsPerLaneMost: statistics.longestLane,
      rowsPerLaneMean: Double(statistics.rowsLive) / Double(comparison.model.shape.lanes),
      residentBytes: statistics.residentBytes,
      meanResidentBytes: statistics.meanResidentBytes,
      readRows: statistics.meanReadRows, readBytes: statistics.meanReadBytes,
      tiers: statistics.tiers,
      peakResidentBytes: statistics.peakResidentBytes,
      policyStateBytes: statistics.policyStateBytes, saving: 0, peakSaving: 0,
      footprint: statistics.footprint, peakFootprint: statistics.peakFootprint,
      perplexity: fidelity.perplexity, meanDivergence: fidelity.meanDivergence,
      topAgreement: fidelity.topAgreement, promptSeconds: promptSeconds,
      decodeSeconds: decodeSeconds, promptHookShare: prompt.hooks / promptSeconds,
      decodeHookShare: decode.hooks / decodeSeconds,
      promptTokensPerSecond: Double(comparison.promptTokens) / promptSeconds,
      decodeTokensPerSecond: Double(comparison.decodeTokens) / decodeSeconds)
  }
}

extension PolicyMeasurement {
  /// A copy with the savings against `reference` filled in.
  func relative(to reference: PolicyMeasurement) -> PolicyMeasurement {
    var copy = self
    copy.saving = 1 - Double(residentBytes) / Double(max(1, reference.residentBytes))
    copy.peakSaving = 1 - Double(peakResidentBytes) / Double(max(1, reference.peakResidentBytes))
    return copy
  }

  /// A copy under the label and budget of another entry that describes the same run.
  func presented(as entry: PolicyEntry) -> PolicyMeasurement {
    var copy = self
    (copy.label, copy.takesBudget) = (entry.label, entry.takesBudget)
    (copy.budget, copy.budgetBytes) = (entry.budget, entry.budgetBytes)
    return copy
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}

extension PolicyConfiguration {
  /// The configuration as the JSON object that a configuration file holds.
  package var value: JSONValue {
    var object = main.settings
    object["policy"] = .string(main.policy)
    var layers: [String: JSONValue] = [:]
    for (range, choice) in overrides {
      let isOne = range.lowerBound == range.upperBound
      let key = isOne ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
      var settings = choice.settings
      settings["policy"] = .string(choice.policy)
      layers[key] = .object(settings)
    }
    if !layers.isEmpty { object["layers"] = .object(layers) }
    return .object(object)
  }
}
