import KVPolicyKit

extension RopeConfiguration {
  /// Reads the rotary settings of a `config.json`. Two generations exist: `rope_theta` at the top
  /// with an optional `rope_scaling`, or both settings in `rope_parameters`.
  init(
    huggingFace members: [String: JSONValue], dimensions: Int, file: String
  ) throws(ModelError) {
    let top = ModelSettings(members, file: file)
    var thetas: [Double] = []
    var scalings: [Scaling] = []
    func readTheta(_ settings: ModelSettings) throws(ModelError) {
      if let theta = try settings.number("rope_theta", in: 1...1e15) { thetas.append(theta) }
      let turned = try settings.number("partial_rotary_factor", in: 0...1) ?? 1
      guard turned == 1 else {
        throw .unsupported(
          what: "'partial_rotary_factor' = \(turned)", supported: "1, the whole head")
      }
    }
    try readTheta(top)
    for name in ["rope_parameters", "rope_scaling"] {
      switch members[name] {
      case nil, .null?: break
      case .object(let object)?:
        let settings = ModelSettings(object, file: file, prefix: "\(name).")
        try readTheta(settings)
        scalings.append(try RopeConfiguration.scaling(settings, object))
      case let other?: throw top.wrong(name, other.kind, legal: "an object or null")
      }
    }
    guard thetas.allSatisfy({ $0 == thetas.first }), scalings.allSatisfy({ $0 == scalings.first })
    else {
      throw ModelError.malformed(
        file: file,
        reason: "'rope_theta', 'rope_parameters' and 'rope_scaling' contradict each other")
    }
    self.init(
      theta: thetas.first ?? 10_000, scaling: scalings.first ?? .none, frequencyFactors: nil,
      pairing: .halves, dimensions: dimensions)
  }

  private static func scaling(
    _ settings: ModelSettings, _ object: [String: JSONValue]
  ) throws(ModelError) -> Scaling {
    for (name, node) in object {
      if case .object = node {
        throw .unsupported(
          what: "rotary settings by kind of layer ('\(name)')", supported: "one for all layers")
      }
    }
    let (old, new) = (try settings.text("type"), try settings.text("rope_type"))
    let type = new ?? old ?? "default"
    guard old == nil || old == type else {
      throw settings.wrong("type", "'\(old ?? "")'", legal: "the same as 'rope_type', '\(type)'")
    }
    guard old ?? new != nil || !settings.has("factor") else {
      throw settings.wrong("rope_type", "missing", legal: "given beside a factor")
    }
    func number(
      _ name: String, _ range: ClosedRange<Double>
    ) throws(ModelError) -> Double {
      guard let value = try settings.number(name, in: range) else {
        throw settings.wrong(name, "missing", legal: "set for rotary scaling '\(type)'")
      }
      return value
    }
    let factors = 1e-6...1e6
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try number("factor", factors))
    case "llama3":
      let (low, high) = (
        try number("low_freq_factor", factors), try number("high_freq_factor", factors)
      )
      guard low < high else {
        throw settings.wrong("low_freq_factor", "\(low)", legal: "below high_freq_factor, \(high)")
      }
      return .llama3(
        factor: try number("factor", factors), low: low, high: high,
        originalContext: try settings.size("original_max_position_embeddings"))
    default:
      throw .unsupported(
        what: "the rotary scaling '\(type)'", supported: "default, linear, llama3")
    }
  }
}
