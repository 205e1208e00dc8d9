/// An architecture that the engine runs, under the name that files give it.
///
/// All of them are a Llama; the properties are their differences.
enum Architecture: String, CaseIterable {
  case llama, mistral, qwen2, qwen3

  /// The architecture called `name`; throws if the engine does not run it.
  init(named name: String) throws(ModelError) {
    guard let known = Architecture(rawValue: name) else {
      throw .unsupported(what: "the architecture '\(name)'", supported: Architecture.names)
    }
    self = known
  }

  /// The names of all architectures, for messages.
  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// Whether the projections to queries, keys and values add a bias.
  var hasProjectionBias: Bool { self == .qwen2 }

  /// Whether each head's query and key are normed before they are rotated.
  var hasHeadNorm: Bool { self == .qwen3 }

  /// Which elements of a head rotate as a pair in GGUF files. The conversion to GGUF reorders the
  /// query and key rows of the first two architectures only.
  var ggufPairing: RotaryPairing { self == .llama || self == .mistral ? .interleaved : .halves }

  /// Whether a `config.json` can limit attention to a sliding window. The configuration class of
  /// Qwen's models ignores the window unless `use_sliding_window` is true.
  func hasWindow(_ settings: ModelSettings) throws(ModelError) -> Bool {
    switch self {
    case .llama: false
    case .mistral: true
    case .qwen2, .qwen3: try settings.bool("use_sliding_window", default: false)
    }
  }

  /// The number of key heads if a `config.json` lacks the setting: a default of Hugging Face's
  /// configuration class. Nil means the number of query heads.
  var defaultKeyHeads: Int? {
    switch self {
    case .llama: nil
    case .mistral: 8
    case .qwen2, .qwen3: 32
    }
  }

  /// Elements of a head if a `config.json` lacks the setting: a default of Hugging Face's
  /// configuration class. Nil means the hidden size divided by the number of query heads.
  var defaultHeadDimension: Int? { self == .qwen3 ? 128 : nil }
}
