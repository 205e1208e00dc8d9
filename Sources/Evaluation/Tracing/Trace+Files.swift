import Foundation
import KVPolicyKit
import ReferenceModel

/// The trace as JSON and safetensors files.
extension Trace {
  /// The trace as JSON:
  ///
  /// ```json
  /// {"configuration": {"policy": "tova", "capacity": 32}, "promptLength": 40, "steps": 2,
  ///  "kept": {"0": [[[0, 1], [0, 1]]], "1": …, "2": …},
  ///  "statistics": {"tokens": 42, "rowsLive": 64, …}}
  /// ```
  ///
  /// `kept[s][layer][head]` are ascending original positions; `statistics` has the properties of
  /// `CacheStatistics`.
  public func json(configuration: PolicyConfiguration) -> String {
    // Written by hand, because `kept` is most of the file and holds only numbers.
    let states = kept.enumerated().map { step, layers in
      let text = layers.map { "[\($0.map { "\($0)" }.joined(separator: ", "))]" }
      return "    \"\(step)\": [\(text.joined(separator: ", "))]"
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let numbers = (try? encoder.encode(statistics)).map { String(decoding: $0, as: UTF8.self) }
    return """
      {
        "configuration": \(configuration.value.text),
        "promptLength": \(promptLength),
        "steps": \(steps),
        "kept": {
      \(states.joined(separator: ",\n"))
        },
        "statistics": \(numbers ?? "null")
      }

      """
  }

  /// The vocabulary logits as a safetensors file with one float32 tensor `logits`, `rows ×
  /// vocabulary`.
  public var safetensors: [UInt8] {
    let shape = [logits.count / max(1, vocabulary), vocabulary]
    return SafetensorsFile.bytes(of: [FloatTensor("logits", shape: shape, values: logits)])
  }
}
