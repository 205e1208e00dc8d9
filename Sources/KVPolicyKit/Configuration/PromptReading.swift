/// How an engine reads prompts, which is the same for every layer of a sequence.
///
/// A configuration says it beside the settings of any policy: `{"policy": "streamingllm", "chunk":
/// 128, "lastPromptToken": "decode"}`. A policy that has a setting of one of these names itself
/// keeps it.
public struct PromptReading: Hashable, Sendable {
  /// How the last token of a prompt is read.
  public enum LastToken: String, CaseIterable, Sendable {
    /// With the prompt's last chunk.
    case prefill
    /// By a decode step of its own, after the chunks. A prompt of one token is this step alone.
    case decode
  }

  /// The longest chunk of a prompt, in tokens; nil: what the policy declares, or else what the
  /// engine chooses.
  public var chunk: Int?
  /// How the last token of a prompt is read; nil if nothing is said.
  public var lastToken: LastToken?

  /// Says how prompts are read; by default nothing.
  ///
  /// ``PolicyAssignment`` refuses a chunk of no token.
  public init(chunk: Int? = nil, lastToken: LastToken? = nil) {
    self.chunk = chunk
    self.lastToken = lastToken
  }

  /// The settings, with their defaults, for people.
  public static let settings: [Settings.Entry] = {
    var settings = Settings(policy: "", values: [:])
    // Nothing is given, so nothing can be refused.
    _ = try? settings.promptReading()
    return settings.entries
  }()

  /// What the layers of a sequence agree on.
  ///
  /// - Throws: `PolicyError.impossible` if two layers want the last token read differently.
  static func lastToken(_ readings: [PromptReading], of policy: String) throws(PolicyError)
    -> LastToken
  {
    let wanted = readings.compactMap(\.lastToken)
    guard let first = wanted.first else { return .prefill }
    if let other = wanted.first(where: { $0 != first }) {
      throw .impossible(
        policy: policy,
        reason: "a prompt is read once for all layers, and its layers give both "
          + "\"\(first.rawValue)\" and \"\(other.rawValue)\" for 'lastPromptToken'; give one")
    }
    return first
  }
}

extension Settings {
  /// Reads the settings that every policy has, but for those that the policy has read as its own.
  mutating func promptReading() throws(PolicyError) -> PromptReading {
    var reading = PromptReading()
    let own = entries.map(\.name)
    if !own.contains("chunk") {
      let legal = "a whole number from 1 to \(1 << 30), or null"
      let value = try record(
        "chunk", .null, legal, "the longest chunk of a prompt; null: the engine's own")
      if value != .null {
        guard let tokens = value.wholeNumber, (1...1 << 30).contains(tokens) else {
          throw bad("chunk", value, legal)
        }
        reading.chunk = tokens
      }
    }
    if !own.contains("lastPromptToken") {
      let isGiven = isGiven("lastPromptToken")
      let choice = try choice(
        "lastPromptToken", default: PromptReading.LastToken.prefill,
        "how a prompt's last token is read: with the last chunk, or by a decode step")
      if isGiven { reading.lastToken = choice }
    }
    return reading
  }
}
